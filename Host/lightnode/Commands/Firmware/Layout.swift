// lightnode layout: draws which device of a board is on which pin.
import ArgumentParser
import FirmwareBuild
import Foundation
import Reporting

struct Layout: ParsableCommand, JSONCapable {
    static let configuration = CommandConfiguration(
        abstract: "Draw a board's wiring: which device is on which pin or bus address.",
        discussion: """
            EXAMPLE:
              lightnode layout --board microbit
              lightnode layout --board microbit --svg wiring.svg

            Read from the board's Board.swift, so the drawing is what the image will be. A pin that two devices want is shown as a clash, and
            makes the exit code 4.
            """)

    @Option(name: .shortAndLong, help: "The board.")
    var board: String
    @Option(help: ArgumentHelp("Write the drawing as SVG.", valueName: "file"))
    var svg: String?
    @OptionGroup var output: Output

    func run() throws {
        let catalogue = try BoardCatalogue()
        let wiring = try BoardWiring(try catalogue.board(board), in: catalogue)
        let drawing = WiringDrawing(wiring)
        if let svg { try WholeFile.write(drawing.svg.utf8, to: svg) }
        output.show(Result(wiring: wiring, drawing: drawing.text))
        try wiring.check()
    }

    struct Result: Encodable, CustomStringConvertible {
        let wiring: BoardWiring
        let drawing: String

        func encode(to encoder: any Encoder) throws { try wiring.encode(to: encoder) }
        var description: String { drawing }
    }
}
