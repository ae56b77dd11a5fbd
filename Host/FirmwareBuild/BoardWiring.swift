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
        /// Which row says so: a file and its line, "Boards/microbit/board.json:51".
        public let row: String
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
    public let devices: [Device]
    let rows: [DeviceRow]
    let buses: [Bus]
    let matrix: MatrixRow?
    let chip: ChipFacts
    private let source: Board
    private let lines: RowLines

    /// A bus of the board: what its row says, and for the rest what the chip's file does.
    struct Bus {
        let name: String
        let type: String
        let value: String
        let started: String?
    }

    private enum CodingKeys: CodingKey { case board, title, places, devices }

    /// Most devices of a board: an index is one of four bits in a node's records.
    static let mostDevices = 16

    /// Reads the wiring of `board`, one of `catalogue`.
    /// - Throws: `Failure` naming the row that cannot be, and why.
    public init(_ board: Board, in catalogue: BoardCatalogue) throws {
        self.board = board.name
        title = board.title
        source = board
        rows = board.devices ?? []
        devices = rows.map { Device(name: $0.name, driver: $0.driver) }
        matrix = board.matrix
        let chip = try ChipFacts(of: board, in: catalogue)
        self.chip = chip
        let text = try? Data(contentsOf: catalogue.root.appendingPathComponent("Boards/\(board.name)/board.json"))
        lines = RowLines(text ?? Data())
        buses = (board.buses ?? []).map { row in
            let known = chip.buses?[row.name]
            func filled(_ form: String) -> String {
                (row.pins ?? [:]).reduce(form) { text, pin in
                    text.replacingOccurrences(of: "{\(pin.key)}", with: "\(board.place(of: pin.value) ?? 0)")
                }
            }
            return Bus(
                name: row.name, type: row.type ?? known?.type ?? "", value: filled(row.value ?? known?.value ?? ""),
                started: row.value == nil ? (known?.started).map(filled) : nil)
        }
        guard rows.count <= Self.mostDevices else {
            throw fault("there are \(rows.count) devices", "A node has \(Self.mostDevices) at most", at: file)
        }
        try addWires()
        try addMatrix()
        try addBuses()
        for (index, row) in rows.enumerated() { try add(row, at: here("devices", index)) }
        try BoardSwift(of: board, in: catalogue).check(rows) { here("devices", $0) }
        for part in [DeviceRow.Reset.button, .light] {
            let all = rows.indices.filter { rows[$0].reset == part }.map { here("devices", $0) }
            guard all.count > 1 else { continue }
            throw fault("\"reset\": \"\(part.rawValue)\" is also at \(all[0])", "A board has one", at: all[1])
        }
    }

    private var file: String { "Boards/\(board)/board.json" }

    /// A row's place in the file.
    private func here(_ key: String, _ index: Int? = nil) -> String {
        let line =
            index.map { index in lines.rows[key].flatMap { $0.indices ~= index ? $0[index].line : nil } } ?? lines.keys[key]
        return line.map { "\(file):\($0)" } ?? file
    }

    private mutating func addWires() throws {
        let wires = source.wires ?? []
        for (index, wire) in wires.enumerated() {
            let row = here("wires", index)
            guard Self.isIdentifier(wire.name) else {
                throw fault("\"\(wire.name)\" is no name for a wire", "Use letters and digits, a small letter first", at: row)
            }
            if let pins = chip.wires?[wire.name], !pins.isEmpty, !pins.contains(wire.pin) {
                throw fault(
                    "\(wire.name) is on \(wire.pin), which the chip does not reach with it",
                    "Give it \(pins.joined(separator: " or "))", at: row)
            }
            try add(wire.pin, name: wire.name, note: wire.note, row: row)
        }
        for (name, pins) in (chip.wires ?? [:]).sorted(by: { $0.key < $1.key }) where !wires.contains(where: { $0.name == name })
        {
            guard pins.count == 1 else {
                throw fault(
                    "the chip's start asks for a wire \"\(name)\"",
                    "Add a row to wires" + (pins.isEmpty ? "" : ", on \(pins.joined(separator: " or "))"), at: here("wires"))
            }
            try add(pins[0], name: name, note: nil, row: chip.path)
        }
    }

    private mutating func addMatrix() throws {
        guard let matrix else { return }
        let row = here("matrix")
        for (index, pin) in matrix.columns.enumerated() { try add(pin, name: "column\(index + 1)", note: nil, row: row) }
        for (index, pin) in matrix.rows.enumerated() { try add(pin, name: "row\(index + 1)", note: nil, row: row) }
        guard matrix.places.joined().allSatisfy({ $0 != nil }) else {
            throw fault("a cell of the matrix has no such row or column", "Write each as \"row.column\", from 1", at: row)
        }
    }

    private mutating func addBuses() throws {
        for (index, bus) in (source.buses ?? []).enumerated() {
            let row = here("buses", index)
            guard !buses[index].type.isEmpty, !buses[index].value.isEmpty else {
                let known = (chip.buses ?? [:]).keys.sorted().joined(separator: ", ")
                throw fault(
                    "the chip has no bus \"\(bus.name)\"",
                    "Say its type and value, or use one of the chip's: \(known.isEmpty ? "none" : known)", at: row)
            }
            let wanted = bus.value == nil ? chip.buses?[bus.name]?.pins ?? [:] : [:]
            for name in Set(wanted.keys).union((bus.pins ?? [:]).keys).sorted() {
                let reached = wanted[name]
                guard let pin = bus.pins?[name], reached?.contains(pin) ?? (bus.value != nil) else {
                    throw fault(
                        "\(bus.name) has its \"\(name)\" on \(bus.pins?[name] ?? "no pin")",
                        reached.map { "Give it \($0.joined(separator: " or "))" } ?? "It has \(wanted.keys.sorted())", at: row)
                }
                let start = bus.name.lowercased().filter { $0.isLetter || $0.isNumber }
                try add(pin, name: start + Self.camelCased(name), note: bus.note, row: row)
            }
        }
    }

    private mutating func add(_ row: DeviceRow, at place: String) throws {
        try check(row, at: place)
        for pin in row.pins {
            let name = row.pins.count == 1 ? row.variable : row.variable + Self.camelCased(pin)
            try add(pin, name: name, note: row.note, users: [row.name], row: place, drives: row.output != nil || row.pwm != nil)
        }
        guard let bus = row.bus else { return }
        guard buses.contains(where: { $0.name == bus }) else {
            throw fault(
                "\"\(row.name)\" is on a bus \"\(bus)\" that \"buses\" does not list", "Add it there, or correct the row",
                at: place)
        }
        guard let address = row.address?.value, (0x08...0x77).contains(address) else {
            throw fault("\"\(row.name)\" is on \(bus) without an address", "Give its 7-bit \"address\", 0x08 to 0x77", at: place)
        }
        let hex = String(address, radix: 16, uppercase: true)
        places.append(
            Place(
                name: row.variable, label: "\(bus) 0x\(hex)", kind: bus, number: UInt32(address), note: row.note,
                users: [row.name], row: place))
    }

    /// - Parameter drives: it is to be an output.
    private mutating func add(
        _ label: String, name: String, note: String?, users: [String] = [], row: String, drives: Bool = false
    ) throws {
        let forms = (source.pins ?? [:]).keys.sorted().joined(separator: ", ")
        guard let (first, number) = source.pin(of: label) else {
            throw fault("\(name) is on \"\(label)\", which is no pin of it", "Its pins are written \(forms)", at: row)
        }
        // A driver would write beside the register, or to the pin of another label, and call it done.
        guard chip.has(number, from: first, drives: drives) else {
            let isInput = chip.has(number, from: first, drives: false)
            throw fault(
                isInput
                    ? "\(name) drives \(label), which the chip can only read"
                    : "\(name) is on \(label), which the chip does not have",
                "\(chip.path) says which pins there are; they are written \(forms)", at: row)
        }
        places.append(Place(name: name, label: label, kind: "pin", number: number, note: note, users: users, row: row))
    }

    /// What can be said of a row by itself.
    private func check(_ row: DeviceRow, at place: String) throws {
        let letters = row.name.allSatisfy { $0.isASCII && ($0.isLowercase || $0.isNumber || $0 == "-") }
        guard letters, row.name.first?.isLowercase == true, row.name.last != "-", !row.name.contains("--"), row.name.count <= 16
        else {
            throw fault(
                "\"\(row.name)\" is no name of a device", "Use at most 16 of a–z, 0–9 and hyphen, a letter first", at: place)
        }
        guard Self.isIdentifier(row.driver), row.part.map(Self.isIdentifier) ?? true else {
            throw fault("\"\(row.name)\" names no driver", "Use the name of a type in Firmware/Drivers", at: place)
        }
        let ways = [row.output, row.input, row.analog, row.counter, row.bus].compactMap { $0 }.count + (row.pwm == nil ? 0 : 1)
        guard ways <= 1, ways == 1 || row.with?.isEmpty == false else {
            throw fault(
                "\"\(row.name)\" is connected in \(ways) ways",
                "Give it one of output, input, pwm, analog, counter and bus, or with \"with\" what it is made of", at: place)
        }
        // A pin in an expression is one that no check sees, and that nothing configures.
        if let hidden = row.with?.first(where: { BoardSwift.takesPin($0) || $0.contains(".init") }) {
            throw fault(
                "\"\(row.name)\" takes a pin in \"\(hidden)\"", "Say it with output, input, pwm, analog or counter", at: place)
        }
        guard row.configure == nil || ways == 0 else {
            throw fault(
                "\"\(row.name)\" has a pin and a \"configure\"", "Its pin is configured because the row is there", at: place)
        }
        if row.reset == .button, row.input == nil { throw fault("\"\(row.name)\" is no button", "Give it an input", at: place) }
        if row.reset == .light, row.output == nil, ways > 0 {
            throw fault(
                "\"\(row.name)\" is no light for a reset", "Use a device with an output, or a part of the board", at: place)
        }
    }

    private func fault(_ what: String, _ remedy: String, at place: String) -> Failure {
        Failure(.environment, "\(place): \(what)", about: place, advice: remedy)
    }

    static func isIdentifier(_ text: String) -> Bool {
        text.first?.isLetter == true && text.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber) }
    }

    /// "button-a" as "ButtonA", "P0.24" as "P024".
    static func camelCased(_ text: String) -> String {
        text.split { !$0.isLetter && !$0.isNumber }.map { $0.prefix(1).uppercased() + $0.dropFirst() }.joined()
    }

    /// What two of the board's users both want, in words that name both and their rows, or what its chip cannot do; empty when the wiring is
    /// sound.
    public var clashes: [String] {
        var found: [String] = []
        for (index, row) in rows.enumerated() {
            guard let other = rows[..<index].firstIndex(where: { $0.name == row.name }) else { continue }
            found.append("two devices are called \(row.name), at \(here("devices", other)) and at \(here("devices", index))")
        }
        func owner(_ place: Place) -> String { "\(place.users.first ?? place.name) (\(place.row))" }
        for (index, place) in places.enumerated() {
            if let other = places[..<index].first(where: { $0.kind == place.kind && $0.number == place.number }) {
                found.append("\(place.label) is taken twice, by \(owner(other)) and by \(owner(place))")
            } else if let other = places[..<index].first(where: {
                $0.kind == "pin" && place.kind == "pin" && $0.name == place.name
            }) {
                found.append("\(other.label) (\(other.row)) and \(place.label) (\(place.row)) are both called \(place.name)")
            }
        }
        return found + sourceFaults("PWM", chip.pwm) { $0.pwm ?? [] }
            + sourceFaults("analog input", chip.analog) { [$0.analog].compactMap(\.self) }
            + sourceFaults("counter", chip.counter) { [$0.counter].compactMap(\.self) }
    }

    /// What cannot be had of the chip's modulators, converters or counters.
    private func sourceFaults(_ what: String, _ use: ChipFacts.Use?, _ pins: (DeviceRow) -> [String]) -> [String] {
        var found: [String] = []
        var taken: [String: String] = [:]
        for (index, row) in rows.enumerated() {
            for pin in pins(row) {
                let user = "\(row.name) (\(pin), \(here("devices", index)))"
                guard let use else {
                    found.append("\(user) wants a \(what), and this chip's drivers have none")
                    continue
                }
                guard let source = use.source(of: pin) else {
                    let reached = use.sources.keys.sorted().joined(separator: ", ")
                    found.append("\(user) wants \(what) on \(pin), which none reaches; those reached are \(reached)")
                    continue
                }
                if let other = taken[source] {
                    let name = use.sources["*"] ?? "\(what) \(source.uppercased())"
                    found.append("\(name) is used by \(other) and by \(user)")
                }
                taken[source] = user
            }
        }
        return found
    }

    /// - Throws: `Failure` naming both users of the first clash.
    public func check() throws {
        guard let clash = clashes.first else { return }
        throw Failure(.environment, clash, about: file, advice: "Give one of them another place")
    }
}

extension DeviceRow {
    /// Its name in Swift, "buttonA".
    var variable: String {
        let words = BoardWiring.camelCased(name)
        return words.prefix(1).lowercased() + words.dropFirst()
    }
}
