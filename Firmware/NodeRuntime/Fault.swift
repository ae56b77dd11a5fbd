// The last words of a CPU that has faulted: devices to their safe state, where it happened on the wire, then halt until the watchdog resets.
//
// Registers that a computation uses are not printed: while the node signs they hold secrets, and a fault can be provoked.

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
    let names = FlashText(" pc | lr | sp | psr | cfsr | address ")
    let values: InlineArray<6, UInt32> = [fault.pc, fault.lr, fault.sp, fault.xpsr, fault.cfsr, fault.address]
    for i in 0..<6 {
        if let name = names.part(i, of: UInt8(ascii: "|")) { write(name) }
        write(hex: values[i])
    }
    endLog()
    while true {}
}
