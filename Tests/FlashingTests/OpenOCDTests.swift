import Foundation
import Reporting
import Testing

@testable import FirmwareBuild
@testable import Flashing

/// Debian's OpenOCD, really run: without a probe, and with its dummy adapter and the flash in memory that it has for tests.
@Suite("OpenOCD") struct OpenOCDTests {
    let scratch: Scratch
    let board: Board

    init() throws {
        scratch = try Scratch()
        board = try FlashingTests.board("microbit")
    }

    func job(_ mode: FlashJob.Mode = .write, erasesAll: Bool = false) throws -> FlashJob {
        let file = try scratch.file("image.bin", try makeImage(for: board))
        return FlashJob(
            board: board, image: try FlashImage(ImageFile(contentsOf: file), for: board), mode: mode, erasesAll: erasesAll)
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
        let file = try scratch.file("p.hex", Data(try job().image.intelHex.utf8))
        let progress = RecordedProgress()
        try OpenOCD(configuration: Self.dummy).run(
            ["program {\(file.path)} exit"], progress: progress, size: 0x3000, cancellation: Cancellation())
        #expect(progress.lines == ["begin write", "end write"])
        #expect(progress.reached(.write) == (0x3000, 0x3000))
    }

    @Test("a verification that fails is a flash that failed, with OpenOCD's reason")
    func verifyFails() throws {
        let progress = RecordedProgress()
        // The dummy target cannot compute a checksum: OpenOCD calls that a failed verification.
        let found = failure {
            let file = try scratch.file("p.hex", Data(try job().image.intelHex.utf8))
            try OpenOCD(configuration: Self.dummy).run(
                OpenOCDWay.programming(try job(), file), progress: progress, size: 0x3000, cancellation: Cancellation())
        }
        #expect(
            found?.kind == .notFlashed && found?.what.contains("could not be verified") == true,
            "\(found?.description ?? "no failure")")
        #expect(found?.what.contains("doesn't support checksum_memory") == true)
        #expect(progress.lines == ["begin write", "end write", "begin verify", "end verify"])
    }

    @Test("only --erase-all erases what is not the image's")
    func commands() throws {
        let file = URL(fileURLWithPath: "/x y.hex")
        #expect(OpenOCDWay.programming(try job(), file) == ["program {/x y.hex} verify reset exit"])
        #expect(OpenOCDWay.programming(try job(erasesAll: true), file).contains("flash erase_address pad 0 262144"))
    }

    @Test(
        "causes are told before their consequences",
        arguments: [
            (
                ["unable to connect to the target", "** Programming Failed **"], false, "the probe reaches no chip",
                Failure.Kind.unreachable
            ),
            (["checksum mismatch - attempting binary compare", "Verify Failed"], true, "reads back differently", .notFlashed),
            (
                ["libusb_open() failed with LIBUSB_ERROR_ACCESS", "open failed"], false, "may not use the debug probe",
                .environment
            ),
            (["timed out while waiting for target halted", "Programming Failed"], true, "writing the flash failed", .notFlashed),
            (["something new"], false, "OpenOCD failed with status 1: something new", .environment),
        ])
    func rules(errors: [String], hasWritten: Bool, words: String, kind: Failure.Kind) {
        let found = OpenOCDFailure.failure(errors, status: 1, hasWritten: hasWritten).failure
        #expect(found.kind == kind && found.what.contains(words), "\(found)")
    }

    @Test("probes are found among the kernel's USB devices")
    func probes() throws {
        func device(_ name: String, _ facts: [String: String]) throws {
            let folder = scratch.url.appendingPathComponent("usb/\(name)")
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
            for (file, text) in facts { try Data((text + "\n").utf8).write(to: folder.appendingPathComponent(file)) }
        }
        try device("1-1", ["idVendor": "0483", "idProduct": "3748", "product": "STM32 STLink", "serial": "ST1"])
        try device("1-2", ["idVendor": "0d28", "idProduct": "0204", "product": "BBC micro:bit CMSIS-DAP", "serial": "MB1"])
        try device("1-3", ["idVendor": "0483", "idProduct": "df11", "product": "STM32  BOOTLOADER", "serial": "B1"])
        try device("usb1", ["idVendor": "1d6b", "product": "xHCI Host Controller"])
        let way = OpenOCDWay(devices: scratch.url.path + "/usb")
        #expect(try way.candidates(for: board).map(\.serial) == ["ST1", "MB1"])
        #expect(try way.candidates(for: FlashingTests.board("mps2-an386")).isEmpty)
    }
}
