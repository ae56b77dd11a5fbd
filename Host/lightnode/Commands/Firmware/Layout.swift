// lightnode layout: draws which device of a board is on which pin.
import ArgumentParser
import BoardFacts
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

            It shows the rows of the board's board.json, of which the image's devices are made too. A pin that two devices want is shown
            as a clash, and makes the exit code 4. --check says whether Boards/<board>/Devices.swift is what the rows give; lightnode
            build writes it.
            """)

    @Option(name: .shortAndLong, help: "The board.")
    var board: String
    @Option(help: ArgumentHelp("Write the drawing as SVG.", valueName: "file"))
    var svg: String?
    @Flag(help: "Only compare the board's Devices.swift with its rows: exit code 4 when it is stale.")
    var check = false
    @OptionGroup var output: Output

    func run() throws {
        let catalogue = try BoardCatalogue()
        if check {
            let source = try DeviceSource(try catalogue.board(board), in: catalogue)
            guard source.isCurrent(in: catalogue) else {
                throw Failure(
                    .environment, "\(source.path) is not what board.json gives", about: source.path,
                    remedy: .inOrder([.build(board: board), .advice("Commit that file")]))
            }
            return
        }
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
