// `lightnode flash` as a person uses it: it builds, waits for a board, asks for an address, shows how far it is.
import BootloaderModel
import Emulation
import Foundation
import Image
import SimulatedTerminal
import SimulatedUSB
import Testing
import VirtualUSB

@Suite("Flashing by hand", .serialized)
struct FlashSessionTests {
    let bench: Workbench
    var scratch: Scratch { bench.scratch }
    var lightnode: Program { bench.lightnode }
    var environment: [String: String] { ["LIGHTNODE_HOME": scratch.url.path, "PATH": "/usr/bin:/bin", "TMPDIR": "/tmp"] }

    init() throws { bench = try Workbench() }

    private func terminal(_ arguments: String...) throws -> Terminal {
        try Terminal(
            [Program.beside("lightnode").path] + arguments, environment: environment, folder: sourceRoot, columns: 120)
    }

    private func owned(_ name: String) throws -> String {
        let image = try lightNodeImage("microbit").path
        #expect(
            try lightnode("emulate", "start", "--board", "microbit", "--name", name, "--image", image, "--detach").status == 0)
        let label = try #require(try lightnode("provision", "--json").json()["label"] as? String)
        #expect(try lightnode("bind", label).status == 0)
        let status = try lightnode("status", "--json").json()["status"] as? [String: Any]
        return try #require(status?["address"] as? String)
    }

    @Test("The name of an application is enough: it is built, and what is flashed is what was built")
    func builds() throws {
        let old = try lightNodeImage("microbit").path
        #expect(
            try lightnode("emulate", "start", "--board", "microbit", "--name", "lamp", "--image", old, "--detach").status == 0)
        // Swift and its tools are wherever this computer has them.
        let path = ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin"
        let home = ProcessInfo.processInfo.environment["HOME"] ?? "/root"
        let flashed = try lightnode(
            "flash", "rental-lock", "--board", "microbit", "--via", "emulated", "--json",
            environment: ["PATH": path, "HOME": home])
        #expect(flashed.status == 0, "\(flashed.output)\(flashed.error)")
        let device = try #require((try flashed.json()["nodes"] as? [[String: Any]])?.first)
        #expect((device["node"] as? [String: Any])?["state"] as? String == "blank", "\(device)")
        let built = sourceRoot.appendingPathComponent("build/microbit/rental-lock.elf").path
        #expect(try lightnode("flash", built, "--via", "emulated", "--verify-only").status == 0)
        #expect(try lightnode("devices", "--json").output.contains("lock"))
        let unknown = try lightnode(
            "flash", "no-such-app", "--board", "microbit", "--via", "emulated", "--json",
            environment: ["PATH": path, "HOME": home])
        #expect(unknown.status == 4 && unknown.error.contains("no-such-app"), "\(unknown.status) \(unknown.error)")
    }

    @Test("--erase-all asks for the address to be typed: anything else leaves the keys, the address erases them")
    func typedAddress() throws {
        let address = try owned("lamp")
        let image = try lightNodeImage("microbit").path
        for wrong in ["yes", "", String(address.dropLast())] {
            let refused = try terminal("flash", image, "--node", "emulated:lamp", "--erase-all")
            #expect(refused.wait(for: "This erases the keys of \(address) for ever. Type that address to go on:"))
            refused.type(wrong + "\n")
            #expect(refused.end() == 64)
            #expect(refused.output.contains("that is not \(address)") && refused.output.contains("Nothing was changed"))
            let status = try lightnode("status", "--json").json()["status"] as? [String: Any]
            #expect(status?["state"] as? String == "owned" && status?["address"] as? String == address)
        }
        let erased = try terminal("flash", image, "--node", "emulated:lamp", "--erase-all")
        #expect(erased.wait(for: "Type that address"))
        erased.type(address + "\n")
        #expect(erased.end() == 0, "\(erased.output)")
        #expect(erased.screen.text.contains { $0.contains("version 0.1.0, blank") }, "\(erased.screen.text)")
    }

    @Test("On a terminal each stage is one line, drawn over, that ends at 100 %; in a file there is none of it")
    func progress() throws {
        _ = try owned("lamp")
        let image = try lightNodeImage("microbit").path
        let shown = try terminal("flash", image, "--node", "emulated:lamp", "--erase-all", "--yes")
        #expect(shown.end() == 0, "\(shown.output)")
        let screen = shown.screen
        #expect(screen.unknown.isEmpty, "\(screen.unknown)")
        for stage in ["erase", "write", "verify"] {
            let lines = screen.text.filter { $0.hasPrefix(stage) }
            #expect(lines.count == 1 && lines[0].contains("[####################] 100%"), "\(screen.text)")
            #expect(lines[0].contains("KB/s"))
        }
        let piped = try lightnode("flash", image, "--node", "emulated:lamp", "--erase-all", "--yes")
        #expect(piped.status == 0 && !(piped.output + piped.error).contains("%") && !piped.error.contains("\r"), "\(piped.error)")
        #expect(!(piped.output + piped.error).contains("\u{1B}"))
    }

    @Test("--wait takes a board that comes later; Ctrl-C while waiting changes nothing and exits with 130")
    func waits() throws {
        let image = try lightNodeImage("microbit").path
        let first = try terminal("flash", image, "--via", "emulated", "--wait")
        #expect(first.wait(for: "waiting for a microbit"))
        kill(first.process.processIdentifier, SIGINT)
        #expect(first.end() == 130 && first.output.contains("interrupted while waiting"), "\(first.output)")
        #expect(first.output.contains("Nothing was changed"))

        let second = try terminal("flash", image, "--via", "emulated", "--wait")
        #expect(second.wait(for: "waiting for a microbit"))
        #expect(
            try lightnode("emulate", "start", "--board", "microbit", "--name", "late", "--image", image, "--detach").status == 0)
        #expect(second.end() == 0, "\(second.output)")
        #expect(second.output.contains("microbit late via emulated"), "\(second.output)")
    }

    @Test("A node with our firmware leaves the bus when it is asked to, and is flashed as its chip's bootloader at the same port")
    func detaches() throws {
        let image = try lightNodeImage("blackpill-f411")
        var configuration = EmulatedBoard.Configuration(
            image: try checkedImage("mps2-an386"),
            flashFile: scratch.url.appendingPathComponent("flash.bin"))
        configuration.startTimeout = 60
        configuration.usb = true
        let board = try EmulatedBoard(configuration)
        defer { board.close() }
        let rom = STM32Bootloader()
        let chip = ChipWithROM(runs: try #require(board.usb), rom: BootloaderDevice(rom))
        let bus = try ExportedDevice(chip)
        try board.start()
        #expect(try #require(bus.controller.waitForDevice(timeout: 60)).vendorID == 0x1209)

        let listed = try bus.run(
            [Program.beside("lightnode").path, "flash", "--list", "--board", "blackpill-f411", "--via", "dfu"],
            environment: environment)
        #expect(listed.output.contains("1209:0001 at port 1-1, running"), "\(listed.output)\(listed.error)")
        let flashed = try bus.run(
            [
                Program.beside("lightnode").path, "flash", image.path, "--board", "blackpill-f411", "--via", "dfu",
                "--return-timeout", "0",
            ], environment: environment)
        #expect(flashed.status == 0, "\(flashed.output)\(flashed.error)")
        #expect(flashed.error.contains("runs: asking it for its bootloader"), "\(flashed.error)")
        #expect(chip.wasAsked && rom.hasLeft)
        let facts = try EndToEndTests.board("blackpill-f411")
        let wanted = [UInt8](try CheckedImage(contentsOf: image, for: facts).flat)
        let offset = Int(facts.flash.address.value - STM32Bootloader.flashBase)
        #expect(Array(rom.flash[offset..<offset + wanted.count]) == wanted)
        #expect((board.usb?.complaints ?? []).isEmpty && bus.controller.violations.isEmpty, "\(bus.controller.violations)")
    }
}

/// A chip that runs our firmware, on an emulated board, until that leaves the bus because a host said DFU_DETACH; then its ROM's bootloader
/// is at the same port.
final class ChipWithROM: VirtualUSBDevice, @unchecked Sendable {
    private let node: any VirtualUSBDevice
    private let rom: BootloaderDevice
    private let lock = NSLock()
    private var isROM = false
    private var isAsked = false
    private var report: (@Sendable (DeviceEvent) -> Void)?

    init(runs node: any VirtualUSBDevice, rom: BootloaderDevice) { (self.node, self.rom) = (node, rom) }

    /// The firmware took the request.
    var wasAsked: Bool { lock.withLock { isAsked } }
    private var current: any VirtualUSBDevice { lock.withLock { isROM } ? rom : node }

    func attach(_ report: @escaping @Sendable (DeviceEvent) -> Void) {
        lock.withLock { self.report = report }
        guard !lock.withLock({ isROM }) else { return rom.attach(report) }
        node.attach { [weak self] event in self?.hear(event) }
    }

    private func hear(_ event: DeviceEvent) {
        let (report, leaves) = lock.withLock { () -> ((@Sendable (DeviceEvent) -> Void)?, Bool) in
            guard !isROM else { return (nil, false) }
            let leaves = event == .connected(false) && isAsked
            if leaves { isROM = true }
            return (self.report, leaves)
        }
        report?(event)
        guard leaves else { return }
        DispatchQueue.global().asyncAfter(deadline: .now() + 0.1) { [self] in
            node.detach()
            if let report { rom.attach(report) }
        }
    }

    func detach() { current.detach() }
    func reset() { current.reset() }
    func suspend() { current.suspend() }
    func resume() { current.resume() }

    func handleSetup(_ packet: [UInt8]) -> DeviceAnswer {
        let answer = current.handleSetup(packet)
        // DFU_DETACH (DFU 1.1, 5.1), to whichever interface.
        if packet.count == 8, packet[0] == 0x21, packet[1] == 0, answer == .ack { lock.withLock { isAsked = true } }
        return answer
    }

    func handleOut(endpoint: UInt8, toggle: UInt8, data: [UInt8]) -> DeviceAnswer {
        current.handleOut(endpoint: endpoint, toggle: toggle, data: data)
    }
    func handleIn(endpoint: UInt8) -> DeviceAnswer { current.handleIn(endpoint: endpoint) }
    func handleAck(endpoint: UInt8) { current.handleAck(endpoint: endpoint) }
}
