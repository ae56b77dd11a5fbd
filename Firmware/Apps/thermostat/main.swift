// A heater that is safe without its controller: whoever wants heat says so again every ten minutes. Nobody can overheat the room, and
// nobody needs to be there to keep the pipes from freezing.

import Board
import NodeRuntime

struct Thermostat: Application {
    private var wish = DeviceTimer()

    mutating func handle(_ event: DeviceEvent) {
        if `$`("relay").hasChanged(in: event), `$`("relay").isOn { wish.start(.minutes(10)) }
        if `$`("thermometer").hasChanged(in: event) { guardTheRoom() }
    }

    private func guardTheRoom() {
        guard let millidegrees = `$`("thermometer").millidegrees else { return }
        if millidegrees > 25_000 { `$`("relay").off() }
        if millidegrees < 5_000 { `$`("relay").on() }
    }

    mutating func step(_ now: Instant) {
        guard wish.hasFired(at: now) else { return }
        `$`("relay").off()
        guardTheRoom()
    }
}

runNode(Thermostat())
