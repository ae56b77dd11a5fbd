import BootloaderModel
import Foundation
import SimulatedTerminal
import Testing
import VirtualUSB

@testable import Flashing

/// `lightnode flash` at a terminal, over libusb, with the bootloader's model plugged in: what a person sees and how Ctrl-C ends.
@Suite("Flashing over USB at a terminal", .serialized) final class SessionTests {
    let scratch: Scratch
    let it: Attempt
    let device: BootloaderDevice
    let controller: VirtualHostController
    let server: RedirectionServer

    init() throws {
        scratch = try Scratch()
        it = try Attempt()
        device = BootloaderDevice(it.device)
        controller = VirtualHostController(device)
        _ = try #require(controller.waitForDevice(timeout: 30))
        server = try RedirectionServer(path: scratch.url.path + "/usb", controller: controller)
    }

    deinit {
        server.close()
        controller.close()
    }

    /// Holds the process number of `lightnode` itself: programs between it and the test do not pass signals on.
    private var numberFile: String { scratch.url.path + "/number" }

    private func flash() throws -> Terminal {
        let hex = try scratch.file("image.hex", hexFile(it.image, it.board))
        return try Terminal(
            [
                sourceRoot.appendingPathComponent("Tools/with-usb").path, scratch.url.path + "/usb", "--", "/bin/sh", "-c",
                "echo $$ > '\(numberFile)'; exec \"$@\"", "sh", WitnessTests.lightnode, "flash", hex.path, "--via", "dfu",
                "--return-timeout", "0",
            ],
            environment: ProcessInfo.processInfo.environment.merging(["LIGHTNODE_HOME": scratch.url.path]) { $1 },
            folder: sourceRoot, columns: 120)
    }

    @Test("each stage is one line with rate and time left, drawn over until it is at 100 %")
    func progress() throws {
        let terminal = try flash()
        #expect(terminal.end() == 0, "\(terminal.output)")
        let screen = terminal.screen
        #expect(screen.unknown.isEmpty, "\(screen.unknown)")
        // Comparing ends where the first difference is found.
        #expect(screen.text.count { $0.hasPrefix("compare") && !$0.contains("left") } == 1, "\(screen.text)")
        for stage in ["erase", "write", "verify"] {
            let lines = screen.text.filter { $0.hasPrefix(stage) }
            #expect(lines.count == 1 && lines[0].contains("[####################] 100%"), "\(stage): \(screen.text)")
        }
        #expect(terminal.output.contains(/write +\[#+-+\] +\d+% +[\d.]+ KB\/s +\d+:\d\d left/), "\(terminal.output)")
        #expect(it.holdsImage && controller.violations.isEmpty)
    }

    @Test(
        "Ctrl-C while it erases or writes: exit code 130, what it left and how to go on; the next run heals it",
        arguments: ["erase", "write"])
    func interrupted(stage: String) throws {
        let file = numberFile
        let isDue: @Sendable (Int, Int) -> Bool = { stage == "erase" ? $0 == 1 && $1 == 0 : $1 == 5 }
        it.device.onChange = { erases, blocks in
            guard isDue(erases, blocks), let text = try? String(contentsOfFile: file, encoding: .utf8),
                let number = Int32(text.trimmingCharacters(in: .whitespacesAndNewlines))
            else { return }
            // Once: a second one ends the program without a word.
            unlink(file)
            kill(number, SIGINT)
        }
        let first = try flash()
        #expect(first.end() == 130, "\(first.output)")
        let words = first.screen.text.joined(separator: " ")
        #expect(words.contains("was interrupted; its flash is partly written"), "\(words)")
        #expect(words.contains("BOOT0") && words.contains("flash it again"), "\(words)")
        #expect(it.device.programmedBlocks < 60, "it went on to the end")
        #expect(!it.holdsImage && it.isStartBlank && it.keysAreThere)

        it.device.onChange = nil
        device.replug()
        let again = try flash()
        #expect(again.end() == 0, "\(again.output)")
        #expect(it.holdsImage && it.keysAreThere && controller.violations.isEmpty, "\(controller.violations)")
    }
}
