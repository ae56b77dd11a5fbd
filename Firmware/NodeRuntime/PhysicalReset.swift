// The reset by somebody who holds the device (R5): the board's button, held from power-on on, while a light counts down. The owner
// may have forbidden it at bind.

import Board
import DeviceModel
import LightNode
import NodeServer
import Startup

/// Seconds for which the button must be held.
private let patience: UInt8 = 5

/// Takes the device from its owner if the button is down now and stays down; returns at once when it is not.
@inline(never)
func offerReset(_ server: inout Server) {
    guard BoardDevices.isResetButtonDown, server.node.allowsReset else { return }
    log("reset: release the button to keep the owner")
    var seconds = patience
    while seconds > 0 {
        BoardDevices.showReset(in: seconds)
        guard isHeldForOneSecond() else { break }
        seconds &-= 1
    }
    BoardDevices.showReset(in: 0)
    if seconds == 0 { try? server.node.physicalReset() }
    log(seconds == 0 ? "reset: this device has no owner any more" : "reset: given up")
}

@inline(never)
private func isHeldForOneSecond() -> Bool {
    let start = uptime()
    while uptime() &- start < 1_000_000 {
        guard BoardDevices.isResetButtonDown else { return false }
        feedWatchdog()
    }
    return true
}
