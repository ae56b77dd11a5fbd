// The Swift of a board's devices, made from the rows of its board.json: pins, storage, names, declarations, dispatch.
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
        text = Writer(wiring: wiring, board: board).file
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

    var file: String {
        let devices = wiring.rows.map(written)
        let started = devices.filter { $0.started != nil }
        return """
            // The board's devices, made from the rows of board.json by `lightnode build`: edit those.
            // swift-format-ignore-file

            import Bytes
            @_exported import DeviceModel
            @_exported import Drivers
            import HAL
            import MCU

            \(pins)
            \(lines(devices.map { "nonisolated(unsafe) private var \(Self.quoted($0.variable)): \($0.type) = \($0.value)" }, indent: 0))
            nonisolated(unsafe) private var waiting = EventQueue()

            /// Every pin that a device uses, made what the device needs, outputs at their safe level. `BoardHardware` holds one.
            public struct DevicePins: Sendable {
                @inline(__always) init() {
            \(lines(devices.flatMap(\.configuration), indent: 8))
                }
            }
            \(started.isEmpty ? "" : starting(started))
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

                // The compiler asks these for each name and method that an application writes; no image holds them.
                @_optimize(none) @_effects(readnone) public static func has(_ name: LiteralText) -> Bool {
            \(lines(wiring.rows.map { "if name == \"\($0.name)\" { return true }" } + ["return false"], indent: 8))
                }

                @_optimize(none) @_effects(readnone)
                public static func answers(_ name: LiteralText, _ word: LiteralText) -> Bool {
            \(lines(zip(wiring.rows, devices).map { "if name == \"\($0.name)\" { return \($1.type).answers(word) }" } + ["return false"], indent: 8))
                }
            }

            """
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

            extension Output {
                @inline(__always) init(_ pin: Pin) { self.init(pin.rawValue) }
            }

            extension Input {
                @inline(__always) init(_ pin: Pin) { self.init(pin.rawValue) }
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
            func startDevices(_ clocks: ClockTree) {
            \(lines(buses + devices.map { "\(Self.quoted($0.variable)) = \($0.started ?? "")" }, indent: 4))
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
        func place(_ pin: String) -> String { "\(board.place(of: pin) ?? 0)" }
        if let pin = row.output {
            let (isLow, output) = (row.active == .low, "Output(\(place(pin)))")
            return device(
                isLow ? "ActiveLow<Output>" : "Output", isLow ? "ActiveLow(\(output))" : output,
                ["\(output).configure(high: \(isLow))"])
        }
        if let pin = row.input {
            let (isLow, input) = (row.active == .low, "Input(\(place(pin)))")
            return device(
                isLow ? "ActiveLowInput<Input>" : "Input", isLow ? "ActiveLowInput(\(input))" : input,
                ["\(input).configure(\(row.pull.map { "pull: .\($0.rawValue)" } ?? ""))"])
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
            started: nil, configuration: [])
    }

    private func lines(_ lines: [String], indent: Int) -> String {
        lines.map { String(repeating: " ", count: indent) + $0 }.joined(separator: "\n")
    }

    /// The bus once it runs.
    private static func started(_ bus: BusRow) -> String { "started" + BoardWiring.camelCased(bus.name) }

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
