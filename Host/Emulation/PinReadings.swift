// The levels of a board's pins as QEMU's registers show them, by the names of its rows.
import BoardFacts
import Foundation
import Reporting

/// One pin at one time.
public struct PinReading: Codable, Equatable, Sendable, CustomStringConvertible {
    /// As printed on the board.
    public var label: String
    /// The device at it, or the wire.
    public var name: String
    /// How its row uses it.
    public var use: String
    /// True: driven, by the register that tells directions; nil where none does.
    public var isOutput: Bool?
    /// True: high. Of an output what the firmware drives, of all else what is on the pin; nil where no register shows it.
    public var isHigh: Bool?
    /// What the level means to its driver: "on", "pressed"; nil where it means nothing.
    public var meaning: String?

    public var description: String {
        func column(_ text: String, _ width: Int) -> String {
            text.padding(toLength: max(width, text.count), withPad: " ", startingAt: 0)
        }
        let level = isHigh.map { $0 ? "high" : "low" } ?? "not shown"
        let fault = use == "output" && isOutput == false ? "   NOT CONFIGURED: nothing is driven" : ""
        return "\(column(label, 9)) \(column(name, 16)) \(column(use, 8)) "
            + (meaning.map { column(level, 5) + " \($0)" } ?? level) + fault
    }
}

extension EmulatedBoard {
    /// All pins that rows of board.json name, each register read once.
    /// - Throws: `Failure` when the board is off.
    public func pins() throws -> [PinReading] {
        var values: [Word: UInt32] = [:]
        func bit(_ register: Word?, _ bit: Int) throws -> Bool? {
            guard let register else { return nil }
            let value = try values[register] ?? readRegister(register.value)
            values[register] = value
            return value >> UInt32(bit) & 1 == 1
        }
        return try (board.seen?.pins ?? []).map { pin in
            let drives = pin.use == "output" || pin.use == "pwm"
            let isOutput = try pin.output.flatMap { try bit($0.direction, $0.bit) }
            // A board that models no inputs shows nothing of the world on them.
            let shown = drives ? pin.output : board.emulator?.inputs == nil ? nil : pin.input
            let isHigh = try shown.flatMap { try bit($0.register, $0.bit) }
            return PinReading(
                label: pin.label, name: pin.name, use: pin.use, isOutput: isOutput, isHigh: isHigh,
                meaning: isHigh.flatMap { Self.meaning($0 != pin.isActiveLow, pin) })
        }
    }

    private static func meaning(_ isActive: Bool, _ pin: Board.SeenPin) -> String? {
        switch (pin.use, pin.driver) {
        case ("output", _?): isActive ? "on" : "off"
        case ("input", "Button"): isActive ? "pressed" : "released"
        case ("input", _?): isActive ? "closed" : "open"
        default: nil
        }
    }
}
