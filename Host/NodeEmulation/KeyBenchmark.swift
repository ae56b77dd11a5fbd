// Runs the image bench-ed25519 and turns its SysTick readings into executed instructions.
import Emulation
import FirmwareBuild
import Foundation

/// What the image printed, ticks scaled to instructions by its own loop of 200,000 instructions.
public struct KeyBenchmark: Sendable {
    /// Instructions of `verify`, `sign`, …; bytes of `stack.verify`, ….
    public var values: [String: Int] = [:]

    public init(board: Board, image: URL) throws {
        let flat = try ELFImage(contentsOf: image).checkedFlash(for: board)
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
                "-icount", "shift=0,align=off,sleep=off", "-rtc", "clock=vm",
                "-chardev", "file,id=printed,path=\(printed.path)",
                "-semihosting-config", "enable=on,target=native,chardev=printed",
            ], log: folder.path + "/qemu.log", timeout: 600)()
        let text = (try? String(contentsOf: printed, encoding: .utf8)) ?? ""
        guard end == .status(0) else {
            throw EmulationError("\(image.lastPathComponent) on \(board.name) ended with \(end): \(text)")
        }
        var ticks: [String: Int] = [:]
        for line in text.split(separator: "\n") {
            let words = line.split(separator: " ")
            if words.count == 2, let value = Int(words[1]) { ticks[String(words[0])] = value }
        }
        guard let loop = ticks["calibration.200000"], loop > 0 else {
            throw EmulationError("\(image.lastPathComponent) printed no calibration: \(text)")
        }
        for (name, value) in ticks where name != "calibration.200000" {
            let isTime = !name.hasPrefix("stack.") && name != "constancy.keys" && !name.hasPrefix("secrets.")
            values[name] = isTime ? Int((Double(value) * 200_000 / Double(loop)).rounded()) : value
        }
    }
}
