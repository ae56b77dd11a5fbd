// A lamp that anyone in the room can use: a press switches it, holding dims it, two presses make it bright. No network is needed; its
// owner can do all that from afar.

import Board
import Devices
import NodeRuntime

struct Lamp: Application {
    mutating func handle(_ event: DeviceEvent) {
        if `$`("button-a").wasPressed(in: event) { `$`("dimmer").toggle() }
        if `$`("button-a").wasHeld(in: event) { `$`("dimmer").fade(to: 20, for: .seconds(1)) }
        if `$`("button-a").wasDoublePressed(in: event) { `$`("dimmer").set(level: 100) }
    }
}

runNode(Lamp())
