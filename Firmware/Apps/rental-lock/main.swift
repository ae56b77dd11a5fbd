// A lock that is rented out: whoever holds a grant opens it for a while, with the owner far away. The light says that it is open.

import Board
import NodeRuntime

struct RentalLock: Application {
    mutating func handle(_ event: DeviceEvent) {
        guard `$`("lock").hasChanged(in: event) else { return }
        if `$`("lock").isOpen { `$`("led").on() } else { `$`("led").off() }
    }
}

runNode(RentalLock())
