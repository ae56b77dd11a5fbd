// Parts on a bus that QEMU models, and what a person can set of an emulated board by the names that its rows give.
import BoardFacts
import Foundation
import Reporting

/// A part that QEMU models: its device, and the property that is what it measures.
struct PartModel: Sendable {
    let device: String
    let property: String
    /// Of the property, in one unit that people use.
    let scale: Double
    let unit: String
    /// What it measures until it is told otherwise.
    let initial: Double

    /// By the type that a row of board.json names as `part`. A TMP105 has its temperature in thousandths of a degree (QEMU, hw/sensor/tmp105.c).
    static let byPart = [
        "TMP105": PartModel(device: "tmp105", property: "temperature", scale: 1000, unit: "°C", initial: 21)
    ]
}

/// What is changed around an emulated board.
public enum SurroundingsChange: Codable, Equatable, Sendable {
    /// The level on a pin that the firmware reads.
    case pin(number: Int, isHigh: Bool)
    /// What a part measures, in QEMU's units.
    case part(id: String, property: String, value: Int)

    var isOfPart: Bool { if case .part = self { true } else { false } }

    func isOfSamePart(as other: SurroundingsChange) -> Bool {
        if case (.part(let id, _, _), .part(let otherID, _, _)) = (self, other) { id == otherID } else { false }
    }
}

extension Board {
    private var emulatedParts: [(row: DeviceRow, model: PartModel)] {
        (devices ?? []).compactMap { row in
            guard let bus = row.bus, emulator?.buses?.contains(bus) == true,
                let model = row.part.flatMap({ PartModel.byPart[$0] })
            else { return nil }
            return (row, model)
        }
    }

    /// QEMU's arguments that put the parts of the rows on their buses, each under its device's name.
    var partArguments: [String] {
        emulatedParts.flatMap { row, model in
            ["-device", "\(model.device),address=0x\(String(row.address?.value ?? 0, radix: 16)),id=\(row.name)"]
        }
    }

    /// What the parts measure until they are told otherwise.
    var initialSurroundings: [SurroundingsChange] {
        emulatedParts.map { row, model in
            .part(id: row.name, property: model.property, value: Int(model.initial * model.scale))
        }
    }

    /// The change that a person means by a name and a value: `thermometer 25.5`, `button-a pressed`, `P0.3 high`.
    /// - Throws: `Failure` that says what can be set, or what the value must be.
    public func surroundings(_ name: String, _ value: String) throws -> SurroundingsChange {
        if let (row, model) = emulatedParts.first(where: { $0.row.name == name }) {
            // What no such part can measure is more than any property holds.
            guard let number = Double(value), abs(number) <= 1000 else {
                throw Failure(.usage, "“\(value)” is no value for \(name)", advice: "Give a number in \(model.unit)")
            }
            return .part(id: row.name, property: model.property, value: Int((number * model.scale).rounded()))
        }
        guard let pin = seenPin(name), pin.use == "input" || pin.use == "wire" else { return try unnamedPin(name, value) }
        guard emulator?.inputs != nil else { throw notModelled }
        let high = try level(value, of: name, isActiveLow: pin.isActiveLow)
        return .pin(number: Int(pin.number), isHigh: high)
    }

    /// A pin that no row names can be set too; what a row drives, or measures, cannot.
    private func unnamedPin(_ name: String, _ value: String) throws -> SurroundingsChange {
        if let pin = seenPin(name), pin.use != "input" {
            throw Failure(
                .usage, "\(name) is \(pin.use == "output" || pin.use == "pwm" ? "driven by the firmware" : "no digital input")",
                advice: settable)
        }
        guard let number = place(of: name) else {
            let isPart = (devices ?? []).contains { $0.name == name }
            throw Failure(
                .usage,
                isPart
                    ? "the emulator has no part that \(name) measures with"
                    : "the emulated \(self.name) has nothing called “\(name)”",
                advice: settable)
        }
        guard emulator?.inputs != nil else { throw notModelled }
        return .pin(number: Int(number), isHigh: try level(value, of: name, isActiveLow: false))
    }

    private func level(_ value: String, of name: String, isActiveLow: Bool) throws -> Bool {
        switch value.lowercased() {
        case "high", "1": true
        case "low", "0": false
        case "pressed", "closed", "on": !isActiveLow
        case "released", "open", "off": isActiveLow
        default:
            throw Failure(
                .usage, "“\(value)” is no level for \(name)", advice: "Say high or low, or pressed or released, closed or open")
        }
    }

    private var notModelled: Failure {
        Failure(
            .environment, "QEMU does not model the input pins of \(name)",
            advice: emulatedParts.isEmpty ? "Use a board whose pins the emulator models: microbit" : settable)
    }

    /// What can be set, for advice.
    private var settable: String {
        let pins = emulator?.inputs == nil ? [] : (seen?.pins ?? []).filter { $0.use == "input" }.map(\.name)
        let all = pins + emulatedParts.map(\.row.name)
        return all.isEmpty ? "Nothing of this board can be set in the emulator" : "There are: \(all.joined(separator: ", "))"
    }
}

extension EmulatedBoard {
    /// Changes what surrounds the board.
    /// - Throws: `Failure` when the emulator does not model it, or the board is off.
    public func apply(_ change: SurroundingsChange) throws {
        switch change {
        case .pin(let number, let isHigh): try setInput(pin: number, high: isHigh)
        case .part(let id, let property, let value): try set(property, of: id, to: value)
        }
    }
}
