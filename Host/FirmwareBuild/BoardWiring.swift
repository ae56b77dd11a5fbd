// Which device of a board is on which pin or bus address, read from its Board.swift, and what two of them both want.
import Foundation
import Reporting

/// The wiring of one board.
public struct BoardWiring: Encodable, Sendable {
    /// A pin, a light or a bus address that Board.swift names.
    public struct Place: Encodable, Sendable {
        /// Its name in Board.swift, "serialTransmit".
        public let name: String
        /// What is printed on the board or in its manual, "P0.24".
        public let label: String
        /// The kind of place: the name of its enumeration, "Pin".
        public let kind: String
        public let number: UInt32
        /// The comment behind it.
        public let note: String?
        /// Line of Board.swift.
        public let line: Int
        /// Names of the devices that use it; empty for what the board itself uses.
        public var users: [String] = []
    }

    public struct Device: Encodable, Sendable {
        /// As owners write it, "button-a".
        public let name: String
        /// Its driver, "Button".
        public let driver: String
    }

    public let board: String
    public let title: String
    public internal(set) var places: [Place] = []
    public internal(set) var devices: [Device] = []
    /// What the chip's PWM cannot do.
    private var modulatorFaults: [String] = []

    private enum CodingKeys: CodingKey { case board, title, places, devices }

    /// Reads the wiring of `board` in the source tree of `catalogue`.
    /// - Throws: `Failure` when Board.swift cannot be parsed, or lacks what board.json's `wiring` names.
    public init(_ board: Board, in catalogue: BoardCatalogue) throws {
        self.board = board.name
        title = board.title
        let file = catalogue.root.appendingPathComponent("Boards/\(board.name)/Board.swift")
        let tree = try SyntaxTree(file)
        for (kind, form) in (board.wiring ?? [:]).sorted(by: { $0.key < $1.key }) {
            guard let declaration = tree.items.first(where: { $0.kind == "enum_decl" && $0.name == kind }) else {
                throw Failure(
                    .environment, "Boards/\(board.name)/Board.swift has no enum \(kind), which board.json's \"wiring\" names",
                    advice: "Declare it, or correct board.json")
            }
            places += try Self.places(declaration, form: form, tree)
        }
        let modulated = assignDevices(tree)
        if !modulated.isEmpty, let modulators = try Modulators(mcu: board.mcu, in: catalogue) {
            modulatorFaults = faults(of: modulated, with: modulators)
        }
    }

    private static func places(_ declaration: SyntaxTree.Node, form: String, _ tree: SyntaxTree) throws -> [Place] {
        var places: [Place] = []
        var next: UInt32 = 0
        for element in declaration.list("members").filter({ $0.kind == "enum_case_decl" }).flatMap({ $0.list("elements") }) {
            guard let name = element.name, let start = element.range?.start, let kind = declaration.name else { continue }
            let rest = tree.restOfLine(from: start)
            let value = rest.prefix { $0 != "," && $0 != "/" }.split(separator: "=").dropFirst().first
            let written = value.flatMap { literal($0.trimmingCharacters(in: .whitespaces)) }
            let number = written ?? next
            next = number &+ 1
            let note = rest.range(of: "//").map { rest[$0.upperBound...].trimmingCharacters(in: .whitespaces) }
            places.append(
                Place(
                    name: name, label: label(form, number), kind: kind, number: number, note: note, line: tree.line(of: start)))
        }
        return places
    }

    private static func literal(_ text: String) -> UInt32? {
        let digits = text.replacingOccurrences(of: "_", with: "")
        return digits.hasPrefix("0x") ? UInt32(digits.dropFirst(2), radix: 16) : UInt32(digits)
    }

    /// `form` with `{number}`, `{hex}`, `{port}` and `{pin}` (a letter and a number from the high and low hexadecimal digit) filled in.
    private static func label(_ form: String, _ number: UInt32) -> String {
        let port = String(UnicodeScalar(UInt8(65 + (number >> 4) % 26)))
        return form.replacingOccurrences(of: "{number}", with: String(number))
            .replacingOccurrences(of: "{hex}", with: String(number, radix: 16, uppercase: true))
            .replacingOccurrences(of: "{port}", with: port)
            .replacingOccurrences(of: "{pin}", with: String(number & 0xF))
    }

    /// Follows each device's variable to the places that its initialiser, or a later assignment, refers to; returns those that a
    /// modulator drives.
    private mutating func assignDevices(_ tree: SyntaxTree) -> [Modulated] {
        var modulated: [Modulated] = []
        var references: [String: Set<String>] = [:]
        for entry in tree.items.flatMap({ $0.list("pattern_entries") }) {
            guard let pattern = entry["pattern"]?.all.first(where: { $0.kind == "pattern_named" }), let name = pattern.name else {
                continue
            }
            references[name] = entry["original_init"]?.references
        }
        for assignment in tree.items.flatMap(\.all) where assignment.kind == "assign_expr" {
            guard let name = assignment["dest"]?.name, references[name] != nil else { continue }
            references[name, default: []].formUnion(assignment["src"]?.references ?? [])
        }
        for (variable, device) in Self.declarations(tree) {
            devices.append(device)
            let used = references[variable] ?? []
            // A device that is held by a name of its own, as a timer's channel is.
            let indirect = used.flatMap { references[$0] ?? [] }
            let names = used.union(indirect)
            for index in places.indices where names.contains(places[index].name) { places[index].users.append(device.name) }
            let pins = names.filter(Modulators.isPinName).sorted()
            modulated += pins.map { Modulated(device: device.name, pin: $0) }
            if pins.isEmpty, names.contains("PWM") { modulated.append(Modulated(device: device.name, pin: nil)) }
        }
        // A pin that is handed over to a peripheral bears the name of the device behind it.
        for (variable, device) in Self.declarations(tree) {
            for index in places.indices where places[index].name == variable && places[index].users.isEmpty {
                places[index].users = [device.name]
            }
        }
        return modulated
    }

    /// `case .lock: Declaration("lock", Lock<Output>.self)`: the variable, and what it is called outside.
    private static func declarations(_ tree: SyntaxTree) -> [(String, Device)] {
        let cases = tree.items.flatMap(\.all).filter { $0.kind == "case_stmt" }
        return cases.compactMap { statement in
            guard let variable = statement.list("case_label_items").first?.references.first,
                let call = statement["body"]?.all.first(where: { $0.kind == "call_expr" && $0["fn"]?.name == "Declaration" }),
                let arguments = call["args"], let name = arguments.all.first(where: { $0.kind == "string_literal_expr" }),
                let driver = arguments.all.first(where: { $0.kind == "unresolved_decl_ref_expr" })?.name
            else { return nil }
            return (variable, Device(name: name.fields["value"] as? String ?? variable, driver: driver))
        }
    }

    /// What two of the board's users both want, in words that name both; empty when the wiring is sound.
    public var clashes: [String] {
        var found: [String] = []
        for (index, place) in places.enumerated() {
            if let other = places[..<index].first(where: { $0.kind == place.kind && $0.number == place.number }) {
                found.append(
                    "\(place.label) is taken twice, by \(other.name) (line \(other.line)) and by \(place.name) (line \(place.line))"
                )
            }
            if place.users.count > 1 {
                found.append(
                    "\(place.label) (\(place.name), line \(place.line)) is used by \(place.users.joined(separator: " and by "))")
            }
        }
        return found + modulatorFaults
    }

    /// - Throws: `Failure` naming both users of the first clash.
    public func check() throws {
        guard let clash = clashes.first else { return }
        throw Failure(.environment, "Boards/\(board)/Board.swift: \(clash)", advice: "Give one of them another place")
    }
}
