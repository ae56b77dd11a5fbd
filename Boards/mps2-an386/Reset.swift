// The reset by somebody who holds the board: button 0, and a light that blinks once for each second that is left.

import HAL
import MCU

extension BoardDevices {
    public static var isResetButtonDown: Bool {
        @export(interface) get { Input(.button).isHigh }
    }

    @export(interface) public static func showReset(in seconds: UInt8) {
        var light = Output(.led1)
        if seconds & 1 == 0 { light.setLow() } else { light.setHigh() }
    }
}
