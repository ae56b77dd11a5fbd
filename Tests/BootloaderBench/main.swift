// dfu-bench: flashes the model of the STM32F411's bootloader with Debian's dfu-util and with lightnode, the same 256 KB image from the
// same start, and compares the model's own time: that of the flash, the bus and the waits that the device asks for.
// Prints rows for bench.json. Usage: dfu-bench LIGHTNODE WITH-USB (both paths), in the source tree.
import BoardFacts
import BootloaderModel
import Flashing
import Foundation
import Image
import VirtualUSB

struct Row: Encodable {
    let name: String
    let board = "blackpill-f411"
    let variant: String
    let value: Double
    let unit: String
}

struct Trouble: Error, CustomStringConvertible {
    let description: String
}

/// A chip that ran an older firmware, at the end of a cable.
final class Bench {
    let board: Board
    let image, boot: Data
    let folder: URL
    let lightnode, withUSB: String

    init(lightnode: String, withUSB: String) throws {
        self.lightnode = lightnode
        self.withUSB = withUSB
        board = try BoardCatalogue().board("blackpill-f411")
        folder = FileManager.default.temporaryDirectory.appendingPathComponent("lndfu-\(getpid())")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let ram = board.ram.range.upperBound
        boot = Self.words([ram, board.boot!.address.value + 9]) + Data([0x00, 0xBF, 0xFE, 0xE7])
        image = Self.firmware(board, seed: 1)
        try Data(
            IntelHex.text([
                Segment(address: board.boot!.address.value, bytes: boot),
                Segment(address: board.flash.address.value, bytes: image),
            ]).utf8
        ).write(to: folder.appendingPathComponent("image.hex"))
        try image.write(to: folder.appendingPathComponent("image.bin"))
    }

    deinit { try? FileManager.default.removeItem(at: folder) }

    static func words(_ values: [UInt64]) -> Data {
        Data(values.flatMap { value in (0..<4).map { UInt8(truncatingIfNeeded: value >> UInt64(8 * $0)) } })
    }

    /// 256 KB without a run of 0xFF: nothing that could be left out.
    static func firmware(_ board: Board, seed: UInt64) -> Data {
        var state = seed
        var flat = Data(
            (0..<256 << 10).map { _ in
                state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                return UInt8(truncatingIfNeeded: state >> 40)
            })
        flat.replaceSubrange(0..<8, with: words([board.ram.range.upperBound, board.flash.address.value + 0x241]))
        flat.stampImageHeader(board: board, version: [1, 0, UInt8(seed)], origin: ImageOrigin(application: "bench", build: 0))
        return flat
    }

    /// The chip with an older firmware of the same size in it.
    func chip() -> STM32Bootloader {
        let chip = STM32Bootloader()
        chip.preload(boot)
        chip.preload(Self.firmware(board, seed: 2), at: offset)
        return chip
    }

    var offset: Int { Int(board.flash.address.value - STM32Bootloader.flashBase) }

    /// Runs a command that sees the chip, and checks that the image is in it.
    func run(_ chip: STM32Bootloader, _ command: [String]) throws {
        chip.replug()
        chip.resetCounters()
        let controller = VirtualHostController(BootloaderDevice(chip))
        defer { controller.close() }
        guard controller.waitForDevice(timeout: 10) != nil else {
            throw Trouble(description: "the model was not enumerated: \(controller.violations)")
        }
        let socket = folder.appendingPathComponent("usb").path
        let server = try RedirectionServer(path: socket, controller: controller)
        defer { server.close() }
        let process = Process()
        process.executableURL = URL(fileURLWithPath: withUSB)
        process.arguments = [socket, "--"] + command
        process.standardOutput = FileHandle.standardError
        try process.run()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else {
            throw Trouble(description: "\(command[0]) failed with status \(process.terminationStatus)")
        }
        guard controller.violations.isEmpty else { throw Trouble(description: "the model breaks USB: \(controller.violations)") }
        guard Data(chip.flash[offset..<offset + image.count]) == image else {
            throw Trouble(description: "\(command[0]) wrote something else")
        }
    }

    func rows() throws -> [Row] {
        let dfuUtil = [
            "dfu-util", "-a", "0", "-s", "\(String(format: "0x%08x", board.flash.address.value)):leave", "-D",
            folder.appendingPathComponent("image.bin").path,
        ]
        let ours = [
            lightnode, "flash", folder.appendingPathComponent("image.hex").path, "--via", "dfu", "--return-timeout", "0",
        ]
        let theirs = chip()
        try run(theirs, dfuUtil)
        let (theirTotal, theirDownload) = (theirs.time, theirs.downloadEnded! - theirs.downloadBegan!)
        let own = chip()
        try run(own, ours)
        let (ownTotal, ownDownload) = (own.time, own.downloadEnded! - own.downloadBegan!)
        guard own.impatience == 0 else { throw Trouble(description: "lightnode asked too early \(own.impatience) times") }
        try run(own, ours)
        let again = own.time
        func seconds(_ name: String, _ variant: String, _ value: UInt64) -> Row {
            Row(name: name, variant: variant, value: Double(value) / 1e6, unit: "seconds of the model")
        }
        return [
            seconds("dfu.download", "dfu-util 0.11", theirDownload), seconds("dfu.download", "lightnode", ownDownload),
            seconds("dfu.total", "dfu-util 0.11", theirTotal), seconds("dfu.total", "lightnode, with read-back", ownTotal),
            seconds("dfu.total", "lightnode, unchanged", again),
            Row(
                name: "dfu.download_ratio", variant: "lightnode / dfu-util", value: Double(ownDownload) / Double(theirDownload),
                unit: "×"),
            Row(
                name: "dfu.total_ratio", variant: "lightnode / dfu-util", value: Double(ownTotal) / Double(theirTotal), unit: "×"),
            Row(
                name: "dfu.unchanged_ratio", variant: "lightnode / dfu-util", value: Double(again) / Double(theirTotal), unit: "×"
            ),
        ]
    }
}

guard CommandLine.arguments.count == 3 else {
    FileHandle.standardError.write(Data("usage: dfu-bench LIGHTNODE WITH-USB\n".utf8))
    exit(64)
}
do {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
    let rows = try Bench(lightnode: CommandLine.arguments[1], withUSB: CommandLine.arguments[2]).rows()
    print(String(decoding: try encoder.encode(rows), as: UTF8.self))
} catch {
    FileHandle.standardError.write(Data("dfu-bench: \(error)\n".utf8))
    exit(1)
}
