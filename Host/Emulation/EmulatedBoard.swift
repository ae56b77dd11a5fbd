// One board in QEMU: power, flash, UART, registers and pins.
import BoardFacts
import Foundation
import Image
import Programs
import Reporting

/// A board whose processor, flash and pins are QEMU's. All calls block, each with a time limit; a board is used by one thread at a time.
public final class EmulatedBoard: @unchecked Sendable {
    /// What the board's time follows.
    public enum Clock: Equatable, Sendable {
        /// The host's time.
        case host
        /// Virtual time follows executed instructions, 2^shift nanoseconds each; waiting takes no host time. Same input, same run.
        case instructions(shift: Int)
        /// Virtual time follows executed instructions, 2^shift nanoseconds each, but the processor sleeps in real time while idle: for
        /// boards that a person or another program talks to.
        case pacedInstructions(shift: Int)
        /// One instruction each 2^shift nanoseconds of the host's time: the device is as slow as its chip.
        case chipSpeed(shift: Int)
    }

    /// Where the bytes of the board's serial line go.
    public enum UART: Equatable, Sendable {
        /// A Unix socket that one program at a time connects to (`uartSocket`).
        case socket
        /// All that the firmware sends goes to a file.
        case file(URL)
        /// Nowhere; nothing can be sent to the firmware either.
        case none
    }

    /// How a board is to run. Changes count from the next `EmulatedBoard` on: a board keeps the configuration that it was made
    /// with.
    public struct Configuration: Sendable {
        /// What is emulated; must have an `emulator`.
        public let board: Board
        /// What is programmed before it starts. Nil runs what the flash file holds (boards whose whole flash is modelled).
        public let image: CheckedImage?
        /// Where the flash is kept; nil: in the run folder, gone with the board.
        public var flashFile: URL?
        /// False: what firmware stores is in QEMU's memory alone and lost with it. For measuring what keeping it costs.
        public var keepsFlash = true
        /// What time follows; `run(untilInstruction:)` repeats itself only with `.instructions`.
        public var clock = Clock.host
        /// Where the serial line goes.
        public var uart = UART.socket
        /// With `UART.socket`: a file or a pipe that gets all that the firmware sends as well, whoever is connected.
        public var uartCopy: URL?
        /// Semihosting on, with this command line (SYS_GET_CMDLINE). Nil: off, as on the real board.
        public var semihosting: [String]?
        /// For `run(untilInstruction:)`. About a fifth of the speed.
        public var countsInstructions = false
        /// With `countsInstructions`: the processor stands still after each store to these addresses (`run(toStoreOrInstruction:)`).
        public var watchedStores: [Range<UInt64>] = []
        /// Instructions are counted from the one at this address, when it is executed for the first time; nil: from power on.
        public var countsFrom: UInt64?
        /// Seed of QEMU's random number generators.
        public var seed: UInt64?
        /// Seconds for QEMU to come up.
        public var startTimeout = 10.0
        /// The wire of the board's virtual USB is at `EmulatedBoard.usb`, if the board has one.
        public var usb = false
        /// Appended to QEMU's command line.
        public var extraArguments: [String] = []

        /// The host's clock, a socket for the UART, everything else off.
        /// - Parameter flashFile: where the flash is kept; nil: in the run folder, gone with the board.
        public init(image: CheckedImage, flashFile: URL? = nil) {
            board = image.board
            self.image = image
            self.flashFile = flashFile
        }

        /// A board that runs what its flash file holds; everything else as with an image.
        public init(board: Board, flashFile: URL) {
            self.board = board
            image = nil
            self.flashFile = flashFile
        }
    }

    /// How QEMU ended.
    public enum Exit: Equatable, Sendable {
        /// QEMU ended: the firmware's semihosting exit code, or QEMU's own.
        case status(Int32)
        /// QEMU was killed by a signal.
        case killed(signal: Int32)
    }

    /// As it was given to `init`.
    public let configuration: Configuration
    /// The board that is emulated.
    public var board: Board { configuration.board }
    /// Private folder with the sockets; short, because a socket's path is limited to 107 bytes.
    public let folder: URL
    /// Where the flash is kept, locked for this board as long as it lives. While the board is on it is the flash.
    public let flash: FlashFile
    /// The board's USB, nil for a board without a virtual one, or unless `Configuration.usb` asks for it. Plug it into a `VirtualHostController`.
    public let usb: BoardCable?
    private var process: ChildProcess?
    private var qmp: QMP?
    private var qtest: QTest?
    private var probe: Probe?
    /// Until the file is the flash of a QEMU that was started.
    private var mapping: FlashMapping?

    /// Checks that QEMU can run the board and that the flash file belongs to it. Starts nothing.
    /// - Throws: `Failure` that says which of these is not so; nothing stays of the board then.
    public init(_ configuration: Configuration) throws {
        self.configuration = configuration
        let board = configuration.board
        try QEMU.installed(for: board).require(board)
        guard configuration.image != nil || board.emulator?.flash == .nrf51 else {
            throw Failure(
                .environment, "board \(board.name) keeps no image in its flash file: name an image",
                remedy: .build(board: nil))
        }
        usb = configuration.usb && board.emulator?.usbState != nil ? BoardCable() : nil
        folder = try RunFolder.make()
        do {
            flash = try FlashFile(configuration.flashFile ?? folder.appendingPathComponent("flash.bin"), board: board)
            if let image = configuration.image {
                try program(image.flat)
                // QEMU loads what was checked, whatever becomes of the file that it was read from.
                if board.emulator?.flash != .nrf51 { try image.elf.write(to: imageFile) }
            }
        } catch {
            try? FileManager.default.removeItem(at: folder)
            throw error
        }
    }

    deinit { close() }

    /// Ends QEMU without saving and removes the run folder; the board cannot be used afterwards.
    public func close() {
        powerOff()
        try? FileManager.default.removeItem(at: folder)
    }

    /// Path of the UART's socket, with `Configuration.uart` at `.socket`; there only while the board is on.
    public var uartSocket: URL { folder.appendingPathComponent("uart") }
    private var imageFile: URL { folder.appendingPathComponent("image.elf") }
    /// On, and QEMU has not ended: a paused board runs, too.
    public var isRunning: Bool { process != nil && process?.exit == nil }
    /// Process id of QEMU, nil when off.
    public var processIdentifier: Int32? { isRunning ? process?.pid : nil }

    // MARK: Power

    /// Powers the board on.
    /// - Parameter paused: the processor waits for `resume`; until then nothing may be written to its flash.
    /// - Throws: `Failure` with what QEMU said, or when the board is on already. A board that did not start is off.
    public func start(paused: Bool = false) throws {
        guard !isRunning else {
            throw Failure(.environment, "the emulated \(board.name) is on already", advice: "Turn it off first")
        }
        process = nil
        let qemu = try QEMU.installed(for: board)
        for name in ["uart", "usb", "qmp", "qtest"] { unlink(folder.path + "/" + name) }
        try flash.takeRoom()
        if board.emulator?.flash == .psram { truncate(flash.url.path, off_t(FlashFile.backingSize)) }
        if configuration.countsInstructions {
            unlink(folder.path + "/probe")
            probe = try Probe(path: folder.path + "/probe")
        }
        mapping = configuration.keepsFlash && board.emulator?.flash == .nrf51 ? try FlashMapping(folder: folder) : nil
        let child = try ChildProcess(qemu.path, arguments(), output: log)
        process = child
        do {
            let alive = { child.exit == nil }
            let timeout = configuration.startTimeout
            let qtest = QTest(socket: try LineSocket(path: folder.path + "/qtest", timeout: timeout, alive: alive))
            let qmp = try QMP(socket: try LineSocket(path: folder.path + "/qmp", timeout: timeout, alive: alive))
            self.qtest = qtest
            self.qmp = qmp
            try loadFlash(qtest, qmp)
            try usb?.connect(path: folder.path + "/usb")
            try probe?.accept(timeout: timeout)
            if !paused { try proceed(qmp) }
        } catch {
            powerOff()
            let said = said
            throw Failure(
                .environment, "the emulator did not start \(board.name): \(said.isEmpty ? "\(error)" : said)",
                advice: said.contains("plugin") ? "Build its plugin again: make build" : "Start the board again")
        }
    }

    private var log: String { folder.path + "/qemu.log" }

    /// What QEMU has said.
    private var said: String {
        (try? String(contentsOfFile: log, encoding: .utf8))?.trimmingCharacters(in: .whitespacesAndNewlines) ?? ""
    }

    /// Firmware may end the emulator before it has answered.
    private func proceed(_ qmp: QMP) throws {
        do { try qmp.execute("cont") } catch {
            guard case .status = process?.wait(timeout: 1) else { throw error }
        }
        guard let mapping else { return }
        guard mapping.wait(timeout: configuration.startTimeout, alive: { isRunning }) else {
            let said = said
            throw Failure(
                .environment,
                "the flash of \(board.name) is not kept: " + (said.isEmpty ? "the processor executes nothing" : said),
                advice: "Look at the image, then start the board again")
        }
        self.mapping = nil
    }

    /// Lets the processor run after `start(paused: true)` or `pause`.
    /// - Throws: `Failure` when the board is off.
    public func resume() throws { try proceed(try monitorProtocol()) }

    /// Lets the processor run until it has executed `count` instructions since power on, and holds it there: for looking at
    /// registers and flash, for going on, or for `cutPower`. `Configuration.countsInstructions` must be set; the processor then
    /// stands at instruction 0 after `start`. With the clock `.instructions` the same input gives the same state at the same count.
    /// - Throws: `Failure` when the board is off, does not count instructions, or stands behind `count` already.
    /// - Returns: false when it has not executed so many after `timeout` seconds; it goes on meanwhile.
    @discardableResult
    public func run(untilInstruction count: UInt64, timeout: Double = 60) throws -> Bool {
        try run(toStoreOrInstruction: count, timeout: timeout) != nil
    }

    /// Where the processor stands.
    public struct Stop: Equatable, Sendable {
        /// Instructions executed since power on.
        public var instruction: UInt64
        /// The last of them stored to a watched address.
        public var isAfterStore: Bool
    }

    /// As `run(untilInstruction:)`, but stops earlier after a store to one of `Configuration.watchedStores`.
    /// - Throws: `Failure` when the board is off, does not count instructions, or stands behind `count` already.
    /// - Returns: nil when it runs on after `timeout` seconds.
    public func run(toStoreOrInstruction count: UInt64, timeout: Double = 60) throws -> Stop? {
        guard isRunning else { throw off }
        guard let probe else {
            throw Failure(
                .environment, "this board does not count instructions: set Configuration.countsInstructions",
                advice: "Set Configuration.countsInstructions")
        }
        return try probe.run(until: count, timeout: timeout)
    }

    /// Lets the processor run freely after `run(untilInstruction:)`.
    /// - Throws: `Failure` when the board is off or does not count instructions.
    public func runFreely() throws { _ = try run(untilInstruction: .max, timeout: 0) }

    /// Cuts the power where the processor stands: the flash file has what was in the flash at that moment, RAM is lost.
    /// - Throws: `Failure` when the board is off.
    public func cutPower() throws {
        guard isRunning else { throw off }
        powerOff()
    }
    /// Halts the processor between two instructions.
    /// - Throws: `Failure` when the board is off.
    public func pause() throws { try monitorProtocol().execute("stop") }
    /// Resets the chip; RAM and flash keep their contents.
    /// - Throws: `Failure` when the board is off, or QEMU has not reset it within 5 s.
    public func reset() throws { try reset(try monitorProtocol()) }

    /// Halts the processor between two instructions, then powers off.
    /// - Throws: `Failure` when QEMU does not answer; the board stays on then.
    public func stop() throws {
        if isRunning { try pause() }
        powerOff()
    }

    /// Power off at once, wherever the processor is, and on again with the flash as it is now.
    /// - Throws: `Failure` when the board does not start again (it is off).
    public func powerCycle() throws {
        try stop()
        try start()
    }

    /// Power off at once: QEMU is killed, and the flash file has what was stored to flash up to then.
    public func powerOff() {
        usb?.hangUp()
        process?.kill()
        process = nil
        qmp = nil
        qtest = nil
        probe = nil
        mapping = nil
        restoreBackingSize()
    }

    /// Waits for the firmware's semihosting exit (or QEMU's end). Nil after `timeout` seconds: it still runs.
    public func waitForExit(timeout: Double) -> Exit? {
        switch process?.wait(timeout: timeout) {
        case .status(let status): .status(status)
        case .signal(let signal): .killed(signal: signal)
        case nil: nil
        }
    }

    // MARK: Flash

    /// The flash as it is now.
    /// - Throws: `Failure` when its file cannot be read.
    public func flashContents() throws -> Data { try flash.contents() }

    /// Erases the pages of the image and programs it, as a programmer does: the store stays.
    private func program(_ image: Data) throws {
        guard board.emulator?.flash != .psram else { return }
        var contents = try flash.contents()
        let end = board.store.map { $0.address.int - board.flash.address.int } ?? contents.count
        contents.replaceSubrange(0..<end, with: image + Data(repeating: 0xFF, count: end - image.count))
        try flash.replace(with: contents)
    }

    /// Puts the flash file's contents into QEMU's flash, then resets so that the processor fetches its vectors from there.
    private func loadFlash(_ qtest: QTest, _ qmp: QMP) throws {
        guard board.emulator?.flash == .nrf51 else { return }
        try NRF51Flash.load(try flash.contents(), through: qtest)
        try reset(qmp)
    }

    /// QEMU answers before it has reset the machine; its event says that it is done.
    private func reset(_ qmp: QMP) throws {
        qmp.forgetEvents()
        try qmp.execute("system_reset")
        guard try qmp.waitForEvent("RESET", timeout: 5) else {
            throw Failure(
                .environment, "the emulator did not reset \(board.name) within 5 s", advice: "Stop the board and start it again")
        }
    }

    private func restoreBackingSize() {
        if board.emulator?.flash == .psram { truncate(flash.url.path, off_t(flash.size)) }
    }

    // MARK: From outside

    /// Reads a 32-bit register or memory word as the processor would, through qtest.
    /// - Throws: `Failure` when the board is off or QEMU does not answer within 10 s.
    public func readRegister(_ address: UInt64) throws -> UInt32 { try testInterface().readWord(address) }
    /// Writes a 32-bit register or memory word past the processor, through qtest. Flash is written through its controller alone.
    /// - Throws: `Failure` when the board is off or QEMU does not answer within 10 s.
    public func writeRegister(_ address: UInt64, _ value: UInt32) throws { try testInterface().writeWord(address, value) }
    /// Reads memory past the processor, through qtest.
    /// - Throws: `Failure` when the board is off or QEMU does not answer within 10 s.
    public func readMemory(_ address: UInt64, count: Int) throws -> Data { try testInterface().read(address, count: count) }
    /// Writes RAM or registers past the processor, byte by byte as QEMU sees fit; nothing is sent for no bytes.
    /// - Throws: `Failure` when the board is off or QEMU does not answer within 10 s.
    public func writeMemory(_ address: UInt64, _ data: Data) throws { try testInterface().write(address, data) }

    /// Text answer of QEMU's human monitor, such as `info registers` or `xp /1wx 0x50000504`.
    /// - Throws: `Failure` when the board is off.
    public func monitor(_ command: String) throws -> String { try monitorProtocol().monitor(command) }

    /// Runs a QMP command: `qom-set` to change a sensor, for instance.
    /// - Throws: `Failure` with QEMU's words when it refuses, or when the board is off.
    public func execute(_ command: String, _ arguments: [String: any Sendable] = [:]) throws {
        try monitorProtocol().execute(command, arguments)
    }

    /// From now on output pin changes are recorded for `pinChanges`.
    /// - Throws: `Failure` when QEMU does not model the board's pins, or the board is off.
    public func tracePins() throws {
        guard let path = board.emulator?.interruptOutputs else {
            throw Failure(
                .environment, "QEMU does not model the pins of \(board.name): read its registers instead",
                advice: "Read its registers instead")
        }
        try testInterface().request("irq_intercept_out \(path)")
    }

    /// Pin changes since the last call, waiting up to `timeout` seconds for a first one.
    /// - Throws: `Failure` when the board is off.
    public func pinChanges(timeout: Double = 0) throws -> [PinChange] {
        let first = board.emulator?.firstOutput ?? 0
        return try testInterface().takeChanges(timeout: timeout).map { PinChange(pin: first + $0.pin, level: $0.level) }
    }

    /// Drives an input pin: presses a button, closes a contact.
    /// - Throws: `Failure` when QEMU models no such pin of the board, or the board is off.
    public func setInput(pin: Int, high: Bool) throws {
        guard let emulator = board.emulator, let name = emulator.inputs, pin >= 0 else {
            throw Failure(
                .environment, "QEMU does not model the input pins of \(board.name)",
                advice: "Use a board whose parts the emulator models")
        }
        let ports = emulator.inputPorts
        guard let path = ports == nil ? emulator.interruptOutputs : pin / 16 < ports!.count ? ports![pin / 16] : nil else {
            throw Failure(
                .environment, "QEMU models no input pin \(pin) of \(board.name)",
                advice: "Use a board whose parts the emulator models")
        }
        try testInterface().request("set_irq_in \(path) \(name) \(ports == nil ? pin : pin % 16) \(high ? 1 : 0)")
    }

    /// Connects to the UART. QEMU serves one connection at a time; close it (drop it) before another opens.
    /// - Throws: `Failure` when no connection comes about within 5 s.
    public func connectUART() throws -> LineSocket {
        try LineSocket(path: uartSocket.path, timeout: 5) { self.isRunning }
    }

    private func monitorProtocol() throws -> QMP {
        guard isRunning, let qmp else { throw off }
        return qmp
    }

    private func testInterface() throws -> QTest {
        guard isRunning, let qtest else { throw off }
        return qtest
    }

    private var off: Failure {
        switch process?.exit {
        case .signal(let signal):
            Failure(.environment, "the emulator of \(board.name) was killed by signal \(signal)", advice: "Start the board again")
        case .status(let status):
            Failure(
                .environment, "the emulator of \(board.name) has ended with status \(status)", advice: "Start the board again")
        case nil: Failure(.environment, "the emulated \(board.name) is off", advice: "Start it first")
        }
    }

    // MARK: Command line

    private func arguments() throws -> [String] {
        guard let emulator = board.emulator else {
            throw Failure(
                .environment, "QEMU has no model of \(board.name)", advice: "Use a board whose parts the emulator models")
        }
        var arguments = ["-nodefaults", "-display", "none", "-S"]
        if emulator.flash == .psram {
            arguments += [
                "-machine", "\(emulator.machine),memory-backend=psram", "-object",
                "memory-backend-file,id=psram,size=\(FlashFile.backingSize),mem-path=\(flash.url.path.qemuEscaped),"
                    + "share=\(configuration.keepsFlash ? "on" : "off")",
            ]
        } else {
            arguments += ["-machine", emulator.machine]
        }
        if emulator.flash != .nrf51, configuration.image != nil { arguments += ["-kernel", imageFile.path] }
        for name in ["qmp", "qtest"] {
            arguments += ["-chardev", "socket,id=\(name),path=\((folder.path + "/" + name).qemuEscaped),server=on,wait=off"]
        }
        arguments += ["-mon", "chardev=qmp,mode=control", "-qtest", "chardev:qtest", "-qtest-log", "/dev/null"]
        switch configuration.uart {
        case .socket:
            let copy = configuration.uartCopy.map { ",logfile=\($0.path.qemuEscaped),logappend=on" } ?? ""
            arguments += [
                "-chardev", "socket,id=uart,path=\(uartSocket.path.qemuEscaped),server=on,wait=off\(copy)", "-serial",
                "chardev:uart",
            ]
        case .file(let url): arguments += ["-chardev", "file,id=uart,path=\(url.path.qemuEscaped)", "-serial", "chardev:uart"]
        case .none: arguments += ["-serial", "null"]
        }
        if usb != nil {
            arguments += USBCable.arguments(path: folder.path + "/usb")
        }
        arguments += Self.clockArguments(configuration.clock)
        if let seed = configuration.seed { arguments += ["-seed", String(seed)] }
        var plugin = mapping?.options(file: flash.url.path, start: board.flash.address.value) ?? []
        if configuration.countsInstructions {
            plugin += Probe.options(
                socket: folder.path + "/probe", from: configuration.countsFrom, watching: configuration.watchedStores)
        }
        arguments += try Probe.arguments(plugin)
        if let words = configuration.semihosting { arguments += Self.semihostingArguments(words) }
        return arguments + configuration.extraArguments
    }

    static func clockArguments(_ clock: Clock) -> [String] {
        switch clock {
        case .host: []
        case .instructions(let shift): ["-icount", "shift=\(shift),align=off,sleep=off", "-rtc", "clock=vm"]
        case .chipSpeed(let shift): ["-icount", "shift=\(shift),align=on,sleep=on"]
        case .pacedInstructions(let shift): ["-icount", "shift=\(shift),align=off,sleep=on", "-rtc", "clock=vm"]
        }
    }

    static func semihostingArguments(_ words: [String]) -> [String] {
        let list = words.map { ",arg=" + $0.qemuEscaped }.joined()
        return ["-semihosting-config", "enable=on,target=native" + list]
    }
}

extension String {
    /// As a value in one of QEMU's option lists, where a comma is doubled.
    var qemuEscaped: String { Quoted.qemu(self) }
}
