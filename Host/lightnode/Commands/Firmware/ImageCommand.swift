// lightnode image: what an image file says about itself.
import ArgumentParser
import BoardFacts
import Flashing
import Foundation
import Image

struct ImageCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "image", abstract: "Look into firmware images.", subcommands: [Show.self])

    struct Show: ParsableCommand, JSONCapable {
        static let configuration = CommandConfiguration(
            abstract: "Show the header and the vector table of an image, and whether it may be flashed.",
            discussion: """
                EXAMPLE:
                  lightnode image show build/microbit/light-node.elf

                Takes ELF, Intel HEX and BIN. Exits with 8 when the image is damaged or not for the board that it names.
                """)

        @Argument(help: "The image file.")
        var file: String
        @OptionGroup var output: Output

        func run() throws {
            let report = try ImageReport(try ImageFile(contentsOf: URL(fileURLWithPath: file)), catalogue: try BoardCatalogue())
            output.show(report)
            if report.problem != nil { throw ExitCode(ExitStatus.unfitImage.rawValue) }
        }
    }
}
