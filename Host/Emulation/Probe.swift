// Holds the processor at an exact number of executed instructions, through the plugin QEMUProbe that QEMU loads.
import BoardFacts
import Foundation
import Reporting

/// The host's end of the plugin.
final class Probe: @unchecked Sendable {
    private let listener: Int32
    private var channel: Int32 = -1
    private var stands: UInt64 = 0

    /// Listens at `path`, before QEMU starts.
    init(path: String) throws {
        listener = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        let bound = try withUnixAddress(path) { bind(listener, $0, $1) }
        guard bound == 0, listen(listener, 1) == 0 else {
            throw Failure(
                .environment, "the probe's socket \(path) cannot be made: \(systemError())",
                advice: "Check the permissions of its folder and the space on its disk")
        }
    }

    deinit {
        close(listener)
        if channel >= 0 { close(channel) }
    }

    /// Waits for QEMU's connection.
    func accept(timeout: Double) throws {
        guard wait(listener, timeout) else {
            throw Failure(
                .environment, "QEMU did not load \(try Self.pluginFile())",
                advice: "Remove it and run lightnode test in the source tree, which builds it again"
            )
        }
        channel = Glibc.accept(listener, nil, nil)
    }

    /// Lets the processor run until it has executed `target` instructions since power on, or has stored to a watched address; returns where
    /// it stands, nil when that takes longer.
    /// - Throws: `Failure` when it is further already: it cannot run backwards.
    func run(until target: UInt64, timeout: Double) throws -> EmulatedBoard.Stop? {
        guard target >= stands else {
            throw Failure(
                .environment, "the board was run to instruction \(stands) already; it cannot go back to \(target)",
                advice: "Power it off and on")
        }
        var value = target
        guard withUnsafeBytes(of: &value, { send(channel, $0.baseAddress, 8, Int32(MSG_NOSIGNAL)) }) == 8 else {
            throw Failure(.environment, "the emulator is gone: \(systemError())", advice: "Start the board again")
        }
        let limit = Date().addingTimeInterval(timeout)
        // The processor also reports when it starts, which may come late.
        while let report = try receive(timeout: max(0, limit.timeIntervalSinceNow)) {
            let reached = report & ~(1 << 63)
            guard reached == target || reached > stands else { continue }
            stands = reached
            return .init(instruction: reached, isAfterStore: report != reached)
        }
        return nil
    }

    private func receive(timeout: Double) throws -> UInt64? {
        guard wait(channel, timeout) else { return nil }
        var value: UInt64 = 0
        guard withUnsafeMutableBytes(of: &value, { recv(channel, $0.baseAddress, 8, Int32(MSG_WAITALL)) }) == 8 else {
            throw Failure(
                .environment, "the emulator ended before it had executed so many instructions", advice: "Start the board again")
        }
        return value
    }

    private func wait(_ descriptor: Int32, _ timeout: Double) -> Bool {
        var poll = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        return Glibc.poll(&poll, 1, Int32(min(timeout, 86400) * 1000)) > 0
    }

    /// What the plugin is told to count instructions.
    static func options(socket path: String, from address: UInt64?, watching ranges: [Range<UInt64>]) -> [String] {
        let begin = address.map { ["from=" + String($0, radix: 16)] } ?? []
        let watches = ranges.map { "watch=\(String($0.lowerBound, radix: 16)):\(String($0.upperBound, radix: 16))" }
        return ["socket=\(path.qemuEscaped)"] + begin + watches
    }

    /// What the plugin is told to leave a file with what was stored to flash.
    static func options(counts file: String, store: Range<UInt64>, page: UInt64, erase: UInt64?) -> [String] {
        let numbers = [store.lowerBound, store.upperBound, page].map { String($0, radix: 16) }.joined(separator: "-")
        return ["counts=\(file.qemuEscaped)", "store=\(numbers)"] + (erase.map { ["erase=" + String($0, radix: 16)] } ?? [])
    }

    /// QEMU's arguments that load the plugin with these options; none for none.
    static func arguments(_ options: [String]) throws -> [String] {
        options.isEmpty ? [] : ["-plugin", ([try pluginFile().qemuEscaped] + options).joined(separator: ",")]
    }

    /// libQEMUProbe.so, beside the program or the test bundle that this code is in, or where the source tree builds it (`LIGHTNODE_PROBE`
    /// overrides).
    static func pluginFile() throws -> String {
        var places: [String] = []
        if let named = ProcessInfo.processInfo.environment["LIGHTNODE_PROBE"] { places.append(named) }
        if let own = ownFile() {
            places.append(URL(fileURLWithPath: own).deletingLastPathComponent().appendingPathComponent("libQEMUProbe.so").path)
        }
        if let root = try? BoardCatalogue().root { places.append(root.path + "/.build/release/libQEMUProbe.so") }
        guard let found = places.first(where: { FileManager.default.fileExists(atPath: $0) }) else {
            throw Failure(
                .environment, "the emulator's plugin is not at \(places.joined(separator: " or "))",
                advice: "Run lightnode test in the source tree, which builds it")
        }
        return found
    }

    /// The file that this code was loaded from, by the kernel's list of mappings: proc_pid_maps(5).
    private static func ownFile() -> String? {
        let here = UInt(bitPattern: #dsohandle)
        guard let maps = try? String(contentsOfFile: "/proc/self/maps", encoding: .utf8) else { return nil }
        for line in maps.split(separator: "\n") {
            let words = line.split(separator: " ", maxSplits: 5, omittingEmptySubsequences: true)
            let range = words[0].split(separator: "-").compactMap { UInt($0, radix: 16) }
            if words.count == 6, range.count == 2, range[0] <= here, here < range[1] {
                return words[5].trimmingCharacters(in: .whitespaces)
            }
        }
        return nil
    }
}

/// Counts what firmware stores to flash.
public enum StoreProbe {
    /// Whether the plugin is there.
    public static var isBuilt: Bool { (try? file()) != nil }

    /// Where the plugin is.
    /// - Throws: `Failure` when it is not built.
    public static func file() throws -> String { try Probe.pluginFile() }

    /// QEMU's arguments; at its end the file `counts` says "WORDS PAGES", programmed and erased.
    /// - Parameter eraseRegister: pages are erased through the controller of nRF51; otherwise by storing a whole page in order.
    /// - Throws: `Failure` when the plugin is not built.
    public static func arguments(counts: String, store: Range<UInt64>, page: UInt64, eraseRegister: Bool) throws -> [String] {
        try Probe.arguments(
            Probe.options(counts: counts, store: store, page: page, erase: eraseRegister ? NRF51Flash.erasePage : nil))
    }
}

/// Counts modelled cycles (Host/CycleModel) between readings.
public enum CycleProbe {
    /// A reading: what was executed up to it.
    public struct Reading: Sendable {
        /// Executed instructions.
        public let instructions: Int
        /// Their cycles, each instruction by itself.
        public let cycles: Int
    }

    /// QEMU's arguments; at its end the file `readings` has one for each time that the instruction at `mark` was executed.
    /// - Parameter core: the processor's name, one that the model knows.
    /// - Throws: `Failure` when the plugin is not built.
    public static func arguments(readings: String, core: String, mark: UInt64) throws -> [String] {
        let place = String(mark, radix: 16)
        return ["-plugin", "\(try Probe.pluginFile().qemuEscaped),core=\(core),mark=\(place),cycles=\(readings.qemuEscaped)"]
    }

    /// The readings in a file that QEMU has left.
    public static func readings(in file: String) -> [Reading] {
        let text = (try? String(contentsOfFile: file, encoding: .utf8)) ?? ""
        return text.split(separator: "\n").compactMap { line in
            let numbers = line.split(separator: " ").compactMap { Int($0) }
            return numbers.count >= 2 ? Reading(instructions: numbers[0], cycles: numbers[1]) : nil
        }
    }
}
