// Faults and time-outs: reported with registers and the stack, for the host to name functions and lines.
import Startup

/// Called by Startup after a fault.
@c(lightnode_fault) @used public func testFault(_ frame: UnsafePointer<FaultFrame>) {
    let registers = frame.pointee
    var line = ReportLine("fault")
    line.field(registers.exception)
    line.field(hexadecimal: registers.pc)
    line.field(hexadecimal: registers.lr)
    line.field(hexadecimal: registers.sp)
    line.field(hexadecimal: registers.cfsr)
    line.field(hexadecimal: registers.address)
    line.field(hexadecimal: registers.r0)
    line.field(hexadecimal: registers.r1)
    line.field(hexadecimal: registers.r2)
    line.field(hexadecimal: registers.r3)
    line.field(hexadecimal: registers.r12)
    line.field(hexadecimal: registers.xpsr)
    line.send()
    let top = UInt32(startup_stack_top()), limit = top - startup_stack_size()
    var at = registers.sp
    var rows = 0
    while at >= limit, at < top, rows < 12 {
        var words = ReportLine("stack")
        for _ in 0..<16 where at < top {
            words.field(hexadecimal: UnsafePointer<UInt32>(bitPattern: UInt(at))!.pointee)
            at += 4
        }
        words.send()
        rows += 1
    }
    let overflown = registers.sp < limit || startup_stack_high_water() >= startup_stack_size()
    TestRun.end(overflown ? .stackOverflow : registers.exception == TestClock.alarmException ? .timeout : .fault)
}
