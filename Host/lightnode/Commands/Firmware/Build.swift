// lightnode build: firmware images.
import ArgumentParser
import BoardFacts
import FirmwareBuild
import Foundation
import Reporting

struct Build: ParsableCommand, JSONCapable {
    static let configuration = CommandConfiguration(
        abstract: "Build a firmware image for a board.",
        discussion: """
            EXAMPLE:
              lightnode build --board microbit
              lightnode build --board mps2-an386 blinky

            The image is build/<board>/<application>.elf, its header stamped with the board's name and a hash.
            """)

    @Argument(help: "The application: a folder of Firmware/Apps.")
    var application = "light-node"
    @Option(name: .shortAndLong, help: "The board, or several: --board microbit --board mps2-an386.")
    var board: [String]
    @Option(name: .shortAndLong, help: "Compiler processes at once.")
    var jobs: Int?
    @Flag(help: "Show the compiler's lines.")
    var verbose = false
    @OptionGroup var output: Output

    func run() throws {
        let catalogue = try BoardCatalogue()
        guard !board.isEmpty else {
            throw Failure(.environment, "no board is named", remedy: .nameBoard(catalogue.names))
        }
        var builder = FirmwareBuilder(catalogue: catalogue)
        builder.jobs = jobs
        builder.live = verbose
        if !verbose { builder.report = Steps.report }
        let images = try board.map { name in
            let board = try catalogue.board(name)
            let image = try builder.build(board: board, product: application)
            let ram = try image.linked().staticRAM(in: board.ram.range)
            return Result(
                board: board.name, path: image.source.path, version: image.header.versionText, flash: image.header.size, ram: ram)
        }
        output.show(list: images, empty: "")
    }

    struct Result: Encodable, CustomStringConvertible {
        let board, path, version: String
        /// Bytes of flash that it takes, and of static RAM.
        let flash, ram: Int

        var description: String { "\(board): \(path)  \(flash) bytes of flash, \(ram) of RAM, \(version)" }
    }
}
