// Firmware tests (R19): what a suite is and how one of its tests is run.
//
//     @main enum Storage: FirmwareSuite {
//         @used static func `a record survives a reset`() {
//             expect(store.count == 1)
//         }
//     }
//
// A test is a static function of the suite whose name, in backquotes, is a sentence; `@used` keeps it in the image. The host
// finds the tests in the image's symbol table and starts the image once per test, from reset, telling it which one to call:
// semihosting command line "lightnode-test ADDRESS SEED SHIFT FAULTS". So no test can spoil the next, and a failed expectation simply ends it.
import Startup

/// A suite of tests that run on the board, each from reset.
public protocol FirmwareSuite {}

extension FirmwareSuite {
    /// Runs the one test that the host's command line names, and ends the run: with `noTest` when it names none. It does not
    /// return.
    public static func main() {
        let line = CommandLine()
        guard line.isTest else { TestRun.end(.noTest) }
        TestRun.begin(line)
        line.call()
        TestRun.end(.passed)
    }
}

/// What the host asks for, from SYS_GET_CMDLINE (Semihosting for AArch32, 6.4).
struct CommandLine {
    private(set) var isTest = false
    private(set) var address: UInt32 = 0
    private(set) var seed: UInt32 = 0
    /// Nanoseconds of one instruction, as a power of two.
    private(set) var shift: UInt32 = 0
    /// The host injects faults into this run.
    private(set) var hasFaults = false

    init() {
        var text = InlineArray<96, UInt8>(repeating: 0)
        var span = text.mutableSpan
        let status = span.withUnsafeMutableBufferPointer { buffer in
            var block = InlineArray<2, UInt32>(repeating: 0)
            block[0] = UInt32(UInt(bitPattern: buffer.baseAddress))
            block[1] = UInt32(buffer.count)
            return withUnsafeMutablePointer(to: &block) { startup_semihosting(0x15, UInt32(UInt(bitPattern: $0))) }
        }
        guard status == 0 else { return }
        let expected: StaticString = "lightnode-test "
        var at = 0
        while at < expected.utf8CodeUnitCount {
            guard text[at] == expected.utf8Start[at] else { return }
            at += 1
        }
        var numbers = InlineArray<4, UInt32>(repeating: 0)
        for index in 0..<4 {
            guard at < 80, CommandLine.digit(text[at]) != nil else { return }
            while at < 80, let digit = CommandLine.digit(text[at]) {
                numbers[index] = numbers[index] << 4 | digit
                at += 1
            }
            at += 1
        }
        (address, seed, shift) = (numbers[0], numbers[1], numbers[2])
        hasFaults = numbers[3] != 0
        isTest = true
    }

    private static func digit(_ byte: UInt8) -> UInt32? {
        switch byte {
        case 48...57: UInt32(byte) - 48
        case 97...102: UInt32(byte) - 87
        default: nil
        }
    }

    /// Calls the function without arguments or result at `address` (bit 0 set: Thumb).
    func call() {
        guard let pointer = UnsafeRawPointer(bitPattern: UInt(address | 1)) else { return }
        unsafeBitCast(pointer, to: (@convention(c) () -> Void).self)()
    }
}

/// How a test ended: QEMU's exit status, which the host reads.
enum Ending: UInt32 {
    case passed = 0
    case failed = 1
    case fault = 2
    case timeout = 3
    case skipped = 4
    case stackOverflow = 5
    case limit = 6
    case noTest = 7
    /// The host starts the test again, with the faults that it was told.
    case asksForFaults = 8
}

/// The running test.
enum TestRun {
    nonisolated(unsafe) static var seed: UInt32 = 0
    nonisolated(unsafe) static var hasFaults = false
    nonisolated(unsafe) static var instructionLimit: UInt32 = .max
    nonisolated(unsafe) static var stackLimit: UInt32 = .max

    static func begin(_ line: CommandLine) {
        seed = line.seed
        hasFaults = line.hasFaults
        TestClock.start(shift: line.shift)
        setTimeLimit(milliseconds: 10_000)
    }

    /// Reports the measures and stops the emulator.
    static func end(_ ending: Ending) -> Never {
        let ticks = TestClock.ticks
        var ending = ending
        let stack = startup_stack_high_water()
        if ending == .passed, stack >= startup_stack_size() { ending = .stackOverflow }
        let instructions = TestClock.instructions(ticks)
        if ending == .passed, instructions > instructionLimit || stack > stackLimit { ending = .limit }
        var line = ReportLine("end")
        line.field(ending.rawValue)
        line.field(instructions)
        line.field(stack)
        line.field(instructionLimit)
        line.field(stackLimit)
        line.send()
        startup_semihosting_exit(ending.rawValue)
        while true {}
    }
}

/// Fails the test when it has not ended after this much virtual time (10 s unless told).
public func setTimeLimit(milliseconds: UInt32) { TestClock.alarm(milliseconds: milliseconds) }

/// Fails the test if it executes more instructions, from its start to its end.
public func limit(instructions: UInt32) { TestRun.instructionLimit = instructions }

/// Fails the test if the stack ever takes more bytes.
public func limit(stack: UInt32) { TestRun.stackLimit = stack }

/// The run's seed, the same for all its tests; `lightnode test --seed` sets it. Tests take all chance from it.
public var testSeed: UInt32 { TestRun.seed }

/// Ends the test as skipped; the reason is reported.
public func skip(_ reason: StaticString) -> Never {
    var line = ReportLine("skip")
    line.text(reason)
    line.send()
    TestRun.end(.skipped)
}

/// Adds a line to the test's log.
public func log(_ text: StaticString) {
    var line = ReportLine("log")
    line.text(text)
    line.send()
}

/// Adds a line with a value to the test's log.
public func log(_ text: StaticString, _ value: some TestValue) {
    var line = ReportLine("log")
    line.text(text)
    line.byte(0x20)
    value.write(to: &line)
    line.send()
}
