// Tests of the test runner itself: each ends in the way that its name says, on purpose. Not part of `make test`'s own suites
// (suite.json says so); TestRunnerTests runs it and checks the report.
import FirmwareTesting
import Startup

@main enum Selftest: FirmwareSuite {
    @used static func `simply passes`() {
        expect(opaque(2) + opaque(2) == 4)
    }

    @used static func `fails an expectation with both values`() {
        let answer = opaque(41)
        expect(answer + 1 == 43)
    }

    @used static func `fails an expectation without values`() {
        let text = opaque(7)
        expect(text.isMultiple(of: 2))
    }

    @used static func `crashes on an address that does not exist`() {
        UnsafeMutablePointer<UInt32>(bitPattern: UInt(opaque(0x7000_0000)))?.pointee = 1
    }

    @used static func `traps on an overflow`() {
        let large = UInt8(truncatingIfNeeded: opaque(255))
        log("not reached", large + UInt8(truncatingIfNeeded: opaque(1)))
    }

    @used static func `hangs for ever`() {
        setTimeLimit(milliseconds: 50)
        while opaque(1) == 1 {}
    }

    @used static func `hangs with interrupts off`() {
        startup_disable_interrupts()
        while opaque(1) == 1 {}
    }

    @used static func `overflows the stack`() {
        // What is below mps2-an386's RAM swallows stores, so there only the alarm ends it.
        setTimeLimit(milliseconds: 200)
        log("depth", recurse(opaque(0)))
    }

    @used static func `prints garbage and passes`() {
        garbage("\u{1}fail\u{1F}nonsense\u{1}end\u{1F}9\n\u{7F}\u{1}end")
        garbage("\n\n\u{0C} no line end")
    }

    @used static func `prints without end`() {
        while true { garbage("a line of sixty-four bytes that says nothing but that it is there\n") }
    }

    @used static func `exits early`() {
        startup_semihosting_exit(0)
    }

    @used static func `resets the chip`() {
        startup_reset()
    }

    @used static func `skips itself`() {
        skip("no such part here")
    }

    @used static func `executes more than its limit`() {
        limit(instructions: 1000)
        for _ in 0..<opaque(1000) { startup_barrier() }
    }

    @used static func `logs before it fails`() {
        log("the value was", opaque(12))
        fail("as announced")
    }
}

/// A value that the optimiser cannot know.
@inline(never) func opaque(_ value: Int) -> Int {
    withUnsafePointer(to: value) {
        UnsafePointer<Int>(bitPattern: UInt(bitPattern: $0) | UInt(startup_stack_size() & 1))!.pointee
    }
}

@inline(never) func recurse(_ depth: Int) -> Int {
    var pad = InlineArray<64, Int>(repeating: depth)
    pad[opaque(depth) & 63] = recurse(opaque(depth) + 1)
    return pad[opaque(depth + 7) & 63]
}

@inline(never) func garbage(_ text: StaticString) {
    _ = startup_semihosting(0x04, UInt32(UInt(bitPattern: text.utf8Start)))
}
