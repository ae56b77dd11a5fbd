// The reset by somebody who holds the board: button A, and as many lights as seconds are left.

import DeviceModel
import Drivers
import HAL
import MCU

extension BoardDevices {
    public static var isResetButtonDown: Bool { @export(interface) get { !Input(.buttonA).isHigh } }

    @export(interface) public static func showReset(in seconds: UInt8) {
        var screen = Screen()
        screen.show(1 << UInt32(seconds) &- 1)
    }
}
