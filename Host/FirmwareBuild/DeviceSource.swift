// The Swift of a board, made from its board.json: what its chip's start asks for, pins, storage, names, declarations, dispatch.
import BoardFacts
import Foundation
import Reporting

/// The generated file of one board.
public struct DeviceSource: Sendable {
    /// Its path below the source tree's root.
    public let path: String
    /// What it must hold.
    public let text: String

    /// - Throws: `Failure` for rows that clash or cannot be.
    public init(_ board: Board, in catalogue: BoardCatalogue) throws {
        let wiring = try BoardWiring(board, in: catalogue)
        try wiring.check()
        path = "Boards/\(board.name)/Devices.swift"
        var words: [String: [String]] = [:]
        for driver in Set(wiring.rows.map(\.driver)) { words[driver] = try DriverWords(of: driver, in: catalogue).words }
        text = Writer(wiring: wiring, board: board, words: words).file
    }

    /// True when the tree holds just this.
    public func isCurrent(in catalogue: BoardCatalogue) -> Bool {
        (try? String(contentsOf: catalogue.root.appendingPathComponent(path), encoding: .utf8)) == text
    }

    /// Writes the file, unless it is current.
    /// - Throws: `Failure` when it cannot be written.
    public func write(into catalogue: BoardCatalogue) throws {
        if isCurrent(in: catalogue) { return }
        do { try Data(text.utf8).write(to: catalogue.root.appendingPathComponent(path), options: .atomic) } catch {
            throw Failure(
                .environment, "\(path) cannot be written: \(error.localizedDescription)", about: path,
                advice: "Check the folder's permissions")
        }
    }
}

/// What a row gives.
private struct Written {
    let variable: String
    /// The driver with its parameters, `Lock<Output>`.
    let type: String
    /// What it is made of, at compile time and once the clocks run.
    let value: String
    let started: String?
    /// Statements that configure its pins.
    let configuration: [String]
}

private struct Writer {
    let wiring: BoardWiring
    let board: Board
    /// What each driver answers to.
    let words: [String: [String]]

    var file: String {
        let devices = wiring.rows.map(written)
        let started = devices.filter { $0.started != nil }
        return """
            // The board and its devices, made from board.json by `lightnode build`: edit that.
            // swift-format-ignore-file

            import Bytes
            @_exported import DeviceModel
            @_exported import Drivers
            import HAL
            import MCU

            /// The chip's peripherals as this board uses them.
            public typealias BoardHardware = ChipHardware<ThisBoard>

            /// What the chip's start asks of the board.
            public enum ThisBoard: ChipBoard {
                @inline(__always) public static var name: StaticString { "\(board.name)" }
            \(lines(facts, indent: 4))
                @inline(__always) public static func configurePins() {
            \(lines(devices.flatMap(\.configuration), indent: 8))
                }
            \(started.isEmpty ? "" : starting(started))}

            \(store)\(matrix)\(pins)
            \(lines(devices.map { "nonisolated(unsafe) private var \(Self.quoted($0.variable)): \($0.type) = \($0.value)" }, indent: 0))
            nonisolated(unsafe) private var waiting = EventQueue()

            public struct BoardDevices: StaticDeviceTable {
                @inline(__always) public init() {}
                @inline(__always) public static var keepsCounts: Bool {
            \(lines([devices.isEmpty ? "false" : kinds(devices)], indent: 8))
                }

                @inline(__always) public static func declaration(_ index: UInt8) -> Declaration? {
                    switch index {
            \(lines(zip(wiring.rows, devices).enumerated().map { declaration($0, $1.0, $1.1) }, indent: 8))
                    default: nil
                    }
                }

                // Only in this module: a client would get its own copy of every driver it names.
                @export(interface) public mutating func reach(_ index: UInt8, _ request: inout DeviceRequest) {
                    switch index {
            \(lines(devices.enumerated().map { "case \($0): request.reach(&\(Self.quoted($1.variable)))" }, indent: 8))
                    default: break
                    }
                }

                public var events: EventQueue {
                    @export(interface) get { waiting }
                    @export(interface) _modify { yield &waiting }
                }

                @inline(__always) public static func index(of name: FlashText) -> UInt8 {
            \(lines(wiring.rows.enumerated().map { "if name.isSame(\"\($1.name)\") { return \($0) }" } + ["return 0"], indent: 8))
                }

                // The compiler asks this for each name and word that an application writes, "" for the name alone; no image holds it.
                @_optimize(none) @_effects(readnone)
                public static func answers(_ name: LiteralText, _ word: LiteralText) -> Bool {
            \(lines(wiring.rows.map { "if name == \"\($0.name)\" { return \(answers($0)) }" } + ["return false"], indent: 8))
                }
            \(reset)}

            """
    }

    /// What the board says to its chip's start.
    private var facts: [String] {
        func fact(_ name: String, _ value: String) -> String {
            "@inline(__always) public static var \(name): UInt32 { \(value) }"
        }
        let own = wiring.places.filter { $0.kind == "pin" && $0.users.isEmpty }
        return [fact("vectors", "\(board.flash.address)")] + (board.crystal.map { [fact("crystalHertz", "\($0)")] } ?? [])
            + own.filter { wiring.chip.wires?[$0.name] != nil }.map { fact(Self.quoted($0.name), "\($0.number)") }
    }

    /// Where the board keeps what must survive.
    private var store: String {
        guard let store = board.store else { return "" }
        return """
            /// The store's pages.
            @inline(__always) public func boardFlash() -> ChipFlash { chipFlash(address: \(store.address), bytes: \(store.size)) }


            """
    }

    /// The places of a matrix's lights, for the board's own Swift.
    private var matrix: String {
        guard let matrix = board.matrix else { return "" }
        let places = matrix.places.joined().map { cell in cell.map { $0.row * matrix.columns.count + $0.column } ?? 0 }
        return """
            /// Where each light is in the matrix, line by line: row × \(matrix.columns.count) + column.
            let matrixPlaces: InlineArray<\(places.count), UInt8> = \(places)


            """
    }

    /// The reset by hand: which device's pin asks for it, and which light counts down.
    private var reset: String {
        var text = ""
        for row in wiring.rows where row.reset == .button {
            text += """

                    public static var isResetButtonDown: Bool { @export(interface) get { \(input(row)).isHigh } }

                """
        }
        for row in wiring.rows where row.reset == .light {
            text += """

                    @export(interface) public static func showReset(in seconds: UInt8) {
                        var light = \(row.output == nil ? row.with?.first ?? "" : output(row))
                        light.showReset(in: seconds)
                    }

                """
        }
        return text
    }

    /// The comparisons with all that may be written of a device.
    private func answers(_ row: DeviceRow) -> String {
        ([""] + (words[row.driver] ?? [])).map { "word == \"\($0)\"" }.joined(separator: " || ")
    }

    private func kinds(_ devices: [Written]) -> String {
        var types: [String] = []
        for device in devices where !types.contains(device.type) { types.append(device.type) }
        return types.map { "\($0).keepsCount" }.joined(separator: " || ")
    }

    /// The pins as an enumeration: the compiler too refuses one that is taken twice.
    private var pins: String {
        let cases = wiring.places.filter { $0.kind == "pin" }.map { place in
            "case \(Self.quoted(place.name)) = \(place.number)  // \(place.label)" + (place.note.map { ": \($0)" } ?? "")
        }
        return """
            /// Who uses which pin.
            enum Pin: UInt32 {
            \(lines(cases, indent: 4))
            }

            """
    }

    private func starting(_ devices: [Written]) -> String {
        let buses = wiring.buses.compactMap { bus in
            bus.started.flatMap { form in
                wiring.rows.contains { $0.bus == bus.name } ? "let \(Self.started(bus)) = \(form)" : nil
            }
        }
        return """

                /// Devices whose parts depend on the clock that the chip got.
                public static func startDevices(_ clocks: ClockTree) {
            \(lines(buses + devices.map { "\(Self.quoted($0.variable)) = \($0.started ?? "")" }, indent: 8))
                }

            """
    }

    private func declaration(_ index: Int, _ row: DeviceRow, _ device: Written) -> String {
        let freshness = row.freshness.map { ", freshness: \($0)" } ?? ""
        return "case \(index): Declaration(\"\(row.name)\", \(device.type).self\(freshness))"
    }

    private func written(_ row: DeviceRow) -> Written {
        let more = row.with ?? []
        func device(_ part: String, _ value: String, started: String? = nil, _ configuration: [String]) -> Written {
            func whole(_ first: String) -> String { "\(row.driver)(\(([first] + more).joined(separator: ", ")))" }
            return Written(
                variable: row.variable, type: "\(row.driver)<\(part)>", value: whole(value), started: started.map(whole),
                configuration: configuration)
        }
        let isLow = row.active == .low
        if let pin = row.output {
            return device(
                isLow ? "ActiveLow<Output>" : "Output", output(row), ["Output(\(place(pin))).configure(high: \(isLow))"])
        }
        if let pin = row.input {
            return device(
                isLow ? "ActiveLowInput<Input>" : "Input", input(row),
                ["Input(\(place(pin))).configure(\(row.pull.map { "pull: .\($0.rawValue)" } ?? ""))"])
        }
        let uses = [
            (row.pwm, wiring.chip.pwm), (row.analog.map { [$0] }, wiring.chip.analog),
            (row.counter.map { [$0] }, wiring.chip.counter),
        ]
        for case (let pins?, let use?) in uses {
            func filled(_ form: String) -> [String] {
                pins.enumerated().map { index, pin in
                    let text = form.replacingOccurrences(of: "{place}", with: place(pin))
                        .replacingOccurrences(of: "{source}", with: use.source(of: pin) ?? "")
                    return (row.labels.map { index < $0.count ? "\($0[index]): " : "" } ?? "") + text
                }
            }
            var configuration = use.output == true ? pins.map { "Output(\(place($0))).configure(high: false)" } : []
            if row.counter != nil { configuration += pins.map { "Input(\(place($0))).configure()" } }
            if let form = use.configure { configuration += filled(form) }
            return device(
                use.type, filled(use.value).joined(separator: ", "),
                started: use.started.map { filled($0).joined(separator: ", ") },
                configuration)
        }
        if let name = row.bus, let bus = wiring.buses.first(where: { $0.name == name }), let address = row.address {
            func on(_ bus: String) -> String {
                let inner = "\(bus), address: 0x\(String(address.value, radix: 16, uppercase: true))"
                return row.part.map { "\($0)(\(inner))" } ?? inner
            }
            return device(
                row.part.map { "\($0)<\(bus.type)>" } ?? bus.type, on(bus.value),
                started: bus.started.map { _ in on(Self.started(bus)) }, [])
        }
        // Of the board or the chip itself: the first argument is the part, and its own name its type.
        let type = more.first.map { String($0.prefix { $0 != "(" }) } ?? ""
        return Written(
            variable: row.variable, type: "\(row.driver)<\(type)>", value: "\(row.driver)(\(more.joined(separator: ", ")))",
            started: nil, configuration: row.configure.map { [$0] } ?? [])
    }

    private func place(_ pin: String) -> String { "\(board.place(of: pin) ?? 0)" }

    /// The pin of a row as its driver sees it: high is on.
    private func output(_ row: DeviceRow) -> String {
        let pin = "Output(\(place(row.output ?? "")))"
        return row.active == .low ? "ActiveLow(\(pin))" : pin
    }

    /// As `output`: high is pressed, closed.
    private func input(_ row: DeviceRow) -> String {
        let pin = "Input(\(place(row.input ?? "")))"
        return row.active == .low ? "ActiveLowInput(\(pin))" : pin
    }

    private func lines(_ lines: [String], indent: Int) -> String {
        lines.map { String(repeating: " ", count: indent) + $0 }.joined(separator: "\n")
    }

    /// The bus once it runs.
    private static func started(_ bus: BoardWiring.Bus) -> String { "started" + BoardWiring.camelCased(bus.name) }

    /// Words that Swift wants in backticks.
    private static let reserved: Set = [
        "as", "associatedtype", "break", "case", "catch", "class", "continue", "default", "defer", "deinit", "do", "else", "enum",
        "extension", "fallthrough", "false", "fileprivate", "for", "func", "guard", "if", "import", "in", "init", "inout",
        "internal",
        "is", "let", "nil", "operator", "private", "precedencegroup", "protocol", "public", "repeat", "rethrows", "return",
        "self",
        "static", "struct", "subscript", "super", "switch", "throw", "throws", "true", "try", "typealias", "var", "where",
        "while",
    ]

    private static func quoted(_ name: String) -> String { reserved.contains(name) ? "`\(name)`" : name }
}
