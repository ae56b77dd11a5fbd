// What a test run can be made to suffer, as the command line and the tests themselves spell it.
import Emulation

/// When the power of the board is cut while a test runs. After each cut the board starts again with the flash as it was, and the test
/// from its beginning; the last start, which nothing cuts, decides the outcome. Instructions are counted from the test's first.
public enum PowerCuts: Sendable, Equatable {
    /// After N, then 2N, 3N… instructions of the following starts, until the test ends before its cut.
    case every(UInt64)
    /// Once, after N instructions.
    case once(UInt64)
    /// Ten times, each at a random instruction of an uncut run.
    case random(seed: UInt64)

    /// "every:N", "at:N" or "random:SEED"; nil for anything else.
    public init?(_ text: String) {
        guard let (word, number) = plan(text) else { return nil }
        switch word {
        case "every" where number > 0: self = .every(number)
        case "at": self = .once(number)
        case "random": self = .random(seed: number)
        default: return nil
        }
    }
}

/// When a bit of memory turns over by itself while a test runs.
public enum BitFlips: Sendable, Equatable {
    /// A bit of the store, chosen by the run's seed, after N instructions.
    case once(UInt64)
    /// Ten bits of the store, each at a random instruction of an undisturbed run.
    case random(seed: UInt64)
    /// This bit, after N instructions.
    case exactly(MemoryBit, UInt64)

    /// "at:N", "random:SEED" or "0xADDRESS.BIT:N"; nil for anything else.
    public init?(_ text: String) {
        guard let (word, number) = plan(text) else { return nil }
        switch word {
        case "at": self = .once(number)
        case "random": self = .random(seed: number)
        default:
            guard let bit = MemoryBit(word) else { return nil }
            self = .exactly(bit, number)
        }
    }
}

private func plan(_ text: String) -> (Substring, UInt64)? {
    let parts = text.split(separator: ":", omittingEmptySubsequences: false)
    guard parts.count == 2, let number = UInt64(parts[1]) else { return nil }
    return (parts[0], number)
}

/// How a run is interfered with, or watched. All parts may be combined.
public struct RunControl: Sendable, Equatable {
    /// When the power is cut; nil: never.
    public var cuts: PowerCuts?
    /// When a bit of memory turns over; nil: never.
    public var flips: BitFlips?
    /// Chance of each byte to suffer on a plug that joins the UART's transmitter to its receiver.
    public var noise: Double?
    /// A USB cable is plugged in at the test's start, and pulled after so many instructions.
    public var unplug: UInt64?
    /// Pins are looked at every so many instructions.
    public var traceStep: UInt64?

    /// Neither interfered with nor watched.
    public init() {}

    /// True if nothing is to happen to the run.
    public var isEmpty: Bool { self == RunControl() }

    /// "at:N"; nil for anything else.
    public static func moment(_ text: String) -> UInt64? {
        guard let (word, number) = plan(text), word == "at" else { return nil }
        return number
    }
}

extension RunControl {
    /// What a test asked for (Firmware/FirmwareTesting/InjectedFault.swift): a kind and a plan, as they would be options.
    init?(asked requests: [[String]]) {
        self.init()
        for request in requests {
            guard request.count == 2 else { return nil }
            switch request[0] {
            case "cut-power": cuts = PowerCuts(request[1])
            case "flip-bit": flips = BitFlips(request[1])
            case "uart-noise": noise = Double(request[1])
            case "usb-unplug": unplug = Self.moment(request[1])
            default: return nil
            }
        }
        if isEmpty { return nil }
    }
}

/// A fault as it happened, for the report.
public struct InjectedFault: Sendable, Codable, Equatable, CustomStringConvertible {
    /// What can happen to a board.
    public enum Kind: String, Sendable, Codable {
        /// The power was cut; the flash kept what it held.
        case powerCut = "power cut"
        /// A bit of memory turned over.
        case flippedBit = "flipped bit"
        /// The USB cable was pulled.
        case unplugged
    }
    /// What happened to the board after `instruction`.
    public var kind: Kind
    /// Instructions since the test's first one, in that start.
    public var instruction: UInt64
    /// Start of the board, from 1.
    public var start: Int
    /// Which bit; nil for other kinds.
    public var bit: MemoryBit?

    public var description: String {
        "\(kind.rawValue)\(bit.map { " \($0)" } ?? "") after instruction \(instruction) of start \(start)"
    }
}
