// The reset by somebody who holds the board: button 0, and a light that blinks once for each second that is left.

import DeviceModel
import Drivers
import HAL
import MCU

extension BoardDevices {
    public static var isResetButtonDown: Bool {
        @export(interface) get { Input.userButton(UserButton.button.rawValue).isHigh }
    }

    @export(interface) public static func showReset(in seconds: UInt8) {
        var light = Output.userLED(UserLED.led1.rawValue)
        if seconds & 1 == 0 { light.setLow() } else { light.setHigh() }
    }
}
