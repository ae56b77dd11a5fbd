// Which device of a board is on which pin or bus address, from the rows of its board.json, and what two of them both want.
import BoardFacts
import Foundation
import Reporting

/// The wiring of one board.
public struct BoardWiring: Encodable, Sendable {
    /// A pin, a light or a bus address that a row names.
    public struct Place: Encodable, Sendable {
        /// As Swift code names it, "serialTransmit".
        public let name: String
        /// What is printed on the board or in its manual, "P0.24".
        public let label: String
        /// "pin", or the name of its bus.
        public let kind: String
        /// The pin's number as the chip's drivers take it, or the 7-bit address on a bus.
        public let number: UInt32
        /// The note of its row, for people.
        public let note: String?
        /// Name of the device that uses it; empty for what the board itself uses.
        public let users: [String]
    }

    /// A device of the board, by the two words of its row that people write.
    public struct Device: Encodable, Sendable {
        /// As owners write it, "button-a".
        public let name: String
        /// Its driver, "Button".
        public let driver: String
    }

    /// The name of its folder in Boards.
    public let board: String
    /// What people call the board, with chip and core.
    public let title: String
    /// In the order of board.json: the board's own wires, then each device's pins and bus address.
    public private(set) var places: [Place] = []
    /// In the order of their indices on the node.
    public var devices: [Device] { rows.map { Device(name: $0.name, driver: $0.driver) } }
    let rows: [DeviceRow]
    let buses: [BusRow]
    let chip: ChipFacts

    private enum CodingKeys: CodingKey { case board, title, places, devices }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(board, forKey: .board)
        try container.encode(title, forKey: .title)
        try container.encode(places, forKey: .places)
        try container.encode(devices, forKey: .devices)
    }

    /// Most devices of a board: an index is one of four bits in a node's records.
    static let mostDevices = 16

    /// Reads the wiring of `board`, one of `catalogue`.
    /// - Throws: `Failure` naming the row that cannot be, and why.
    public init(_ board: Board, in catalogue: BoardCatalogue) throws {
        self.board = board.name
        title = board.title
        rows = board.devices ?? []
        buses = board.buses ?? []
        chip = try ChipFacts(of: board, in: catalogue)
        guard rows.count <= Self.mostDevices else {
            throw fault("there are \(rows.count) devices", "A node has \(Self.mostDevices) at most")
        }
        for wire in board.wires ?? [] {
            guard Self.isIdentifier(wire.name) else {
                throw fault("\"\(wire.name)\" is no name for a wire", "Use letters and digits, a small letter first")
            }
            places.append(try place(wire.pin, of: board, name: wire.name, note: wire.note, users: []))
        }
        for row in rows { try add(row, of: board) }
    }

    private mutating func add(_ row: DeviceRow, of board: Board) throws {
        try check(row)
        for pin in row.pins {
            let name = row.pins.count == 1 ? row.variable : row.variable + Self.camelCased(pin)
            places.append(try place(pin, of: board, name: name, note: row.note, users: [row.name]))
        }
        guard let bus = row.bus else { return }
        guard buses.contains(where: { $0.name == bus }) else {
            throw fault(
                "\"\(row.name)\" is on a bus \"\(bus)\" that \"buses\" does not list", "Add it there, or correct the row")
        }
        guard let address = row.address?.value, (0x08...0x77).contains(address) else {
            throw fault("\"\(row.name)\" is on \(bus) without an address", "Give its 7-bit \"address\", 0x08 to 0x77")
        }
        let hex = String(address, radix: 16, uppercase: true)
        places.append(
            Place(
                name: row.variable, label: "\(bus) 0x\(hex)", kind: bus, number: UInt32(address), note: row.note,
                users: [row.name]))
    }

    private func place(_ label: String, of board: Board, name: String, note: String?, users: [String]) throws -> Place {
        guard let number = board.place(of: label) else {
            let forms = (board.pins ?? [:]).keys.sorted().joined(separator: ", ")
            throw fault("\(name) is on \"\(label)\", which is no pin of it", "Its pins are written \(forms)")
        }
        return Place(name: name, label: label, kind: "pin", number: number, note: note, users: users)
    }

    /// What can be said of a row by itself.
    private func check(_ row: DeviceRow) throws {
        let letters = row.name.allSatisfy { $0.isASCII && ($0.isLowercase || $0.isNumber || $0 == "-") }
        guard letters, row.name.first?.isLowercase == true, row.name.last != "-", !row.name.contains("--"), row.name.count <= 16
        else {
            throw fault("\"\(row.name)\" is no name of a device", "Use at most 16 of a–z, 0–9 and hyphen, a letter first")
        }
        guard Self.isIdentifier(row.driver), row.part.map(Self.isIdentifier) ?? true else {
            throw fault("\"\(row.name)\" names no driver", "Use the name of a type in Firmware/Drivers")
        }
        let ways = [row.output, row.input, row.analog, row.counter, row.bus].compactMap { $0 }.count + (row.pwm == nil ? 0 : 1)
        guard ways <= 1, ways == 1 || row.with?.isEmpty == false else {
            throw fault(
                "\"\(row.name)\" is connected in \(ways) ways",
                "Give it one of output, input, pwm, analog, counter and bus, or with \"with\" what it is made of")
        }
        // A pin in an expression is one that no check sees, and that nothing configures.
        if let hidden = row.with?.first(where: { $0.contains(/\b(Output|Input|PWM|ADCInput|PinCounter|Port)\s*[.(]/) }) {
            throw fault("\"\(row.name)\" takes a pin in \"\(hidden)\"", "Say it with output, input, pwm, analog or counter")
        }
    }

    private func fault(_ what: String, _ remedy: String) -> Failure {
        Failure(.environment, "Boards/\(board)/board.json: \(what)", advice: remedy)
    }

    static func isIdentifier(_ text: String) -> Bool {
        text.first?.isLetter == true && text.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber) }
    }

    /// "button-a" as "ButtonA", "P0.24" as "P024".
    static func camelCased(_ text: String) -> String {
        text.split { !$0.isLetter && !$0.isNumber }.map { $0.prefix(1).uppercased() + $0.dropFirst() }.joined()
    }

    /// What two of the board's users both want, in words that name both, or what its chip cannot do; empty when the wiring is sound.
    public var clashes: [String] {
        var found: [String] = []
        for (index, row) in rows.enumerated() where rows[..<index].contains(where: { $0.name == row.name }) {
            found.append("two devices are called \(row.name)")
        }
        func owner(_ place: Place) -> String { place.users.first ?? place.name }
        for (index, place) in places.enumerated() {
            if let other = places[..<index].first(where: { $0.kind == place.kind && $0.number == place.number }) {
                found.append("\(place.label) is taken twice, by \(owner(other)) and by \(owner(place))")
            } else if let other = places[..<index].first(where: {
                $0.kind == "pin" && place.kind == "pin" && $0.name == place.name
            }) {
                found.append("\(other.label) and \(place.label) are both called \(place.name)")
            }
        }
        return found + sourceFaults("PWM", chip.pwm) { $0.pwm ?? [] }
            + sourceFaults("analog input", chip.analog) { [$0.analog].compactMap(\.self) }
            + sourceFaults("counter", chip.counter) { [$0.counter].compactMap(\.self) }
    }

    /// What cannot be had of the chip's modulators, converters or counters.
    private func sourceFaults(_ what: String, _ use: ChipFacts.Use?, _ pins: (DeviceRow) -> [String]) -> [String] {
        var found: [String] = []
        var taken: [String: (device: String, pin: String)] = [:]
        for row in rows {
            for pin in pins(row) {
                guard let use else {
                    found.append("\(row.name) wants a \(what) on \(pin), and this chip's drivers have none")
                    continue
                }
                guard let source = use.source(of: pin) else {
                    let reached = use.sources.keys.sorted().joined(separator: ", ")
                    found.append("\(row.name) wants \(what) on \(pin), which none reaches; those reached are \(reached)")
                    continue
                }
                if let other = taken[source] {
                    let name = use.sources["*"] ?? "\(what) \(source.uppercased())"
                    found.append("\(name) is used by \(other.device) (\(other.pin)) and by \(row.name) (\(pin))")
                }
                taken[source] = (row.name, pin)
            }
        }
        return found
    }

    /// - Throws: `Failure` naming both users of the first clash.
    public func check() throws {
        guard let clash = clashes.first else { return }
        throw fault(clash, "Give one of them another place")
    }
}

extension DeviceRow {
    /// Its name in Swift, "buttonA".
    var variable: String {
        let words = BoardWiring.camelCased(name)
        return words.prefix(1).lowercased() + words.dropFirst()
    }
}
