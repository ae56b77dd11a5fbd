import BootloaderModel
import Foundation
import Reporting
import Testing
import VirtualUSB

@testable import Flashing

/// Debian's dfu-util, unmodified, and our own program, each over libusb at the end of the virtual cable (Tools/with-usb).
/// That dfu-util lists, writes and reads the model says that the model is right; that both leave the same flash, that our tool is.
@Suite("dfu-util and lightnode on the same bootloader", .serialized) struct WitnessTests {
    struct Run {
        let status: Int32
        let output: String
        let error: String
    }

    let scratch: Scratch

    init() throws { scratch = try Scratch() }

    static var lightnode: String {
        var folder = URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent()
        while !FileManager.default.isExecutableFile(atPath: folder.appendingPathComponent("lightnode").path), folder.path != "/" {
            folder.deleteLastPathComponent()
        }
        return folder.appendingPathComponent("lightnode").path
    }

    /// Runs `command` with these devices plugged in.
    func run(_ command: [String], _ devices: [BootloaderDevice], isDenied: Bool = false) throws -> Run {
        var sockets: [String] = [], servers: [RedirectionServer] = [], controllers: [VirtualHostController] = []
        for (index, device) in devices.enumerated() {
            let controller = VirtualHostController(device)
            _ = try #require(controller.waitForDevice(timeout: 30))
            controllers.append(controller)
            sockets.append(scratch.url.path + "/usb\(index)")
            servers.append(try RedirectionServer(path: sockets[index], controller: controller))
        }
        defer {
            for server in servers { server.close() }
            for controller in controllers { controller.close() }
        }
        let process = Process()
        process.executableURL = sourceRoot.appendingPathComponent("Tools/with-usb")
        process.arguments = (isDenied ? ["--deny"] : []) + sockets + ["--"] + command
        process.currentDirectoryURL = sourceRoot
        process.environment = ProcessInfo.processInfo.environment.merging(["LIGHTNODE_HOME": scratch.url.path]) { $1 }
        let output = try scratch.file("out", Data()), error = try scratch.file("err", Data())
        process.standardOutput = try FileHandle(forWritingTo: output)
        process.standardError = try FileHandle(forWritingTo: error)
        process.standardInput = FileHandle.nullDevice
        try process.run()
        process.waitUntilExit()
        for controller in controllers { #expect(controller.violations.isEmpty, "\(controller.violations)") }
        return Run(
            status: process.terminationStatus, output: try String(contentsOf: output, encoding: .utf8),
            error: try String(contentsOf: error, encoding: .utf8))
    }

    func run(_ command: [String], _ model: STM32Bootloader) throws -> Run { try run(command, [BootloaderDevice(model)]) }

    @Test("dfu-util lists the model's four memories as those of a real STM32F4 bootloader")
    func lists() throws {
        let listed = try run(["dfu-util", "-l"], STM32Bootloader())
        #expect(listed.status == 0, "\(listed.error)")
        for (alternate, name) in STM32Bootloader.alternateNames.enumerated() {
            #expect(
                listed.output.contains("[0483:df11] ver=2200"), "\(listed.output)\(listed.error)")
            #expect(listed.output.contains("alt=\(alternate), name=\"\(name)\", serial=\"3276365D3336\""), "\(listed.output)")
        }
    }

    // R17
    @Test(
        "dfu-util writes an image, reads it back, and leaves; lightnode writes the same flash and finds it unchanged; dfu-util reads that too"
    )
    func same() throws {
        let theirs = try Attempt(size: 0x2801), ours = try Attempt(size: 0x2801)
        let bin = try scratch.file("image.bin", theirs.image),
            hex = try scratch.file("image.hex", hexFile(theirs.image, theirs.board))

        let written = try run(["dfu-util", "-a", "0", "-s", "0x08020000:leave", "-D", bin.path], theirs.device)
        #expect(written.status == 0, "\(written.output)\(written.error)")
        #expect(theirs.holdsImage && theirs.keysAreThere && theirs.device.hasLeft)

        let flashed = try run(
            [Self.lightnode, "flash", hex.path, "--via", "dfu", "--return-timeout", "0", "--json"], ours.device)
        #expect(flashed.status == 0, "\(flashed.output)\(flashed.error)")
        #expect(ours.holdsImage && ours.keysAreThere && ours.device.hasLeft && ours.device.impatience == 0)
        #expect(ours.device.flash == theirs.device.flash)

        ours.device.replug()
        let erases = ours.device.erases
        let again = try run([Self.lightnode, "flash", hex.path, "--return-timeout", "0"], ours.device)
        #expect(
            again.status == 0 && again.output.contains("unchanged") && ours.device.erases == erases,
            "\(again.output)\(again.error)")

        ours.device.replug()
        let read = scratch.url.appendingPathComponent("read.bin")
        let back = try run(["dfu-util", "-a", "0", "-s", "0x08020000:0x2801", "-U", read.path], ours.device)
        #expect(back.status == 0, "\(back.output)\(back.error)")
        // Its last block is shorter, so by AN3156 the model takes it from another address; the whole ones are the image's.
        #expect(try Data(contentsOf: read).prefix(0x2800) == ours.image.prefix(0x2800))
    }

    @Test("dfu-util writes the DfuSe file that image convert makes: the image and nothing of the store")
    func dfuSe() throws {
        let it = try Attempt(size: 0x2801)
        let hex = try scratch.file("image.hex", hexFile(it.image, it.board)),
            dfu = scratch.url.appendingPathComponent("image.dfu")
        let converted = try run([Self.lightnode, "image", "convert", hex.path, dfu.path], it.device)
        #expect(converted.status == 0 && converted.output.contains("DFU of"), "\(converted.output)\(converted.error)")
        let written = try run(["dfu-util", "-a", "0", "-D", dfu.path], it.device)
        #expect(written.status == 0 && !written.error.contains("Warning"), "\(written.output)\(written.error)")
        #expect(it.holdsImage && it.keysAreThere)
    }

    @Test("dfu-util and lightnode both see a read-protected chip, and neither changes it")
    func readProtected() throws {
        let it = try Attempt(size: 0x2801)
        it.device.isReadProtected = true
        let before = it.device.flash
        let bin = try scratch.file("image.bin", it.image), hex = try scratch.file("image.hex", hexFile(it.image, it.board))
        let theirs = try run(["dfu-util", "-a", "0", "-s", "0x08020000", "-D", bin.path], it.device)
        #expect(theirs.status != 0 && it.device.flash == before)
        let ours = try run([Self.lightnode, "flash", hex.path, "--return-timeout", "0", "--json"], it.device)
        #expect(ours.status == 4 && ours.error.contains("is read-protected") && it.device.flash == before, "\(ours.error)")
    }

    @Test("two devices: listed by both, refused without a name, chosen by --serial, both with --all")
    func two() throws {
        let it = try Attempt(size: 0x2801)
        let hex = try scratch.file("image.hex", hexFile(it.image, it.board))
        let other = STM32Bootloader(serial: "OTHER")
        let devices = [BootloaderDevice(it.device), BootloaderDevice(other)]
        let flash = [Self.lightnode, "flash", hex.path, "--return-timeout", "0", "--json"]
        let ambiguous = try run(flash, devices)
        #expect(ambiguous.status == 64 && ambiguous.error.contains("--serial OTHER"), "\(ambiguous.error)")
        #expect(!it.holdsImage)
        let one = try run(flash + ["--serial", "3276365D3336"], devices)
        #expect(one.status == 0 && it.holdsImage && other.programmedBlocks == 0, "\(one.error)")
        devices[0].replug()
        let both = try run(flash + ["--all"], devices)
        #expect(both.status == 0, "\(both.output)\(both.error)")
        #expect(Array(other.flash[it.imageOffset..<it.imageOffset + it.image.count]) == [UInt8](it.image))
    }

    @Test("a device that this user may not open: exit code 4, and the rule that fixes it")
    func denied() throws {
        let it = try Attempt(size: 0x2801)
        let hex = try scratch.file("image.hex", hexFile(it.image, it.board))
        let flash = [Self.lightnode, "flash", hex.path, "--return-timeout", "0", "--json"]
        let refused = try run(flash, [BootloaderDevice(it.device)], isDenied: true)
        #expect(
            refused.status == 4 && refused.error.contains("sudo lightnode udev --install"), "\(refused.output)\(refused.error)")
        #expect(refused.error.contains("/dev/bus/usb/") && it.device.erases == 0, "\(refused.error)")
    }

    @Test("unplugged while a block is written: exit code 9, the words, and the next run heals it")
    func unplugged() throws {
        let it = try Attempt(size: 0x2801)
        let hex = try scratch.file("image.hex", hexFile(it.image, it.board))
        it.device.faults.unplugsAtBlock = 2
        let flash = [Self.lightnode, "flash", hex.path, "--return-timeout", "0", "--json"]
        let lost = try run(flash, it.device)
        #expect(
            lost.status == 9 && lost.error.contains("its flash is partly written") && lost.error.contains("BOOT0"),
            "\(lost.error)")
        #expect(!it.holdsImage && it.keysAreThere)
        it.device.faults = Faults()
        it.device.replug()
        #expect(try run(flash, it.device).status == 0)
        #expect(it.holdsImage && it.keysAreThere)
    }

    @Test("a running node is asked for its bootloader over libusb, and followed through its change of identity")
    func detaches() throws {
        let it = try Attempt(size: 0x2801)
        let hex = try scratch.file("image.hex", hexFile(it.image, it.board))
        let device = BootloaderDevice(it.device, nodeSerial: "NODE1")
        let flashed = try run([Self.lightnode, "flash", hex.path, "--return-timeout", "0"], [device])
        #expect(flashed.status == 0 && it.holdsImage && it.keysAreThere, "\(flashed.output)\(flashed.error)")
        #expect(flashed.error.contains("asking it for its bootloader"), "\(flashed.error)")
    }
}
