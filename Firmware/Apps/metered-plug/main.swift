// A plug that is paid by time: it is on while ticks are paid for, the executor switches it off when one is missed, and the light
// says that somebody pays.

import Board
import NodeRuntime

struct MeteredPlug: Application {
    mutating func handle(_ event: DeviceEvent) {
        guard `$`("relay").hasChanged(in: event) else { return }
        if `$`("relay").isOn { `$`("led").on() } else { `$`("led").off() }
    }
}

runNode(MeteredPlug())
