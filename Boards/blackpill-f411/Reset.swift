// The reset by somebody who holds the board: its button, and its LED, which changes with each second that is left.

import HAL
import MCU

extension BoardDevices {
    public static var isResetButtonDown: Bool { @export(interface) get { !Input(.button).isHigh } }

    // The LED is lit while its pin is low.
    @export(interface) public static func showReset(in seconds: UInt8) {
        var light = Output(.led)
        if seconds & 1 == 0 { light.setHigh() } else { light.setLow() }
    }
}
