// lightnode measure-runner: the rows of bench.json about the test runner; for `make bench`.
import ArgumentParser
import BoardFacts
import FirmwareBuild
import TestRunner

struct MeasureRunner: ParsableCommand, JSONCapable {
    static let configuration = CommandConfiguration(
        abstract: "Measure the test runner against bare QEMU.",
        discussion: """
            EXAMPLE:
              lightnode measure-runner --json
            """,
        shouldDisplay: false)

    @Option(name: .shortAndLong, help: "The board to measure on.")
    var board = "microbit"
    @OptionGroup var output: Output

    func run() throws {
        let rows = try Runner.measure(builder: FirmwareBuilder(catalogue: try BoardCatalogue()), board: board)
        output.show(list: rows, empty: "nothing measured")
    }
}
