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

    /// Looks once, reading each register that it takes once.
    /// - Throws: what `read` throws.
    public init(wiring: Board.Display, read: (Word) throws -> UInt32) rethrows {
        var values: [Word: UInt32] = [:]
        func bit(_ register: Word?, _ bit: Int) throws -> Bool? {
            guard let register else { return nil }
            let value = try values[register] ?? read(register)
            values[register] = value
            return value >> UInt32(bit) & 1 == 1
        }
        func isDriven(_ outputs: [Board.OutputLevel], high: Bool) throws -> Bool {
            try outputs.allSatisfy { try bit($0.direction, $0.bit) != false && bit($0.register, $0.bit) == high }
        }
        lights = try wiring.lights.map { line in
            try line.map { light in
                try !(light.high + light.low).isEmpty && isDriven(light.high, high: true) && isDriven(light.low, high: false)
            }
        }
        names = wiring.lights.joined().compactMap(\.name)
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
        try display(samples: samples) { try readRegister($0.value) }
    }

    /// Looks by `read`, which says what an address of the board holds.
    /// - Throws: `Failure` when the board has no lights that QEMU models, and what `read` throws.
    public func display(samples: Int, read: (Word) throws -> UInt32) throws -> BoardDisplay {
        guard let wiring = board.display else {
            throw Failure(
                .environment, "Boards/\(board.name)/board.json has no light that a register shows",
                advice: "Add a row with the driver LED there, or its matrix")
        }
        var seen = try BoardDisplay(wiring: wiring, read: read)
        guard wiring.isScanned else { return seen }
        for index in 1..<max(samples, 2) {
            // Uneven steps, so that they cannot beat with the scan.
            usleep(UInt32(200 + index * 37 % 400))
            seen = seen.union(try BoardDisplay(wiring: wiring, read: read))
        }
        return seen
    }
}
