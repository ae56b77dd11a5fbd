// The last words of a CPU that has faulted: devices to their safe state, registers on the wire, then halt until the watchdog resets.

import Board
import Devices
import Startup

/// Called by Startup with interrupts off.
@c(lightnode_fault)
public func reportFault(_ frame: UnsafePointer<FaultFrame>) {
    var devices = BoardDevices()
    devices.enterSafeState()
    let fault = frame.pointee
    beginLog()
    write("FAULT exception ")
    write(hex: fault.exception)
    write(fault.sp < startup_stack_limit() &+ 256 ? " stack overflow" : "")
    line(" pc ", fault.pc)
    line(" lr ", fault.lr)
    line(" sp ", fault.sp)
    line(" psr ", fault.xpsr)
    line(" r0 ", fault.r0)
    line(" r1 ", fault.r1)
    line(" r2 ", fault.r2)
    line(" r3 ", fault.r3)
    line(" r12 ", fault.r12)
    line(" cfsr ", fault.cfsr)
    line(" address ", fault.address)
    endLog()
    while true {}
}

@inline(never)
private func line(_ name: StaticString, _ value: UInt32) {
    write(name)
    write(hex: value)
}
