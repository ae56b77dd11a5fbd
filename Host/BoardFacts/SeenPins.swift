// What can be seen of a board's pins from outside its firmware: which they are, and the registers that show their levels.
import Foundation

extension Board {
    /// What registers show, found from the rows of board.json and the chip's file.
    public struct Seen: Codable, Sendable {
        /// By name, the devices that are an `output` of their row.
        public var outputs: [String: OutputLevel]
        /// The lights.
        public var display: Display?
        /// The pins in use, in the order of board.json.
        public var pins: [SeenPin]
    }

    /// A pin that a row names.
    public struct SeenPin: Codable, Sendable {
        /// As printed on the board, "P0.17".
        public var label: String
        /// The device at it, or the wire.
        public var name: String
        /// How its row uses it: "output", "input", "pwm", "analog", "counter", or "wire".
        public var use: String
        /// The number by which the chip's drivers and the emulator know it.
        public var number: UInt32
        /// On, or closed, is the low level.
        public var isActiveLow: Bool
        /// The driver of the device; nil for a wire.
        public var driver: String?
        /// Where what the firmware drives is seen.
        public var output: OutputLevel?
        /// Where what is on the pin is seen.
        public var input: OutputLevel?
    }

    /// The pin that a person means by a label or by the name of what is at it; nil when there is no such pin, or several.
    public func seenPin(_ name: String) -> SeenPin? {
        let pins = seen?.pins ?? []
        if let exact = pins.first(where: { $0.label.lowercased() == name.lowercased() }) { return exact }
        let named = pins.filter { $0.name == name }
        return named.count == 1 ? named[0] : nil
    }

    func pinFacts(_ chip: ChipFacts) -> [SeenPin] {
        var found: [SeenPin] = []
        func add(_ label: String, _ name: String, _ use: String, isActiveLow: Bool = false, driver: String? = nil) {
            guard let number = place(of: label) else { return }
            found.append(
                SeenPin(
                    label: label, name: name, use: use, number: number, isActiveLow: isActiveLow, driver: driver,
                    output: chip.level(of: number), input: chip.input(of: number)))
        }
        for wire in wires ?? [] { add(wire.pin, wire.name, "wire") }
        for (index, pin) in (matrix?.rows ?? []).enumerated() { add(pin, "row\(index + 1)", "output") }
        for (index, pin) in (matrix?.columns ?? []).enumerated() { add(pin, "column\(index + 1)", "output", isActiveLow: true) }
        for bus in buses ?? [] {
            for (name, pin) in (bus.pins ?? [:]).sorted(by: { $0.key < $1.key }) { add(pin, "\(bus.name) \(name)", "wire") }
        }
        for row in devices ?? [] {
            let uses = [(row.output, "output"), (row.input, "input"), (row.analog, "analog"), (row.counter, "counter")]
            for case (let pin?, let use) in uses {
                add(pin, row.name, use, isActiveLow: row.active == .low, driver: row.driver)
            }
            for pin in row.pwm ?? [] { add(pin, row.name, "pwm", driver: row.driver) }
        }
        return found
    }
}
