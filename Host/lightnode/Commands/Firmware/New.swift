// lightnode new: skeletons of a board, a driver and an application, which build and pass their own test.
import ArgumentParser
import BoardFacts
import FirmwareBuild

struct New: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Begin a board, a driver or an application.",
        discussion: """
            EXAMPLE:
              lightnode new app garden-gate
              lightnode new driver siren
              lightnode new board porch --like microbit

            Each builds and passes its own test as it is made; nothing that exists is ever overwritten.
            """,
        subcommands: [NewApplication.self, NewDriver.self, NewBoard.self])

    /// What was written, and what to do next.
    struct Made: Encodable, CustomStringConvertible {
        struct Step: Encodable {
            let command: String
            let purpose: String
        }
        let files: [String]
        let next: [Step]

        init(_ skeleton: Skeleton) {
            files = skeleton.files.map(\.path)
            next = skeleton.next.map { Step(command: $0.command, purpose: $0.purpose) }
        }

        var description: String {
            (files.map { "wrote \($0)" } + ["next:"] + next.map { "  \($0.command)\n      \($0.purpose)" }).joined(
                separator: "\n")
        }
    }

    struct NewApplication: ParsableCommand, JSONCapable {
        static let configuration = CommandConfiguration(
            commandName: "app", abstract: "An application in Firmware/Apps, and its story under QEMU.",
            discussion: """
                EXAMPLE:
                  lightnode new app garden-gate
                """)
        @Argument(help: "Its name, such as garden-gate.") var name: String
        @OptionGroup var output: Output

        func run() throws {
            let catalogue = try BoardCatalogue()
            // Its story runs on the boards whose lights and relay the tests can see.
            let skeleton = try Skeleton.application(name, boards: ["microbit", "mps2-an386"])
            try skeleton.write(into: catalogue)
            output.show(Made(skeleton))
        }
    }

    struct NewDriver: ParsableCommand, JSONCapable {
        static let configuration = CommandConfiguration(
            commandName: "driver", abstract: "A driver in Firmware/Drivers, and its test on a simulated pin.",
            discussion: """
                EXAMPLE:
                  lightnode new driver siren
                """)
        @Argument(help: "Its name, such as siren.") var name: String
        @OptionGroup var output: Output

        func run() throws {
            let skeleton = try Skeleton.driver(name)
            try skeleton.write(into: try BoardCatalogue())
            output.show(Made(skeleton))
        }
    }

    struct NewBoard: ParsableCommand, JSONCapable {
        static let configuration = CommandConfiguration(
            commandName: "board",
            abstract: "A board in Boards/ with the wiring of another one of its chip, and its on-target test.",
            discussion: """
                EXAMPLE:
                  lightnode new board porch --like microbit
                """)
        @Argument(help: "Its name, such as porch.") var name: String
        @Option(help: ArgumentHelp("The board to begin with: one with the same chip.", valueName: "board")) var like: String
        @OptionGroup var output: Output

        func run() throws {
            let catalogue = try BoardCatalogue()
            let skeleton = try Skeleton.board(name, like: like, in: catalogue)
            try skeleton.write(into: catalogue)
            output.show(Made(skeleton))
        }
    }
}
