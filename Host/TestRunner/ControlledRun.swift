// A test run that the host interferes with: power cuts at exact instructions, or a look at the pins at every step.
import Emulation
import FirmwareBuild
import Foundation

/// When the power of the board is cut while a test runs. After each cut the board starts again with the flash as it was, and the test
/// from its beginning; the last start, which nothing cuts, decides the outcome.
public enum PowerCuts: Sendable, Equatable {
    /// After N, then 2N, 3N… instructions of the following starts, until the test ends before its cut.
    case every(UInt64)
    /// Once, after N instructions.
    case once(UInt64)
    /// Ten times, each at a random instruction of an uncut run.
    case random(seed: UInt64)

    /// "every:N", "at:N" or "random:SEED"; nil for anything else.
    public init?(_ text: String) {
        let parts = text.split(separator: ":")
        guard parts.count == 2, let number = UInt64(parts[1]) else { return nil }
        switch parts[0] {
        case "every" where number > 0: self = .every(number)
        case "at": self = .once(number)
        case "random": self = .random(seed: number)
        default: return nil
        }
    }
}

/// How a run is interfered with.
public enum RunControl: Sendable, Equatable {
    case cutPower(PowerCuts)
    /// Pins are looked at every `step` instructions.
    case tracePins(step: UInt64)
}

/// What came of it.
struct ControlledEnd {
    var end: EmulatorRun.End
    var pins: PinTrace?
    /// Instructions at which the power was cut.
    var cuts: [UInt64] = []
}

struct ControlledRun {
    let board: Board
    let image: URL
    let arguments: [String]
    let uart: URL
    let seed: UInt32
    let hostLimit: Double
    /// Starts after which a test that never ends between its cuts is given up.
    static let mostStarts = 10_000

    func callAsFunction(_ control: RunControl) throws -> ControlledEnd {
        switch control {
        case .tracePins(let step):
            let emulated = try makeBoard()
            try emulated.start()
            let trace = try emulated.tracePins(until: UInt64(hostLimit) * 15_625_000, step: step)
            return ControlledEnd(end: end(emulated, timeout: 1), pins: trace)
        case .cutPower(.once(let instruction)): return try run(cuts: [instruction])
        case .cutPower(.every(let step)): return try run(cuts: (1...UInt64(Self.mostStarts)).lazy.map { $0 * step })
        case .cutPower(.random(let seed)):
            var generator = SplitMix(state: seed)
            let length = try uncutLength()
            return try run(cuts: (0..<10).map { _ in UInt64.random(in: 1...max(length, 1), using: &generator) })
        }
    }

    private func run(cuts: some Sequence<UInt64>) throws -> ControlledEnd {
        let emulated = try makeBoard()
        var done: [UInt64] = []
        for cut in cuts {
            try emulated.start()
            guard try reaches(cut, emulated) else { return ControlledEnd(end: end(emulated, timeout: 1), cuts: done) }
            try emulated.cutPower()
            done.append(cut)
        }
        try emulated.start()
        try? emulated.runFreely()
        return ControlledEnd(end: end(emulated, timeout: hostLimit), cuts: done)
    }

    /// Whether the test was still running at that instruction.
    private func reaches(_ instruction: UInt64, _ emulated: EmulatedBoard) throws -> Bool {
        do { return try emulated.run(untilInstruction: instruction, timeout: hostLimit) } catch {
            guard emulated.waitForExit(timeout: 1) != nil else { throw error }
            return false
        }
    }

    /// Instructions of a run without cuts, to the thousand.
    private func uncutLength() throws -> UInt64 {
        let emulated = try makeBoard()
        try emulated.start()
        var reached: UInt64 = 0
        while try reaches(reached + 1000, emulated) { reached += 1000 }
        return reached
    }

    private func end(_ emulated: EmulatedBoard, timeout: Double) -> EmulatorRun.End {
        switch emulated.waitForExit(timeout: timeout) {
        case .status(let status): .status(status)
        case .killed(let signal): .signal(signal)
        case nil: .timeout
        }
    }

    private func makeBoard() throws -> EmulatedBoard {
        var configuration = EmulatedBoard.Configuration(board: board, image: image)
        configuration.clock = .instructions(shift: TestRun.shift)
        configuration.countsInstructions = true
        configuration.seed = UInt64(seed)
        configuration.uart = .file(uart)
        configuration.extraArguments = arguments
        return try EmulatedBoard(configuration)
    }
}

/// SplitMix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, 2014): the same cuts for the same seed, anywhere.
struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ mixed >> 30) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
        return mixed ^ mixed >> 31
    }
}
