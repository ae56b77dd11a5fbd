// Runs one test in one QEMU, from reset to its end, and says how it ended.
import BoardFacts
import Emulation
import Foundation
import Image
import Reporting

/// An image prepared for its tests: the flash of a board as it is after programming, made once.
final class PreparedImage: @unchecked Sendable {
    let image: CheckedImage
    var board: Board { image.board }
    /// Sections and symbols of its file.
    let linked: ELFImage
    let symbolizer: Symbolizer
    /// QEMU's arguments that load it.
    let load: [String]
    let qemu: QEMU
    /// Whether its tests can reach the board's flash: a suite that imports neither Board nor MCU cannot.
    let writesFlash: Bool
    private let folder: URL
    private let lock = NSLock()
    private var addresses: Set<UInt64> = []

    /// Addresses of the instructions that its tests executed, when coverage is asked for.
    var executed: Set<UInt64> { lock.withLock { addresses } }

    func note(executed more: Set<UInt64>) { lock.withLock { addresses.formUnion(more) } }

    init(_ suite: TestSuite, image: CheckedImage, root: URL, scratch: URL) throws {
        self.image = image
        let board = image.board
        linked = try image.linked()
        symbolizer = Symbolizer(image: linked, root: root)
        qemu = try QEMU.installed(for: board)
        writesFlash = try board.emulator?.flash != Board.Emulator.Flash.none && suite.imports(["Board", "MCU"])
        folder = scratch.appendingPathComponent("\(board.name)-\(image.source.deletingPathExtension().lastPathComponent)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        switch board.emulator?.flash {
        case .nrf51:
            // The whole flash, so that what is not programmed reads as erased.
            let file = folder.appendingPathComponent("flash.bin")
            try Self.write(image.flat + Data(repeating: 0xFF, count: board.flash.size.int - image.flat.count), to: file)
            load = ["-kernel", file.path]
        case .psram:
            let store = folder.appendingPathComponent("store.bin")
            try Self.write(Data(repeating: 0xFF, count: board.store?.size.int ?? 0), to: store)
            let address = board.store?.address.description ?? "0"
            load = [
                "-kernel", image.source.path, "-device", "loader,file=\(Quoted.qemu(store.path)),addr=\(address),force-raw=on",
            ]
        default:
            load = ["-kernel", image.source.path]
        }
    }
}

extension PreparedImage {
    private static func write(_ data: Data, to file: URL) throws {
        do { try data.write(to: file) } catch {
            throw Failure(
                .environment, "\(file.path) cannot be written: \(error.localizedDescription)", about: "\(file.path)",
                advice: "Free some space, or set TMPDIR to another place")
        }
    }
}

/// One test about to run.
struct TestRun {
    /// 2^6 ns per instruction: about the 16 MIPS of an nRF51, and fine enough that its timer counts every instruction.
    static let shift = 6
    /// Exit status of a test that asks for faults (Ending in Firmware/FirmwareTesting).
    static let asksForFaults: Int32 = 8

    let test: FirmwareTest
    let prepared: PreparedImage
    let seed: UInt32
    /// Host seconds after which it is killed.
    let hostLimit: Double
    let scratch, sources: URL
    var coverage = false
    var control: RunControl?

    func callAsFunction() -> TestResult {
        let began = Date()
        let output = scratch.appendingPathComponent("semihosting"), serial = scratch.appendingPathComponent("uart")
        let messages = scratch.appendingPathComponent("qemu.log")
        for file in [output, serial, messages] { try? FileManager.default.removeItem(at: file) }
        var result = TestResult(test: test, outcome: .emulatorFailed, seconds: 0, seed: seed)
        do {
            var exit = try run(&result, control, output: output, serial: serial, messages: messages)
            var said = TestOutput(file: output)
            if exit == .status(Self.asksForFaults), let asked = RunControl(asked: said.all("ask").map(\.fields)) {
                exit = try run(&result, asked, output: output, serial: serial, messages: messages)
                said = TestOutput(file: output)
            }
            judge(&result, exit, said, messages: String(decoding: TestOutput.bytes(messages), as: UTF8.self))
            let uart = TestOutput(file: serial).log
            if coverage { prepared.note(executed: try Coverage.executed(log: scratch.appendingPathComponent("in_asm"))) }
            result.log = said.log + uart.map { "UART: \($0)" }
        } catch {
            result.detail = "\(error)"
        }
        result.seconds = Date().timeIntervalSince(began)
        return result
    }

    private func run(_ result: inout TestResult, _ control: RunControl?, output: URL, serial: URL, messages: URL) throws
        -> EmulatorRun.End
    {
        guard let control else {
            let trace = scratch.appendingPathComponent("in_asm"), counts = scratch.appendingPathComponent("flash-writes")
            let tracing = coverage ? ["-d", "in_asm", "-D", trace.path] : []
            let counting = prepared.writesFlash ? try FlashWrites.arguments(prepared.board, file: counts) : []
            let arguments = arguments(output: output, serial: serial) + tracing + counting
            let end = try EmulatorRun(
                prepared.qemu, arguments: arguments, log: messages.path, timeout: hostLimit,
                watched: [output.path, serial.path])()
            result.flashWrites = prepared.writesFlash ? FlashWrites(contentsOf: counts) : FlashWrites()
            return end
        }
        let controlled = try ControlledRun(self, control, output: output, serial: serial)()
        result.flashWrites = nil
        result.pins = controlled.pins
        result.faults = controlled.faults
        result.noise = controlled.noise
        return controlled.end
    }

    /// The bare command line, also for `--gdb`.
    func arguments(output: URL, serial: URL) -> [String] {
        let machine = prepared.board.emulator?.machine ?? ""
        return ["-machine", machine, "-nodefaults", "-no-reboot", "-display", "none"] + prepared.load + [
            "-icount", "shift=\(Self.shift),align=off,sleep=off", "-rtc", "clock=vm", "-seed", String(seed),
            "-chardev", "file,id=uart,path=\(Quoted.qemu(serial.path))", "-serial", "chardev:uart",
        ] + semihosting(output: output)
    }

    /// - Parameter faults: the test gets the faults that it asks for, or others; it need not ask.
    func semihosting(output: URL, faults: Bool = false) -> [String] {
        let numbers = [test.address, seed, UInt32(Self.shift), faults ? 1 : 0]
        let words = ["lightnode-test"] + numbers.map { String($0, radix: 16) }
        return [
            "-chardev", "file,id=semi,path=\(Quoted.qemu(output.path))", "-semihosting-config",
            "enable=on,target=native,chardev=semi," + words.map { "arg=\($0)" }.joined(separator: ","),
        ]
    }

    private func judge(_ result: inout TestResult, _ exit: EmulatorRun.End, _ said: TestOutput, messages: String) {
        let complaints = messages.split(separator: "\n").filter {
            !$0.contains("warning:") && !$0.contains("terminating on signal")
        }
        if let failure = said.last("fail") { result.failure = describe(failure) }
        describeFault(&result, said)
        let end = said.last("end")
        if let end {
            result.instructions = Int(end.fields[1])
            result.stack = Int(end.fields[2])
        }
        switch (exit, end.flatMap { Int32($0.fields[0]) }) {
        case (.timeout, _):
            result.outcome = .hung
            result.detail = String(
                format: "killed after %.0f s of host time; it ran with interrupts off or slept for ever", hostLimit)
        case (.tooMuch, _):
            result.outcome = .printedTooMuch
            result.detail =
                "it printed more than \(EmulatorRun.mostOutput >> 20) MB and was ended; the first and the last of it are kept"
        case (.signal(SIGABRT), _) where messages.contains("Lockup"):
            result.outcome = .crashed
            result.detail = "the processor locked up: a fault inside the fault handler"
        case (.signal(let number), _):
            result.outcome = .emulatorFailed
            result.detail = "QEMU was killed by signal \(number)"
        case (.status, nil) where !canWrite:
            result.outcome = .emulatorFailed
            result.detail =
                "\(scratch.path) cannot be written: \(String(cString: strerror(ENOSPC))). Free some space, or set TMPDIR"
        case (.status(let status), let code?) where status == code: judge(&result, code, end?.fields ?? [], said)
        case (.status(1), nil) where !complaints.isEmpty:
            result.outcome = .emulatorFailed
            result.detail = complaints.joined(separator: "; ")
        case (.status(let status), _):
            result.outcome = .endedEarly
            result.detail = "the test stopped the emulator or reset the chip itself (status \(status))"
        }
    }

    /// Whether the scratch folder takes what a test may say; QEMU does not tell when it does not.
    private var canWrite: Bool {
        let file = scratch.appendingPathComponent("space")
        defer { try? FileManager.default.removeItem(at: file) }
        return (try? Data(repeating: 0, count: 1 << 16).write(to: file)) != nil
    }

    private func judge(_ result: inout TestResult, _ code: Int32, _ measures: [String], _ said: TestOutput) {
        switch code {
        case 0: result.outcome = .passed
        case 1: result.outcome = .failed
        case 2: result.outcome = .crashed
        case 3: result.outcome = .timedOut
        case 4:
            result.outcome = .skipped
            result.detail = said.last("skip")?.fields.first
        case 5: result.outcome = .stackOverflow
        case 6:
            result.outcome = .overLimit
            result.detail =
                "\(measures[1]) instructions of \(limit(measures[3])), \(measures[2]) bytes of stack of \(limit(measures[4]))"
        default:
            result.outcome = .endedEarly
            result.detail = "the image found no test to run (status \(code)). Build it again"
        }
    }

    private func limit(_ text: String) -> String { text == String(UInt32.max) ? "any" : text }

    private func describe(_ record: TestOutput.Record) -> TestResult.Failure {
        // #fileID is Module/File.swift.
        let file = record.fields[0].split(separator: "/").last.map(String.init) ?? record.fields[0]
        let line = Int(record.fields[1]) ?? 0
        var failure = TestResult.Failure(file: "Tests/OnTarget/\(test.suite)/\(file)", line: line)
        failure.expression = SourceExpression.expectation(in: sources.appendingPathComponent(file), line: line)
        if record.fields.count >= 4 {
            failure.left = record.fields[2]
            failure.right = record.fields[3]
        } else if record.fields.count == 3 {
            failure.reason = record.fields[2]
        }
        return failure
    }

    private func describeFault(_ result: inout TestResult, _ said: TestOutput) {
        guard let fault = said.last("fault") else { return }
        let names = ["exception", "pc", "lr", "sp", "cfsr", "bfar", "r0", "r1", "r2", "r3", "r12", "xpsr"]
        let pairs = zip(names, fault.fields).map { "\($0) \($1)" }
        result.registers = [pairs.prefix(6).joined(separator: "  "), pairs.dropFirst(6).joined(separator: "  ")]
        let words = fault.fields.map { UInt32($0, radix: 16) ?? 0 }
        let stack = said.all("stack").flatMap { $0.fields.compactMap { UInt32($0, radix: 16) } }
        guard words[1] != 0 else { return }
        let callers = prepared.symbolizer.callers(stack: [words[2]] + stack)
        var trace = prepared.symbolizer.names([words[1]] + callers)
        if let start = trace.firstIndex(where: { $0.contains("FirmwareSuite.main") }) { trace.removeSubrange(start...) }
        result.backtrace = trace
    }
}

/// The source of an expectation.
enum SourceExpression {
    /// The call that starts on `line`, up to its closing parenthesis.
    static func expectation(in file: URL, line: Int) -> String? {
        guard let text = try? String(contentsOf: file, encoding: .utf8) else { return nil }
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        guard lines.indices ~= line - 1 else { return nil }
        let rest = lines[(line - 1)...].prefix(10).joined(separator: "\n")
        guard let match = rest.firstMatch(of: /(expect|require|attempt|fail)\(/) else {
            return lines[line - 1].trimmingCharacters(in: .whitespaces)
        }
        var depth = 0
        var call = ""
        for character in rest[match.range.lowerBound...] {
            call.append(character)
            if character == "(" { depth += 1 }
            if character == ")" {
                depth -= 1
                if depth == 0 { break }
            }
        }
        return call.split(separator: "\n").map { $0.trimmingCharacters(in: .whitespaces) }.joined(separator: " ")
    }
}
