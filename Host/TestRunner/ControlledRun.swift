// A test run that the host interferes with or watches: it runs from one point to the next, and between them the processor stands still.
import BoardFacts
import Emulation
import Foundation
import Reporting
import SplitMix

/// What came of it.
struct ControlledEnd {
    var end: EmulatorRun.End
    var pins: PinTrace?
    var faults: [InjectedFault] = []
    /// What the noise on the line did.
    var noise: String?
}

final class ControlledRun {
    private let run: TestRun
    private let control: RunControl
    private let output: URL, serial: URL
    private var result = ControlledEnd(end: .timeout)
    private var emulated: EmulatedBoard!
    /// Flips to come: instruction and bit, the next one last.
    private var flips: [(instruction: UInt64, bit: MemoryBit)] = []
    private var loopback: NoisyLoopback?
    private var cable: USBCable?
    private var unplug: UInt64?
    private var sent = Data()
    private var starts = 0
    /// Starts after which a test that never ends between its cuts is given up.
    static let mostStarts = 10_000
    /// Instructions while a byte is on a line of 115,200 baud: 10 bits of 8.68 µs.
    static let byteTime: UInt64 = 86_806 >> UInt64(TestRun.shift)

    init(_ run: TestRun, _ control: RunControl, output: URL, serial: URL) {
        (self.run, self.control, self.output, self.serial) = (run, control, output, serial)
    }

    func callAsFunction() throws -> ControlledEnd {
        do { return try runThrough() } catch is GivenUp {
            emulated.close()
            result.end = .timeout
            return result
        } catch is TooMuch {
            emulated.close()
            result.end = .tooMuch
            return result
        }
    }

    private func runThrough() throws -> ControlledEnd {
        let length = try needsLength ? uncutLength() : 0
        emulated = try makeBoard()
        flips = try plannedFlips(length)
        unplug = control.unplug
        if control.traceStep != nil { result.pins = PinTrace(shift: TestRun.shift, step: control.traceStep!) }
        for cut in plannedCuts(length) {
            try start()
            guard try advance(to: cut) else { return try finish() }
            try emulated.cutPower()
            result.faults.append(InjectedFault(kind: .powerCut, instruction: cut, start: starts))
        }
        try start()
        if try advance(to: .max) { try emulated.runFreely() }
        return try finish()
    }

    // MARK: Plans

    private var needsLength: Bool {
        if case .random = control.cuts { return true }
        if case .random = control.flips { return true }
        return false
    }

    private func plannedCuts(_ length: UInt64) -> AnySequence<UInt64> {
        switch control.cuts {
        case nil: return AnySequence([])
        case .once(let instruction): return AnySequence([instruction])
        case .every(let step): return AnySequence((1...UInt64(Self.mostStarts)).lazy.map { $0 * step })
        case .random(let seed):
            var generator = SplitMix(state: seed)
            return AnySequence((0..<10).map { _ in UInt64.random(in: 1...max(length, 1), using: &generator) })
        }
    }

    private func plannedFlips(_ length: UInt64) throws -> [(UInt64, MemoryBit)] {
        guard let plan = control.flips else { return [] }
        var generator = SplitMix(state: UInt64(run.seed))
        if case .random(let seed) = plan { generator = SplitMix(state: seed) }
        func bit() throws -> MemoryBit {
            guard let store = run.prepared.board.store, run.prepared.board.emulator?.flash != Board.Emulator.Flash.none else {
                throw Failure(
                    .environment, "QEMU keeps no store for \(run.test.board)",
                    advice: "Name the bit itself, by address and number")
            }
            return MemoryBit(
                address: UInt64.random(in: store.range, using: &generator), bit: Int.random(in: 0..<8, using: &generator))
        }
        switch plan {
        case .once(let instruction): return [(max(instruction, 1), try bit())]
        case .exactly(let bit, let instruction): return [(max(instruction, 1), bit)]
        case .random:
            let all = try (0..<10).map { _ in (UInt64.random(in: 1...max(length, 1), using: &generator), try bit()) }
            return all.sorted { $0.0 > $1.0 }
        }
    }

    /// Instructions of a run that nothing disturbs, to the thousand.
    private func uncutLength() throws -> UInt64 {
        emulated = try makeBoard()
        try emulated.start()
        var reached: UInt64 = 0
        while try stands(at: reached + 1000) { reached += 1000 }
        emulated.close()
        return reached
    }

    // MARK: Steps

    private func start() throws {
        if let loopback { sent += loopback.sent }
        starts += 1
        try emulated.start()
        if control.traceStep != nil { try emulated.tracePins() }
        loopback = try control.noise.map { try NoisyLoopback(emulated, noise: LineNoise(rate: $0, seed: UInt64(run.seed))) }
        guard control.unplug != nil else { return }
        cable = try USBCable(emulated, path: cableSocket.path)
        cable?.plug()
    }

    private var cableSocket: URL { run.scratch.appendingPathComponent("usb") }

    /// Runs to `end` with all that has to be done on the way; false when the test ended before.
    private func advance(to end: UInt64) throws -> Bool {
        let step = [
            control.traceStep, control.noise.map { _ in Self.byteTime },
            control.unplug.map { _ in Self.byteTime },
        ].compactMap { $0 }.min()
        var at: UInt64 = 0
        let limit = Date().addingTimeInterval(run.hostLimit)
        while at < end {
            let flip = flips.last?.instruction ?? .max
            at = min(end, step.map { at + $0 } ?? .max, flip > at ? flip : .max)
            if at == .max { return true }
            guard try stands(at: at) else { return false }
            guard Date() < limit else { throw GivenUp() }
            guard EmulatorRun.size([output.path, serial.path]) <= EmulatorRun.mostOutput else { throw TooMuch() }
            while let next = flips.last, next.instruction <= at {
                try emulated.flip(next.bit)
                result.faults.append(
                    InjectedFault(kind: .flippedBit, instruction: at, start: starts, bit: next.bit))
                flips.removeLast()
            }
            if let moment = unplug, moment <= at {
                cable?.unplug()
                result.faults.append(InjectedFault(kind: .unplugged, instruction: at, start: starts))
                unplug = nil
            }
            try cable?.move()
            try loopback?.move()
            if control.traceStep != nil {
                // A request that is answered after the changes: none is on its way any more.
                _ = try emulated.readRegister(run.prepared.board.ram.address.value)
                result.pins?.changes += try emulated.pinChanges().map { TimedPinChange(instruction: at, change: $0) }
            }
        }
        return true
    }

    /// Whether the test was still running at that instruction.
    private func stands(at instruction: UInt64) throws -> Bool {
        do {
            guard try emulated.run(untilInstruction: instruction, timeout: run.hostLimit) else { throw GivenUp() }
            return true
        } catch let error where !(error is GivenUp) {
            guard emulated.waitForExit(timeout: 1) != nil else { throw error }
            return false
        }
    }

    /// It took more than the host time that it may take.
    private struct GivenUp: Error {}
    /// It printed more than is kept.
    private struct TooMuch: Error {}

    private func finish() throws -> ControlledEnd {
        switch emulated.waitForExit(timeout: run.hostLimit) {
        case .status(let status): result.end = .status(status)
        case .killed(let signal): result.end = .signal(signal)
        case nil: result.end = .timeout
        }
        if let loopback {
            try loopback.drain()
            result.noise = loopback.description
            try (sent + loopback.sent).write(to: serial)
        }
        emulated.close()
        return result
    }

    private func makeBoard() throws -> EmulatedBoard {
        var configuration = EmulatedBoard.Configuration(image: run.prepared.image)
        configuration.clock = .instructions(shift: TestRun.shift)
        configuration.countsInstructions = true
        configuration.countsFrom = UInt64(run.test.address)
        configuration.seed = UInt64(run.seed)
        configuration.uart = control.noise == nil ? .file(serial) : .socket
        configuration.extraArguments = run.semihosting(output: output, faults: true)
        if control.unplug != nil { configuration.extraArguments += USBCable.arguments(path: cableSocket.path) }
        return try EmulatedBoard(configuration)
    }
}
