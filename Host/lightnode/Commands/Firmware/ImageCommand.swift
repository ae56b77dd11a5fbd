// lightnode image: what an image file says about itself.
import ArgumentParser
import BoardFacts
import Flashing
import Foundation
import Image
import Reporting

struct ImageCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "image", abstract: "Look into firmware images, and write them in other formats.",
        subcommands: [Show.self, Convert.self])

    struct Show: ParsableCommand, JSONCapable {
        static let configuration = CommandConfiguration(
            abstract: "Show the header and the vector table of an image, and whether it may be flashed.",
            discussion: """
                EXAMPLE:
                  lightnode image show build/microbit/light-node.elf

                Takes \(ImageCommand.readable). Exits with 8 when the image is damaged or not for the board that it names.
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

    /// What an image file may be, for help texts.
    static let readable = "ELF, Intel HEX (the micro:bit's Universal Hex too), UF2, DfuSe, and BIN, with or without a DFU suffix"

    struct Convert: ParsableCommand, JSONCapable {
        static let configuration = CommandConfiguration(
            abstract: "Write an image in another format.",
            discussion: """
                EXAMPLE:
                  lightnode image convert build/blackpill-f411/light-node.elf light-node.dfu

                Takes \(ImageCommand.readable). It is checked first, as for flashing:
                exit code 8 when it is damaged or not for the board that it names. UF2 is written for chips that Microsoft's list of families
                has; a BIN of a board with boot code fills the store's place too. See docs/flashing.md.
                """)

        @Argument(help: "The image file.")
        var file: String
        @Argument(help: "The file to write; its extension says the format (.elf, .hex, .bin, .uf2, .dfu).")
        var destination: String
        @Option(
            help:
                "The format, when the extension does not say it: \(ImageFile.Format.allCases.map(\.rawValue).joined(separator: ", "))."
        )
        var format: ImageFile.Format?
        @OptionGroup var output: Output

        func run() throws {
            let format = try format ?? wanted()
            guard !WholeFile.areOne(file, destination) else {
                throw Failure(
                    .usage, "\(destination) is the image itself, which would be overwritten", about: destination,
                    advice: "Name another file")
            }
            let source = try ImageFile(contentsOf: URL(fileURLWithPath: file))
            let board = try BoardCatalogue().board(try source.header().header.board)
            let image = try CheckedImage(source, for: board)
            let bytes = try image.file(as: format)
            if format == .bin, image.fillsStoreAsBinary {
                Notes.add(
                    "\(destination) also fills the place of the store, at \(board.store!.address): lightnode flash leaves the store alone, but "
                        + "another program that writes this file erases the node's keys")
            }
            try WholeFile.write(bytes, to: destination)
            output.show(
                Result(file: destination, format: format, board: board.name, version: image.header.versionText, size: bytes.count)
            )
        }

        private func wanted() throws -> ImageFile.Format {
            let known: [String: ImageFile.Format] = [
                "elf": .elf, "hex": .hex, "ihex": .hex, "ihx": .hex, "bin": .bin, "uf2": .uf2, "dfu": .dfu,
            ]
            guard let format = known[URL(fileURLWithPath: destination).pathExtension.lowercased()] else {
                throw Failure(
                    .usage, "the name \(destination) does not say which format is wanted", about: destination,
                    advice: "Name a file with .elf, .hex, .bin, .uf2 or .dfu at its end, or say --format")
            }
            return format
        }

        struct Result: Encodable, CustomStringConvertible {
            let file: String
            let format: ImageFile.Format
            let board: String
            let version: String
            /// Bytes of the file.
            let size: Int

            var description: String {
                "\(file): \(format.rawValue.uppercased()) of \(size) bytes, for \(board), version \(version)"
            }
        }
    }
}

extension ImageFile.Format: ExpressibleByArgument {}
