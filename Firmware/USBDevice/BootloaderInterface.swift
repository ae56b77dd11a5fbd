// The run-time half of Device Firmware Upgrade (USB DFU 1.1, 5 and 6.1): a host asks the device to leave for its bootloader, where the
// other half, and a device descriptor of its own, await the firmware.

import HAL

struct BootloaderInterface {
    private enum Request {
        static var detach: UInt8 { 0 }
        static var getStatus: UInt8 { 3 }
        static var getState: UInt8 { 5 }
    }

    /// bState (6.1.2): appIDLE, appDETACH.
    private var state: UInt8 { isDetaching ? 1 : 0 }
    /// The host has asked for it. bitWillDetach: the device goes by itself, once the host has its acknowledgement.
    private(set) var isDetaching = false

    /// - Returns: false for a request error, as to all that only a bootloader does.
    mutating func handle(_ setup: USBSetup, to answer: inout USBAnswer) -> Bool {
        switch (setup.requestType, setup.request) {
        case (0x21, Request.detach):
            isDetaching = true
        case (0xA1, Request.getStatus):
            answer.append(0 as UInt32)  // bStatus OK, bwPollTimeout 0
            answer.append(state)
            answer.append(0 as UInt8)
        case (0xA1, Request.getState): answer.append(state)
        default: return false
        }
        return true
    }
}
