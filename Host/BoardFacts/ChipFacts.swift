// What a chip's own file, Firmware/MCU/<family>.json, says of its pins: how they are had in Swift, and where a register shows them.
import Foundation
import Reporting

/// The facts of a chip's pins that boards build on.
public struct ChipFacts: Codable, Sendable {
    /// One way to use a pin. In the texts `{place}` is the pin's number, `{source}` what `sources` says of it.
    public struct Use: Codable, Sendable {
        /// Swift type of the value.
        public let type: String
        /// Swift expression that needs no code at boot.
        public let value: String
        /// Swift expression once the clocks run, when it must be started then.
        public let started: String?
        /// Swift statement that prepares the pin.
        public let configure: String?
        /// The pin must be an output first.
        public let output: Bool?
        /// By pin: what drives or reads it; "*" for any pin. Two devices cannot have one source.
        public let sources: [String: String]

        public func source(of pin: String) -> String? { sources[pin] ?? sources["*"] }
    }

    /// A controller of a bus. In the texts `{clock}` is the number of the pin that a board's row calls "clock".
    public struct Bus: Codable, Sendable {
        /// Swift type of the controller.
        public let type: String
        /// Swift expression of it that needs no code at boot.
        public let value: String
        /// Swift expression of it once the clocks run, when it must be started then.
        public let started: String?
        /// By the name of the pin in the bus: those that the controller reaches.
        public let pins: [String: [String]]?
    }

    /// Pins whose levels one register shows, or several such ports.
    public struct Port: Codable, Sendable {
        /// Number of the first pin.
        public let first: UInt32
        /// Pins of a port, from bit 0 of its register.
        public let pins: UInt32
        /// Register that holds the outputs' levels; none for pins that are inputs alone.
        public let output: Word?
        /// Register that shows the levels on the pins.
        public let input: Word?
        /// Register that tells which pins are outputs, where one bit does.
        public let direction: Word?
        /// Ports in a row; one when absent.
        public let count: UInt32?
        /// From one port's registers to the next one's.
        public let every: Word?
    }

    /// Settings of the chip outside of its flash, which no image may hold.
    public struct Configuration: Codable, Sendable {
        /// What its maker calls them, in the plural: "option bytes".
        public let name: String
        /// Address of the first byte.
        public let address: Word
        /// Bytes.
        public let size: Word
    }

    public let pwm: Use?
    public let analog: Use?
    public let counter: Use?
    public let buses: [String: Bus]?
    /// Wires that the chip's start asks for, by name, and the pins that each can be: empty for any. One that can only be one pin need not be
    /// said by a board.
    public let wires: [String: [String]]?
    public let ports: [Port]?
    /// Number of the family in Microsoft's list (github.com/microsoft/uf2, utils/uf2families.json); nil when that has none.
    public let uf2Family: Word?
    public let configuration: [Configuration]?

    /// Where it was read, below the tree's root.
    public private(set) var path = ""

    private enum CodingKeys: CodingKey { case pwm, analog, counter, buses, wires, ports, uf2Family, configuration }

    /// Of the chip of `board`; a chip without the file has none of these.
    /// - Throws: `Failure` when the file is there and cannot be read.
    public init(of board: Board, in catalogue: BoardCatalogue) throws {
        let path = "Firmware/MCU/\(board.mcu).json"
        let data = (try? Data(contentsOf: catalogue.root.appendingPathComponent(path))) ?? Data("{}".utf8)
        do { self = try JSONDecoder().decode(ChipFacts.self, from: data) } catch {
            throw Failure(
                .environment, "\(path) cannot be read: \(BoardCatalogue.words(for: error))", about: path,
                advice: "Correct that file")
        }
        self.path = path
    }

    /// Where the level of the output with this number is seen; nil when no register is known to show it.
    public func level(of place: UInt32) -> Board.OutputLevel? {
        guard let (port, distance, bit) = port(of: place), let output = port.output else { return nil }
        return Board.OutputLevel(
            register: Word(output.value + distance), direction: port.direction.map { Word($0.value + distance) }, bit: bit)
    }

    /// Where the level on the pin with this number is seen, whoever drives it; nil when no register is known to show it.
    public func input(of place: UInt32) -> Board.OutputLevel? {
        guard let (port, distance, bit) = port(of: place), let input = port.input else { return nil }
        return Board.OutputLevel(register: Word(input.value + distance), direction: nil, bit: bit)
    }

    private func port(of place: UInt32) -> (port: Port, distance: UInt64, bit: Int)? {
        for port in ports ?? [] where port.pins > 0 && place >= port.first {
            let (number, bit) = (place - port.first).quotientAndRemainder(dividingBy: port.pins)
            guard number < port.count ?? 1 else { continue }
            return (port, UInt64(number) * (port.every?.value ?? 0), Int(bit))
        }
        return nil
    }

    /// Whether the chip has this pin at all. What its file does not tell is not doubted.
    /// - Parameters:
    ///   - first: the number of the first pin that is written as this one: a number beyond the ports that begin there is another pin's.
    ///   - drives: it is to be an output.
    public func has(_ place: UInt32, from first: UInt32, drives: Bool) -> Bool {
        guard let ports else { return true }
        return ports.contains { port in
            let end = UInt64(port.first) + UInt64(port.pins) * UInt64(port.count ?? 1)
            return port.first <= first && first < end && place < end && (!drives || port.output != nil)
        }
    }
}
