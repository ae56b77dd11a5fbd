// A recording of what simulated pins and channels did over simulated time, and its form for waveform viewers.

import Foundation

/// Signals and their changes. Time is in microseconds and moves only when a test says so.
public final class Waveform {
    public struct Change: Equatable {
        public let time: UInt64
        public let signal: Int
        public let value: UInt32
    }

    public private(set) var now: UInt64 = 0
    public private(set) var names: [String] = []
    private var widths: [Int] = []
    private var values: [UInt32] = []
    public private(set) var changes: [Change] = []
    /// How often anything was set, to whatever level.
    public private(set) var settings = 0
    /// How often anything moved.
    public var moves: Int { changes.count }

    public init() {}

    public func advance(microseconds: UInt64) { now += microseconds }

    /// A new signal of `width` bits (1…32), 0 at first.
    public func signal(_ name: String, width: Int = 1) -> Int {
        names.append(name)
        widths.append(width)
        values.append(0)
        return names.count - 1
    }

    public func set(_ signal: Int, _ value: UInt32) {
        settings += 1
        if values[signal] == value { return }
        values[signal] = value
        changes.append(Change(time: now, signal: signal, value: value))
    }

    public func value(_ signal: Int) -> UInt32 { values[signal] }

    /// The level of the newest signal of that name, 0 when there is none.
    public subscript(name: String) -> UInt32 { names.lastIndex(of: name).map { values[$0] } ?? 0 }

    /// The newest level of each name.
    public var levels: [String: UInt32] { Dictionary(zip(names, values)) { $1 } }

    /// When the signal called `name` changed, in milliseconds, and to what.
    public func history(_ name: String) -> [(milliseconds: UInt64, value: UInt32)] {
        changes.filter { names[$0.signal] == name }.map { ($0.time / 1000, $0.value) }
    }

    /// Value change dump (IEEE 1364-2005, 18), which GTKWave, PulseView and Surfer open.
    public var vcd: String {
        var text = "$timescale 1us $end\n$scope module lightnode $end\n"
        for (index, name) in names.enumerated() {
            text += "$var wire \(widths[index]) \(symbol(index)) \(name.replacingOccurrences(of: " ", with: "_")) $end\n"
        }
        text += "$upscope $end\n$enddefinitions $end\n#0\n$dumpvars\n"
        for index in names.indices { text += line(index, 0) }
        text += "$end\n"
        var time: UInt64 = 0
        for change in changes {
            if change.time != time {
                time = change.time
                text += "#\(time)\n"
            }
            text += line(change.signal, change.value)
        }
        return text + "#\(max(now, time))\n"
    }

    private func line(_ signal: Int, _ value: UInt32) -> String {
        widths[signal] == 1 ? "\(value)\(symbol(signal))\n" : "b\(String(value, radix: 2)) \(symbol(signal))\n"
    }

    /// Identifiers are printable ASCII from "!".
    private func symbol(_ index: Int) -> String {
        var rest = index
        var text = ""
        repeat {
            text.append(Character(UnicodeScalar(UInt8(33 + rest % 94))))
            rest /= 94
        } while rest > 0
        return text
    }

    /// Writes the dump into the folder that LIGHTNODE_VCD names, if it names one.
    public func writeIfAsked(
        as name: String, into folder: String? = ProcessInfo.processInfo.environment["LIGHTNODE_VCD"]
    ) throws {
        guard let folder else { return }
        let url = URL(fileURLWithPath: folder, isDirectory: true)
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
        let file = name.map { $0.isLetter || $0.isNumber ? $0 : "-" }
        try vcd.write(to: url.appendingPathComponent(String(file) + ".vcd"), atomically: true, encoding: .utf8)
    }
}
