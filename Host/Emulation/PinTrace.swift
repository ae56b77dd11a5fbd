// Pin changes with the virtual time at which they happened, for people and for waveform viewers.
import Foundation
import Reporting

/// A pin change at a count of executed instructions.
public struct TimedPinChange: Equatable, Sendable, Codable {
    /// Instructions since counting began; at `-icount shift=S` one takes 2^S ns.
    public var instruction: UInt64
    /// What changed; several changes may have one instruction, in their order.
    public var change: PinChange

    /// - Parameter instruction: counted from where counting began.
    public init(instruction: UInt64, change: PinChange) { (self.instruction, self.change) = (instruction, change) }
}

/// The outputs of a board over a stretch of its run.
public struct PinTrace: Sendable, Codable, CustomStringConvertible {
    /// Nanoseconds of one instruction, as a power of two.
    public var shift: Int
    /// Instructions between two looks: a change is placed at the end of the step in which it happened.
    public var step: UInt64
    /// In the order in which they happened.
    public var changes: [TimedPinChange] = []

    /// - Parameters:
    ///   - shift: nanoseconds of one instruction, as a power of two.
    ///   - step: instructions between two looks.
    public init(shift: Int, step: UInt64) {
        self.shift = shift
        self.step = step
    }

    /// Virtual time since counting began; it wraps at 64 bits.
    public func nanoseconds(_ change: TimedPinChange) -> UInt64 { change.instruction << UInt64(shift) }

    /// One line per change: time, pin, level.
    public var description: String {
        changes.map {
            String(format: "%12.6f ms  pin %d %@", Double(nanoseconds($0)) / 1e6, $0.change.pin, $0.change.level ? "high" : "low")
        }
        .joined(separator: "\n")
    }

    /// Value change dump (IEEE 1364-2005, clause 18), in nanoseconds. Pins that never changed are left out.
    public var vcd: String {
        let pins = Set(changes.map(\.change.pin)).sorted()
        func identifier(_ pin: Int) -> String { "p\(pin)" }
        var lines = ["$timescale 1 ns $end", "$scope module board $end"]
        lines += pins.map { "$var wire 1 \(identifier($0)) pin\($0) $end" }
        lines += ["$upscope $end", "$enddefinitions $end", "$dumpvars"] + pins.map { "x\(identifier($0))" } + ["$end"]
        var last: UInt64?
        for change in changes {
            let time = nanoseconds(change)
            if time != last { lines.append("#\(time)") }
            last = time
            lines.append("\(change.change.level ? 1 : 0)\(identifier(change.change.pin))")
        }
        return lines.joined(separator: "\n") + "\n"
    }
}

extension EmulatedBoard {
    /// Runs from instruction `start` to `end` in steps and records the changes of output pins with their time.
    /// `Configuration.countsInstructions` must be set and the clock be `.instructions`.
    /// - Parameter step: resolution in instructions; each step costs one exchange with QEMU (some 50 µs).
    /// - Throws: `Failure` when the clock is another, or QEMU does not model the board's pins.
    /// - Returns: the trace up to `end`, or to where the firmware ended the emulator.
    public func tracePins(from start: UInt64 = 0, until end: UInt64, step: UInt64 = 100) throws -> PinTrace {
        guard case .instructions(let shift) = configuration.clock else {
            throw Failure(
                .environment, "a trace with virtual time needs the clock .instructions",
                advice: "Configure the board with that clock")
        }
        var trace = PinTrace(shift: shift, step: step)
        try tracePins()
        var at = start
        while at < end {
            at = min(at + step, end)
            do {
                guard try run(untilInstruction: at) else { break }
                // A request that is answered after the changes: none is on its way any more.
                _ = try readRegister(board.ram.address.value)
                trace.changes += try pinChanges().map { TimedPinChange(instruction: at, change: $0) }
            } catch {
                guard case .status = waitForExit(timeout: 1) else { throw error }
                break
            }
        }
        return trace
    }
}
