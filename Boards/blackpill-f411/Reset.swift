// The reset by somebody who holds the board: its button, and its LED, which changes with each second that is left.

import DeviceModel
import Drivers
import HAL
import MCU

extension BoardDevices {
    public static var isResetButtonDown: Bool { @export(interface) get { !Pin.button.input.isHigh } }

    // The LED is lit while its pin is low.
    @export(interface) public static func showReset(in seconds: UInt8) {
        var light = Pin.led.output
        if seconds & 1 == 0 { light.setHigh() } else { light.setLow() }
    }
}
