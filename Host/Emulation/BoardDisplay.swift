// The lights of a board as QEMU's registers show them, independent of what the firmware says.
import BoardFacts
import Foundation
import Reporting

/// One look at a board's lights: a matrix of them, or single named ones.
public struct BoardDisplay: Equatable, Sendable, Codable, CustomStringConvertible {
    /// Lit or not, line by line from the top left; one line for single lights.
    public var lights: [[Bool]]
    /// Names of single lights; empty for a matrix.
    public var names: [String]

    /// Whether any light is lit.
    public var isLit: Bool { lights.joined().contains(true) }
    /// How many are lit.
    public var litCount: Int { lights.joined().filter { $0 }.count }

    /// A drawing: `●` lit, `·` dark.
    public var description: String {
        if names.isEmpty { return lights.map { $0.map { $0 ? "●" : "·" }.joined(separator: " ") }.joined(separator: "\n") }
        return zip(names, lights.first ?? []).map { "\($0) \($1 ? "●" : "·")" }.joined(separator: "   ")
    }

    /// Decodes one value of the output and direction registers.
    public init(wiring: Board.Display, output: UInt32, direction: UInt32 = .max) {
        func level(_ bit: Int) -> Bool { output >> UInt32(bit) & 1 == 1 }
        func driven(_ bit: Int) -> Bool { direction >> UInt32(bit) & 1 == 1 }
        switch wiring.kind {
        case .leds:
            let leds = wiring.leds ?? []
            names = leds.map(\.name)
            lights = [leds.map { driven($0.bit) && level($0.bit) != ($0.activeLow ?? false) }]
        case .matrix:
            names = []
            let rows = wiring.rows ?? [], columns = wiring.columns ?? []
            lights = (wiring.cells ?? []).map { line in
                line.split(separator: " ").map { cell in
                    let place = cell.split(separator: ".").compactMap { Int($0) }
                    guard place.count == 2, rows.indices ~= place[0] - 1, columns.indices ~= place[1] - 1 else { return false }
                    let row = rows[place[0] - 1], column = columns[place[1] - 1]
                    return driven(row) && driven(column) && level(row) && !level(column)
                }
            }
        }
    }

    /// All lights that are lit in this look or the other: what an eye sees of a display that is scanned row by row.
    public func union(_ other: BoardDisplay) -> BoardDisplay {
        var both = self
        both.lights = zip(lights, other.lights).map { zip($0, $1).map { $0 || $1 } }
        return both
    }
}

extension EmulatedBoard {
    /// Looks at the lights `samples` times and puts together what was lit, because firmware may scan a matrix row by row.
    /// - Throws: `Failure` when the board has no lights that QEMU models.
    public func display(samples: Int = 64) throws -> BoardDisplay {
        guard let wiring = board.display else {
            throw Failure(.environment, "Boards/\(board.name)/board.json tells no display", advice: "Add its wiring there")
        }
        var seen: BoardDisplay?
        for index in 0..<max(samples, 1) {
            let output = try readRegister(wiring.output.value)
            let direction = try wiring.direction.map { try readRegister($0.value) } ?? .max
            let now = BoardDisplay(wiring: wiring, output: output, direction: direction)
            seen = seen?.union(now) ?? now
            // Uneven steps, so that they cannot beat with the scan.
            if wiring.kind == .matrix { usleep(UInt32(200 + index * 37 % 400)) }
        }
        return seen!
    }
}
