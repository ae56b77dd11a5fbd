// What board.json says of a board's wires, buses and devices, one row each.
import Foundation

/// A pin that the board itself uses, for its serial line for example.
public struct WireRow: Codable, Sendable {
    /// As printed on the board, "P0.24".
    public var pin: String
    /// A case of the generated `Pin`, "serialTransmit".
    public var name: String
    /// What is at the other end, for people; becomes a comment of the generated source.
    public var note: String?
}

/// A bus that devices share.
public struct BusRow: Codable, Sendable {
    /// "I2C1", one of the chip's buses, or any name when the row itself says what the bus is.
    public var name: String
    /// Which pins it is on, by their names in the bus: `{ "clock": "PB6", "data": "PB7" }`.
    public var pins: [String: String]?
    /// Swift type of the controller, when the chip's file does not say it.
    public var type: String?
    /// Swift expression of it that needs no code at boot, when the chip's file does not say it.
    public var value: String?
    /// Anything that a person should know of the bus; nothing is made of it.
    public var note: String?
}

/// Lights that are wired as a matrix of rows and columns. Their pins are wires `row1`… and `column1`….
public struct MatrixRow: Codable, Sendable {
    /// Pins that feed the rows, high to light.
    public var rows: [String]
    /// Pins that sink the columns, low to light.
    public var columns: [String]
    /// One text per line of the display: for each light "row.column" of the wiring, from 1.
    public var cells: [String]

    /// Row and column of each light, from 0, line by line; nil for a text that is no "row.column" of this matrix.
    public var places: [[(row: Int, column: Int)?]] {
        cells.map { line in
            line.split(separator: " ").map { cell in
                let place = cell.split(separator: ".").map { Int($0) ?? 0 }
                guard place.count == 2, rows.indices ~= place[0] - 1, columns.indices ~= place[1] - 1 else { return nil }
                return (place[0] - 1, place[1] - 1)
            }
        }
    }
}

/// A device: one row. Where it is connected is one of `output`, `input`, `pwm`, `analog`, `counter` and `bus`, or none for what is part
/// of the board or the chip.
public struct DeviceRow: Codable, Sendable {
    /// The level at which a load is on, or at which a closed contact holds its pin.
    public enum Active: String, Codable, Sendable { case low, high }
    /// Which way the chip's own resistor pulls an input.
    public enum Pull: String, Codable, Sendable { case up, down }
    /// What the device does in a reset by hand.
    public enum Reset: String, Codable, Sendable {
        /// Held from power-on on, it takes the node from its owner.
        case button
        /// It shows the seconds until then: an output by turns, any other part as its own `showReset(in:)` does.
        case light
    }

    /// What owners write: at most 16 of a–z, 0–9 and hyphen, a letter first.
    public var name: String
    /// A type of Firmware/Drivers, "Lock".
    public var driver: String
    /// The pin that it drives.
    public var output: String?
    /// The pin that it reads.
    public var input: String?
    /// The level at which an output's load is on, or an input's contact closed; high when absent.
    public var active: Active?
    /// Pull resistor of an input.
    public var pull: Pull?
    /// Pin or pins whose duty it sets; `labels` are the arguments' labels when there are several.
    public var pwm: [String]?
    /// The labels of the arguments that the pins of `pwm` become, in their order; without one the argument has none.
    public var labels: [String]?
    /// The pin whose voltage it measures.
    public var analog: String?
    /// The pin whose edges it counts.
    public var counter: String?
    /// The bus that its part is on, and the part's 7-bit address there.
    public var bus: String?
    /// From 0x08 to 0x77; must be given when `bus` is.
    public var address: Word?
    /// Type between driver and bus, "TMP105"; absent when the driver itself talks to the bus.
    public var part: String?
    /// Further arguments of the driver, as Swift expressions; the first names its type when the device is connected to nothing.
    public var with: [String]?
    /// Swift statement that prepares the part of a device that is connected to nothing.
    public var configure: String?
    /// Its part in a reset by hand.
    public var reset: Reset?
    /// Seconds for which a one-time token is good here, in place of the driver's own.
    public var freshness: UInt8?
    /// Where its wire ends, for people; shown in drawings and as a comment of the generated source.
    public var note: String?

    private enum CodingKeys: CodingKey, CaseIterable {
        case name, driver, output, input, active, pull, pwm, labels, analog, counter, bus, address, part, with, configure, reset,
            freshness, note
    }

    private struct AnyKey: CodingKey {
        let stringValue: String
        var intValue: Int? { nil }
        init(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }
    }

    public init(from decoder: any Decoder) throws {
        // A misspelt key would leave a pin out in silence.
        for key in try decoder.container(keyedBy: AnyKey.self).allKeys where CodingKeys(stringValue: key.stringValue) == nil {
            let known = CodingKeys.allCases.map(\.stringValue).joined(separator: ", ")
            throw DecodingError.dataCorrupted(
                .init(
                    codingPath: decoder.codingPath, debugDescription: "a device has no \"\(key.stringValue)\"; it has: \(known)"))
        }
        let row = try decoder.container(keyedBy: CodingKeys.self)
        name = try row.decode(String.self, forKey: .name)
        driver = try row.decode(String.self, forKey: .driver)
        output = try row.decodeIfPresent(String.self, forKey: .output)
        input = try row.decodeIfPresent(String.self, forKey: .input)
        active = try row.decodeIfPresent(Active.self, forKey: .active)
        pull = try row.decodeIfPresent(Pull.self, forKey: .pull)
        if let pin = try? row.decode(String.self, forKey: .pwm) {
            pwm = [pin]
        } else {
            pwm = try row.decodeIfPresent([String].self, forKey: .pwm)
        }
        labels = try row.decodeIfPresent([String].self, forKey: .labels)
        analog = try row.decodeIfPresent(String.self, forKey: .analog)
        counter = try row.decodeIfPresent(String.self, forKey: .counter)
        bus = try row.decodeIfPresent(String.self, forKey: .bus)
        address = try row.decodeIfPresent(Word.self, forKey: .address)
        part = try row.decodeIfPresent(String.self, forKey: .part)
        with = try row.decodeIfPresent([String].self, forKey: .with)
        configure = try row.decodeIfPresent(String.self, forKey: .configure)
        reset = try row.decodeIfPresent(Reset.self, forKey: .reset)
        freshness = try row.decodeIfPresent(UInt8.self, forKey: .freshness)
        note = try row.decodeIfPresent(String.self, forKey: .note)
    }

    /// The pins that it uses, as printed on the board.
    public var pins: [String] { [output, input, analog, counter].compactMap { $0 } + (pwm ?? []) }
}

extension Board {
    /// An input pin with a button at it.
    public struct EmulatedButton: Sendable {
        /// Numbered as for `Emulator.inputs`.
        public var pin: Int
        /// Level while it is pressed.
        public var pressedIsHigh: Bool
    }

    /// Buttons that a test can press, by the names of their devices; none when the machine does not model its input pins.
    public var emulatedButtons: [String: EmulatedButton] {
        guard emulator?.inputs != nil else { return [:] }
        var buttons: [String: EmulatedButton] = [:]
        for row in devices ?? [] where row.driver == "Button" {
            guard let pin = row.input, let place = place(of: pin) else { continue }
            buttons[row.name] = EmulatedButton(pin: Int(place), pressedIsHigh: row.active != .low)
        }
        return buttons
    }

    /// Finds in the registers of `chip` what the outputs, the pins and the lights of the rows show, and takes what else it says of the chip.
    mutating func resolve(_ chip: ChipFacts) {
        (uf2Family, configuration) = (chip.uf2Family, chip.configuration ?? [])
        func level(_ pin: String) -> OutputLevel? { place(of: pin).flatMap(chip.level) }
        var lights: [Display.Light] = []
        var outputs: [String: OutputLevel] = [:], display: Display?
        defer { seen = Seen(outputs: outputs, display: display, pins: pinFacts(chip)) }
        for row in devices ?? [] {
            guard let seen = row.output.flatMap(level) else { continue }
            outputs[row.name] = seen
            guard row.driver == "LED" else { continue }
            let isLow = row.active == .low
            lights.append(Display.Light(name: row.name, high: isLow ? [] : [seen], low: isLow ? [seen] : []))
        }
        if let matrix {
            let rows = matrix.rows.map(level), columns = matrix.columns.map(level)
            let lines = matrix.places.map { line in
                line.map { place in
                    guard let place, let row = rows[place.row], let column = columns[place.column] else {
                        return Display.Light(name: nil, high: [], low: [])
                    }
                    return Display.Light(name: nil, high: [row], low: [column])
                }
            }
            display = Display(lights: lines, isScanned: true)
        } else if !lights.isEmpty {
            display = Display(lights: [lights], isScanned: false)
        }
    }

    /// The number of the pin that is written `label` on the board; nil when it has no such pin.
    public func place(of label: String) -> UInt32? { pin(of: label)?.number }

    /// The same, with the number of the first pin that is written so.
    public func pin(of label: String) -> (first: UInt32, number: UInt32)? {
        for (form, first) in pins ?? [:] {
            if form.contains("{port}") {
                let parts = form.components(separatedBy: "{port}{pin}")
                guard parts.count == 2, label.hasPrefix(parts[0]), label.hasSuffix(parts[1]) else { continue }
                let text = label.dropFirst(parts[0].count).dropLast(parts[1].count)
                guard let port = text.first?.asciiValue, (65...74).contains(port), let pin = UInt32(text.dropFirst()), pin < 16,
                    String(pin) == text.dropFirst()
                else { continue }
                return (first, first + UInt32(port - 65) << 4 + pin)
            }
            let parts = form.components(separatedBy: "{number}")
            guard parts.count == 2, label.hasPrefix(parts[0]), label.hasSuffix(parts[1]) else { continue }
            let text = label.dropFirst(parts[0].count).dropLast(parts[1].count)
            guard let number = UInt32(text), number < 64, String(number) == text else { continue }
            return (first, first + number)
        }
        return nil
    }
}
