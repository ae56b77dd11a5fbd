import BoardFacts
import Foundation
import Image
import Reporting
import Testing

@testable import Flashing

/// Debian's OpenOCD, really run: without a probe, and with its dummy adapter and the flash in memory that it has for tests.
@Suite("OpenOCD") final class OpenOCDTests: MicrobitSuite {
    func job(_ mode: FlashJob.Mode = .write, erasesAll: Bool = false) throws -> FlashJob {
        let file = try scratch.file("image.bin", try makeImage(for: board))
        return FlashJob(image: try CheckedImage(contentsOf: file, for: board), mode: mode, erasesAll: erasesAll)
    }

    /// No chip: a dummy adapter, a target that does nothing and a flash bank in OpenOCD's memory.
    static let dummy = [
        "-c", "adapter driver dummy", "-c", "transport select jtag", "-c", "jtag newtap x cpu -irlen 4", "-c",
        "target create x.cpu testee -chain-position x.cpu", "-c", "flash bank f faux 0x0 0x40000 0 0 x.cpu faux",
    ]

    @Test(
        "no probe, the wrong scripts, no OpenOCD: each is told in our words, and nothing was touched",
        arguments: [
            (
                ["-f", "interface/cmsis-dap.cfg", "-f", "target/nrf51.cfg"], "openocd", Failure.Kind.unreachable,
                "no CMSIS-DAP probe is there"
            ),
            (["-f", "interface/stlink.cfg", "-f", "target/stm32f4x.cfg"], "openocd", .unreachable, "no ST-Link answers"),
            (["-f", "interface/none.cfg"], "openocd", .environment, "OpenOCD lacks a script"),
            (["-f", "interface/cmsis-dap.cfg"], "openocd-is-not-here", .environment, "openocd is not in PATH"),
        ])
    func absent(arguments: [String], program: String, kind: Failure.Kind, words: String) throws {
        let found = failure {
            _ = try OpenOCDWay.flash(
                try job(), OpenOCD(executable: program, configuration: arguments), progress: SilentProgress(),
                cancellation: Cancellation())
        }
        #expect(found?.kind == kind && found?.what.contains(words) == true, "\(found?.description ?? "no failure")")
        #expect(found?.advice.isEmpty == false)
    }

    @Test("its stages become our progress")
    func stages() throws {
        _ = try scratch.file("p.hex", Data(try job().image.intelHex.utf8))
        let progress = RecordedProgress()
        let outcome = try OpenOCD(configuration: Self.dummy).run(
            ["program p.hex exit"], in: scratch.url, progress: progress, size: 0x3000, cancellation: Cancellation())
        // OpenOCD's program tells no count of what it wrote.
        #expect(outcome == OpenOCD.Outcome(written: nil, isVerified: false))
        #expect(progress.lines == ["begin write", "end write"])
        #expect(progress.reached(.write) == (0x3000, 0x3000))
    }

    @Test("what OpenOCD does not say was not done: it must have verified, and a count that it gives must be the image's")
    func judged() throws {
        try OpenOCDWay.check(OpenOCD.Outcome(written: nil, isVerified: true), size: 0x3000)
        try OpenOCDWay.check(OpenOCD.Outcome(written: 0x3000, isVerified: true), size: 0x3000)
        for outcome in [
            OpenOCD.Outcome(written: 0, isVerified: true), OpenOCD.Outcome(written: 0x2FFF, isVerified: true),
            OpenOCD.Outcome(written: 0x3000, isVerified: false), OpenOCD.Outcome(),
        ] {
            #expect(failure { try OpenOCDWay.check(outcome, size: 0x3000) }?.kind == .notFlashed, "\(outcome)")
        }
    }

    @Test("a verification that fails is a flash that failed, with OpenOCD's reason")
    func verifyFails() throws {
        let progress = RecordedProgress()
        // The dummy target cannot compute a checksum: OpenOCD calls that a failed verification.
        let found = failure {
            _ = try scratch.file(OpenOCDWay.imageName, Data(try job().image.intelHex.utf8))
            try OpenOCD(configuration: Self.dummy).run(
                OpenOCDWay.programming(try job()), in: scratch.url, progress: progress, size: 0x3000,
                cancellation: Cancellation())
        }
        #expect(
            found?.kind == .notFlashed && found?.what.contains("could not be verified") == true,
            "\(found?.description ?? "no failure")")
        #expect(found?.what.contains("doesn't support checksum_memory") == true)
        #expect(progress.lines == ["begin write", "end write", "begin verify", "end verify"])
    }

    @Test("what a chip holds is read back and compared: the image, one bit of it changed, and none of it")
    func readsBack() throws {
        let board = try FlashingTests.board("blackpill-f411")
        let flat = try makeImage(for: board)
        let image = try CheckedImage(contentsOf: try scratch.file("image.hex", hexFile(flat, board)), for: board)
        func job(_ mode: FlashJob.Mode) -> FlashJob { FlashJob(image: image, mode: mode, erasesAll: false) }
        func offset(_ address: UInt64) -> Int { Int(address - board.wholeFlash.lowerBound) }

        var flash = Data(repeating: 0xFF, count: board.wholeFlash.count)
        for piece in image.pieces {
            flash.replaceSubrange(offset(piece.address)..<offset(piece.address) + piece.bytes.count, with: piece.bytes)
        }
        do {
            let chip = try ChipAtJTAG(flash, in: scratch)
            let progress = RecordedProgress()
            let verified = try OpenOCDWay.flash(
                job(.verifyOnly), chip.openocd, progress: progress, cancellation: Cancellation())
            #expect(verified.outcome == .verified && verified.verified == image.size)
            #expect(progress.reached(.compare) == (image.size, image.size))
            // Nothing is written that is there already.
            let again = try OpenOCDWay.flash(job(.write), chip.openocd, progress: SilentProgress(), cancellation: Cancellation())
            #expect(again.outcome == .unchanged && again.written == 0)
        }
        var changed = flash
        changed[offset(board.flash.address.value) + flat.count - 1] ^= 1
        for contents in [changed, Data(repeating: 0xFF, count: flash.count)] {
            let chip = try ChipAtJTAG(contents, in: scratch)
            let found = failure {
                _ = try OpenOCDWay.flash(job(.verifyOnly), chip.openocd, progress: SilentProgress(), cancellation: Cancellation())
            }
            #expect(
                found?.kind == .notFlashed && found?.what.contains("the flash differs from the image") == true,
                "\(found?.description ?? "no failure")")
            let plan = try OpenOCDWay.flash(job(.dryRun), chip.openocd, progress: SilentProgress(), cancellation: Cancellation())
            #expect(plan.outcome == .planned && plan.written == image.size)
        }
    }

    static let isWritingWanted = ProcessInfo.processInfo.environment["LIGHTNODE_OPENOCD_WRITE"] != nil

    @Test(
        "a chip is erased, written and verified where the image lies and nowhere else; LIGHTNODE_OPENOCD_WRITE has it run, for minutes",
        .enabled(if: isWritingWanted))
    func writes() throws {
        let board = try FlashingTests.board("blackpill-f411")
        let flat = try makeImage(for: board)
        let image = try CheckedImage(contentsOf: try scratch.file("image.hex", hexFile(flat, board)), for: board)
        var flash = Data(repeating: 0x5A, count: board.wholeFlash.count)
        let chip = try ChipAtJTAG(flash, in: scratch)
        let report = try OpenOCDWay.flash(
            FlashJob(image: image, mode: .write, erasesAll: false), chip.openocd, progress: SilentProgress(),
            cancellation: Cancellation())
        #expect(report.outcome == .written && report.verified == image.size)
        // Its sectors (RM0383, table 5), and what of them is the image.
        for (start, size) in [(0, 16 << 10), (0x20000, 128 << 10)] {
            flash.replaceSubrange(start..<start + size, with: Data(repeating: 0xFF, count: size))
        }
        for piece in image.pieces {
            let start = Int(piece.address - board.wholeFlash.lowerBound)
            flash.replaceSubrange(start..<start + piece.bytes.count, with: piece.bytes)
        }
        #expect(try chip.contents() == flash)
    }

    @Test("only --erase-all erases what is not the image's")
    func commands() throws {
        #expect(OpenOCDWay.programming(try job()) == ["program image.hex verify reset exit"])
        #expect(OpenOCDWay.programming(try job(erasesAll: true)).contains("flash erase_address pad 0 262144"))
    }

    @Test(
        "causes are told before their consequences, and what came before the writing is no cause of what failed in it",
        arguments: [
            (
                ["unable to connect to the target", "** Programming Failed **"], nil, "the probe reaches no chip",
                Failure.Kind.unreachable
            ),
            ([], ["checksum mismatch - attempting binary compare", "Verify Failed"], "reads back differently", .notFlashed),
            (
                ["libusb_open() failed with LIBUSB_ERROR_ACCESS", "open failed"], nil, "may not use the debug probe",
                .environment
            ),
            (["timed out while waiting for target halted"], ["Programming Failed"], "writing the flash failed", .notFlashed),
            (
                [], ["stm32x device protected", "failed erasing sectors 0 to 3", "Programming Failed"],
                "a sector of the flash is protected", .notFlashed
            ),
            (
                ["cannot read IDR"],
                ["timed out while waiting for target halted", "error writing to flash", "Programming Failed"],
                "the chip does not halt", .notFlashed
            ),
            (["something new"], nil, "OpenOCD failed with status 1: something new", .environment),
        ] as [([String], [String]?, String, Failure.Kind)])
    func rules(errors: [String], writing: [String]?, words: String, kind: Failure.Kind) {
        let found = OpenOCDFailure.failure(errors, writing: writing, status: 1).failure
        #expect(found.kind == kind && found.what.contains(words), "\(found)")
        if words.contains("protected") { #expect(found.advice.contains("flash protect") && !found.advice.contains("wires")) }
    }
}

/// An STM32F411 at its JTAG port (Chip/stm32f411.py), which OpenOCD reaches over a socket: its own target script, its own driver of the debug
/// port. It is gone with the object.
final class ChipAtJTAG {
    let openocd: OpenOCD
    private let process = Process()
    private let file: URL

    init(_ flash: Data, in scratch: Scratch) throws {
        let name = "chip-\(UInt32.random(in: 0 ... .max))"
        let contents = try scratch.file(name, flash), port = contents.path + ".port"
        file = contents
        process.executableURL = sourceRoot.appendingPathComponent("Tests/FlashingTests/Chip/stm32f411.py")
        process.arguments = [port, contents.path]
        try process.run()
        var number: String?
        for _ in 0..<500 where number == nil {
            usleep(20_000)
            number = try? String(contentsOfFile: port, encoding: .utf8)
        }
        openocd = OpenOCD(configuration: [
            "-c", "adapter driver remote_bitbang", "-c", "remote_bitbang host 127.0.0.1", "-c",
            "remote_bitbang port \(try #require(number, "the chip does not start"))", "-c", "transport select jtag", "-c",
            // Its core executes nothing, so OpenOCD's helpers have no place in its RAM.
            "gdb_port disabled; tcl_port disabled; telnet_port disabled; set WORKAREASIZE 0", "-f", "target/stm32f4x.cfg",
        ])
    }

    deinit { if process.isRunning { kill(process.processIdentifier, SIGKILL) } }

    /// Its flash, which it saves when OpenOCD has gone.
    func contents() throws -> Data {
        usleep(500_000)
        return try Data(contentsOf: file)
    }
}
