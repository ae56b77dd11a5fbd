// Runs the images bench-ed25519… and turns their readings of SysTick into executed instructions.
import BoardFacts
import CycleModel
import Emulation
import Foundation
import Image
import Reporting

/// What Ed25519 takes on one board in one variant.
public struct KeyBenchmark: Sendable {
    /// The portable Swift alone, or with the assembly kernels of the field.
    public enum Variant: String, CaseIterable, Sendable {
        /// With the assembly kernels, as the board's light node has it; the same with the tables of the larger boards, where its own are smaller; or
        /// the portable Swift alone.
        case kernel, large, swift

        /// What the names of its images end with.
        fileprivate var suffix: String { self == .kernel ? "" : "-\(rawValue)" }
    }

    /// Executed instructions of RFC 8032's test SHA(abc), by operation: `verify`, `sign`, `publicKey`.
    public let instructions: [String: Int]
    /// Modelled cycles of the same; empty for a processor that the model does not know.
    public let cycles: [String: Int]
    /// Stack of `verify` and `sign`, in bytes.
    public let stack: [String: Int]
    /// Bytes of flash of an image that verifies, less those of one that does nothing.
    public let flash: Int
    /// Places in RAM where eight bytes of a secret are left after signing.
    public let leaks: Int
    /// Keys that signing was counted with.
    public let keys: Int
    /// Executed instructions of signing with the slowest of these keys, less those with the quickest.
    public let variation: Int

    /// The images of a variant: build/<board>/bench-ed25519….elf, with "-swift" or "-large" at the end.
    public static func image(_ name: String, _ variant: Variant, board: Board, root: URL) -> URL {
        root.appendingPathComponent("build/\(board.name)/\(name)\(variant.suffix).elf")
    }

    /// - Parameter keys: how many keys signing is counted with.
    /// - Throws: `Failure` when an image is missing or does not run to its end.
    public init(board: Board, variant: Variant, root: URL, keys: Int = 1000) throws {
        func image(_ name: String) -> URL { Self.image(name, variant, board: board, root: root) }
        // One instruction is 64 ns, and a tick not longer: 24 bits of ticks are enough for each operation.
        let printed = try Self.run(image("bench-ed25519"), on: board, shift: 6)
        guard let loop = printed["calibration.200000"], loop > 0 else {
            throw Failure(.environment, "bench-ed25519 on \(board.name) printed no calibration", advice: "Build it again")
        }
        var instructions: [String: Int] = [:], stack: [String: Int] = [:]
        for name in ["verify", "sign", "publicKey"] {
            guard let ticks = printed[name], let bytes = printed["stack.\(name)"] else {
                throw Failure(.environment, "bench-ed25519 on \(board.name) printed no \(name)", advice: "Build it again")
            }
            instructions[name] = Int((Double(ticks) * 200_000 / Double(loop)).rounded())
            stack[name] = bytes
        }
        cycles = try Self.cycles(of: image("bench-ed25519"), on: board)
        (self.instructions, self.stack, leaks) = (instructions, stack, printed["leaks"] ?? .max)
        func size(_ name: String) throws -> Int { try ELFFile(contentsOf: image(name)).flat(in: board.flash.range).count }
        flash = try size("bench-ed25519-verify") - size("bench-ed25519-empty")
        // One instruction is 1,024 ns, many ticks: what one key takes more than another shows to the instruction.
        let constancy = try Self.run(image("bench-ed25519-constancy"), on: board, shift: 10, keys: keys)
        guard let least = constancy["least"], let greatest = constancy["greatest"], let counted = constancy["keys"],
            let ticks = constancy["loop.10000"], ticks > 50_000
        else {
            throw Failure(.environment, "bench-ed25519-constancy on \(board.name) printed \(constancy)", advice: "Build it again")
        }
        self.keys = counted
        variation = Int((Double(greatest - least) * 10_000 / Double(ticks)).rounded())
    }

    /// The operations' cycles: the image reads its counter before and after each, after two readings around a loop.
    private static func cycles(of image: URL, on board: Board) throws -> [String: Int] {
        guard TimedCore(name: board.core) != nil, let mark = try ELFImage(contentsOf: image).symbol("instruction_counter_read")
        else {
            return [:]
        }
        let file = FileManager.default.temporaryDirectory.appendingPathComponent(
            "lightnode-cycles-\(UInt32.random(in: 0 ... .max))")
        defer { try? FileManager.default.removeItem(at: file) }
        let probe = try CycleProbe.arguments(readings: file.path, core: board.core, mark: mark.value & ~1)
        _ = try run(image, on: board, shift: 6, probe: probe)
        let readings = CycleProbe.readings(in: file.path).map(\.cycles)
        let names = ["calibration", "publicKey", "sign", "verify"]
        guard readings.count >= 2 * names.count else {
            throw Failure(
                .environment, "bench-ed25519 on \(board.name) was read \(readings.count) times", advice: "Build it again")
        }
        return Dictionary(uniqueKeysWithValues: names.enumerated().map { ($1, readings[2 * $0 + 1] - readings[2 * $0]) })
    }

    /// The "name value" lines that the image prints.
    private static func run(
        _ image: URL, on board: Board, shift: Int, keys: Int? = nil, probe: [String] = []
    ) throws -> [String: Int] {
        let flat = try CheckedImage(contentsOf: image, for: board).flat
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent(
            "lightnode-keys-\(UInt32.random(in: 0 ... .max))")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let printed = folder.appendingPathComponent("printed"), program = folder.appendingPathComponent("flash.bin")
        try flat.write(to: program)
        let end = try EmulatorRun(
            try QEMU.installed(for: board),
            arguments: [
                "-machine", board.emulator?.machine ?? "", "-nodefaults", "-display", "none", "-serial", "null",
                "-kernel", board.emulator?.flash == .nrf51 ? program.path : image.path,
                "-icount", "shift=\(shift),align=off,sleep=off", "-rtc", "clock=vm",
                "-chardev", "file,id=printed,path=\(Quoted.qemu(printed.path))",
                "-semihosting-config", "enable=on,target=native,chardev=printed" + (keys.map { ",arg=\($0)" } ?? ""),
            ] + probe, log: folder.path + "/qemu.log", timeout: 1800)()
        let text = (try? String(contentsOf: printed, encoding: .utf8)) ?? ""
        guard end == .status(0) else {
            throw Failure(
                .environment, "\(image.lastPathComponent) on \(board.name) ended with \(end): \(text)",
                about: "\(image.lastPathComponent)", advice: "Measure again; when it stays so, look at what changed")
        }
        var values: [String: Int] = [:]
        for line in text.split(separator: "\n") {
            let words = line.split(separator: " ")
            if words.count == 2, let value = Int(words[1]) { values[String(words[0])] = value }
        }
        return values
    }
}
