// A lamp that anyone in the room can use: a press switches it, holding dims it, two presses make it bright. No network is needed; its
// owner can do all that from afar.

import Board
import NodeRuntime

struct Lamp: Application {
    mutating func handle(_ event: DeviceEvent) {
        let button = `$`("button-a")
        if button.wasPressed(in: event) { `$`("dimmer").toggle() }
        if button.wasHeld(in: event) { fade(to: 20) }
        if button.wasDoublePressed(in: event) { fade(to: 100) }
    }

    private func fade(to level: Int32) { `$`("dimmer").fade(to: level, for: .seconds(1)) }
}

runNode(Lamp())
