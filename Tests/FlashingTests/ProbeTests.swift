import BoardFacts
import Foundation
import Image
import Reporting
import Testing

@testable import Flashing

/// Debug probes as the kernel lists them, honest ones and others, and what OpenOCD is told of them.
@Suite("Debug probes") final class ProbeTests: MicrobitSuite {
    private var folder: String { scratch.url.path + "/usb" }
    private var way: OpenOCDWay { OpenOCDWay(devices: folder) }

    /// An HID interface, or one with a bulk endpoint each way, after a device and a configuration descriptor.
    private enum Interface { case hid, bulk, other }

    private func plug(
        _ port: String, vendor: String, product: String, name: String, serial: String, _ interface: Interface = .hid,
        interfaceName: String? = nil
    ) throws {
        func write(_ entry: String, _ facts: [String: Data]) throws {
            let url = URL(fileURLWithPath: "\(folder)/\(entry)")
            try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
            for (file, bytes) in facts { try bytes.write(to: url.appendingPathComponent(file)) }
        }
        func line(_ text: String) -> Data { Data((text + "\n").utf8) }
        var bytes = [UInt8](repeating: 0, count: 18) + [UInt8](repeating: 0, count: 9)
        (bytes[0], bytes[1], bytes[18], bytes[19]) = (18, 1, 9, 2)
        bytes += [9, 4, 0, 0, 2, interface == .hid ? 3 : 0xFF, 0, 0, 0]
        if interface == .bulk { bytes += [7, 5, 0x01, 2, 64, 0, 0, 7, 5, 0x81, 2, 64, 0, 0] }
        try write(
            port,
            [
                "idVendor": line(vendor), "idProduct": line(product), "product": line(name), "serial": line(serial),
                "descriptors": Data(bytes),
            ])
        try write("\(port):1.0", interfaceName.map { ["interface": line($0)] } ?? [:])
    }

    @Test("they are found by more than a name: who is called CMSIS-DAP and has no interface for it is none")
    func found() throws {
        try plug("1-1", vendor: "0483", product: "3748", name: "STM32 STLink", serial: "ST1")
        try plug("1-2", vendor: "0d28", product: "0204", name: "BBC micro:bit CMSIS-DAP", serial: "MB1")
        try plug("1-3", vendor: "0483", product: "df11", name: "STM32  BOOTLOADER", serial: "B1")
        try plug("1-4.2", vendor: "2e8a", product: "000c", name: "Debugprobe", serial: "V2", .bulk, interfaceName: "CMSIS-DAP v2")
        try plug("1-5", vendor: "1234", product: "5678", name: "My CMSIS-DAP", serial: "X", .other)
        try plug("usb1", vendor: "1d6b", product: "0002", name: "CMSIS-DAP", serial: "0000:00:14.0")
        #expect(try way.candidates(for: board).map(\.serial) == ["ST1", "MB1", "V2"])
        #expect(try way.candidates(for: board).map(\.port) == ["1-1", "1-2", "1-4.2"])
        #expect(try way.candidates(for: FlashingTests.board("mps2-an386")).isEmpty)
    }

    /// Serial numbers that are Tcl, or no text at all: none is run by the real OpenOCD, whatever is asked of it.
    @Test(
        "no string of a device is run as a program: not by a flash, a dry run or a verification",
        arguments: [
            "[exec touch MARK]", "1;exec touch MARK", "1\nexec touch MARK", "} ; exec touch MARK ; {",
            "$env(HOME)[exec touch MARK]",
            "\\[exec touch MARK\\]", "\"; exec touch MARK; \"", "-x [exec touch MARK]", "00 01 02", "\u{1B}[2J",
        ])
    func harmless(text: String) throws {
        let marker = scratch.url.path + "/marker"
        let hostile = text.replacing("MARK", with: marker)
        try plug("1-1", vendor: "0483", product: "3748", name: "STLink \(hostile)", serial: hostile)
        try plug("1-2", vendor: "1234", product: "5678", name: "CMSIS-DAP \(hostile)", serial: hostile, interfaceName: hostile)
        let file = try scratch.file("image.bin", try makeImage(for: board))
        let image = try CheckedImage(contentsOf: file, for: board)
        for candidate in try way.candidates(for: board) {
            for mode in [FlashJob.Mode.dryRun, .verifyOnly, .write] {
                let found = failure {
                    _ = try way.flash(
                        FlashJob(image: image, mode: mode), candidate, progress: SilentProgress(),
                        cancellation: Cancellation())
                }
                #expect(found?.kind == .unreachable, "\(found?.description ?? "no failure")")
                #expect(found?.what.contains("no reason") == false)
            }
            #expect(!candidate.description.unicodeScalars.contains { $0.value < 0x20 })
        }
        #expect(!FileManager.default.fileExists(atPath: marker), "\(text) was run")
    }

    @Test("a probe is chosen by its port where OpenOCD can, else by what only it has; two that cannot be told apart are refused")
    func selection() throws {
        try plug("1-1", vendor: "0483", product: "3748", name: "STM32 STLink", serial: "SAME")
        try plug("1-2", vendor: "0483", product: "3748", name: "STM32 STLink", serial: "SAME")
        try plug("1-3", vendor: "0d28", product: "0204", name: "BBC micro:bit CMSIS-DAP", serial: "A")
        try plug("1-4", vendor: "0d28", product: "0204", name: "BBC micro:bit CMSIS-DAP", serial: "B")
        try plug("1-5", vendor: "1111", product: "2222", name: "One CMSIS-DAP", serial: "00 01 02")
        let probes = DebugProbe.all(in: folder)
        #expect(
            try probes.map { try $0.selection(among: probes) } == [
                ["adapter usb location 1-1"], ["adapter usb location 1-2"],
                ["cmsis_dap_vid_pid 0x0d28 0x0204", "adapter serial A"],
                ["cmsis_dap_vid_pid 0x0d28 0x0204", "adapter serial B"], ["cmsis_dap_vid_pid 0x1111 0x2222"],
            ])
        try plug("1-4", vendor: "0d28", product: "0204", name: "BBC micro:bit CMSIS-DAP", serial: "A")
        let twins = DebugProbe.all(in: folder)
        for probe in twins where probe.vendor == 0x0D28 {
            let found = failure { _ = try probe.selection(among: twins) }
            #expect(found?.what.contains("port 1-3") == true && found?.what.contains("port 1-4") == true)
            #expect(found?.advice.contains("Unplug the other") == true)
        }
    }

    @Test("OpenOCD knows each command by which a probe is chosen")
    func known() throws {
        for arguments in [
            ["-f", "interface/stlink.cfg", "-c", "adapter usb location 1-2.3"],
            ["-f", "interface/cmsis-dap.cfg", "-c", "cmsis_dap_vid_pid 0x0d28 0x0204", "-c", "adapter serial A-b_c.1"],
        ] {
            #expect(throws: Never.self, "\(arguments)") {
                try OpenOCD(configuration: arguments).run(
                    ["shutdown"], in: scratch.url, progress: SilentProgress(), size: 0, cancellation: Cancellation())
            }
        }
    }

    @Test("a name that fits two is ambiguous; what is offered, ports, is taken, and leads to another device each")
    func ambiguous() throws {
        try plug("1-1", vendor: "0483", product: "3748", name: "STM32 STLink", serial: "SAME")
        try plug("1-2", vendor: "0483", product: "3748", name: "STM32 STLink", serial: "SAME")
        try plug("1-3", vendor: "0483", product: "3748", name: "STM32 STLink", serial: "OWN")
        var selection = FlashSelection(ways: [way], via: .openocd, serial: "SAME")
        let found = failure { _ = try selection.choose(for: board) }
        #expect(found?.kind == .usage && found?.what == "2 devices could be meant")
        #expect(found?.remedy.choices.contains("\n    1-1 ") == true && found?.remedy.choices.contains("\n    1-2 ") == true)
        for name in ["1-1", "1-2", "1-3", "OWN"] {
            selection.serial = name
            let chosen = try selection.choose(for: board).devices
            #expect(chosen.count == 1 && (chosen[0].port == name || chosen[0].serial == name))
        }
        // A serial number that is another's port is a name of both.
        try plug("1-4", vendor: "0483", product: "3748", name: "STM32 STLink", serial: "1-3")
        selection.serial = "1-3"
        #expect(failure { _ = try selection.choose(for: board) }?.kind == .usage)
    }
}
