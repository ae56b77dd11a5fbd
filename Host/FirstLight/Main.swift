// first-light: takes a board from nothing to its owner's signed $('led').on(), and checks every step from outside.
import ArgumentParser
import BoardFacts
import Emulation
import Foundation
import Reporting

@main
struct FirstLight: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "first-light",
        abstract: "From nothing to the owner's signed $('led').on(), on an emulated board, each step checked.",
        discussion: """
            EXAMPLE:
              make run
              .build/release/first-light --board mps2-an386

            Exits with 0 only if every step did what it says. Nothing is left behind: keys, flash and emulator live in a temporary folder.
            """)

    @Option(name: .shortAndLong, help: "The board to emulate.")
    var board = "microbit"
    @Option(help: "The image; build/<board>/light-node.elf when not given.")
    var image: String?

    func run() async throws {
        signal(SIGPIPE, SIG_IGN)
        var walk = Walk()
        let place: Workplace
        do { place = try Workplace() } catch {
            walk.fail("\(error)")
            throw ExitCode(4)
        }
        var story: Story?
        do {
            let catalogue = try BoardCatalogue()
            let image =
                image.map { URL(fileURLWithPath: $0) } ?? catalogue.root.appendingPathComponent("build/\(board)/light-node.elf")
            story = Story(board: try catalogue.board(board), image: image, root: catalogue.root, folder: place.folder)
            try await story?.tell(&walk, keep: place.keep)
        } catch is Walk.Stopped {
        } catch {
            place.yieldToInterruption()
            walk.fail("\((error as? any Reportable)?.failure.description ?? "\(error)")")
            for line in story?.node?.log.suffix(5) ?? [] { walk.quote(line) }
        }
        place.yieldToInterruption()
        place.clear()
        summarise(walk, story)
        if walk.failures > 0 || walk.step < Story.steps { throw ExitCode(1) }
        if let failure = StandardOutput.failure, !StandardOutput.isClosed {
            StandardError.write("error: \(failure)\n")
            throw ExitCode(4)
        }
    }

    private func summarise(_ walk: Walk, _ story: Story?) {
        walk.blank()
        guard walk.failures == 0, walk.step == Story.steps, let story else {
            walk.title("First light FAILED in step \(walk.step) of \(Story.steps).")
            return
        }
        walk.title(
            "First light: all \(Story.steps) steps did what they say (\(walk.checks) checks, \(String(format: "%.1f", walk.seconds)) s)."
        )
        for (name, value) in story.outcome { walk.say(name.padding(toLength: 9, withPad: " ", startingAt: 0) + value) }
    }
}
