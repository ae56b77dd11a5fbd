// The last words of a CPU that has faulted: devices to their safe state, registers on the wire, then halt until the watchdog resets.

import Board
import Bytes
import DeviceModel
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
    // One text for the names, in the order of the fields.
    let names = FlashText(" pc | lr | sp | psr | r0 | r1 | r2 | r3 | r12 | cfsr | address ")
    let values: InlineArray<11, UInt32> = [
        fault.pc, fault.lr, fault.sp, fault.xpsr, fault.r0, fault.r1, fault.r2, fault.r3, fault.r12, fault.cfsr, fault.address,
    ]
    for i in 0..<11 {
        if let name = names.part(i, of: UInt8(ascii: "|")) { write(name) }
        write(hex: values[i])
    }
    endLog()
    while true {}
}
