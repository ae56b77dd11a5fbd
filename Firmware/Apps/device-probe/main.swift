import Board
import Devices
import MCU
import Startup

nonisolated(unsafe) var hardware = BoardHardware()
nonisolated(unsafe) var devices = BoardDevices()
devices.enterSafeState()
while true {
    devices.poll(Instant(microseconds: hardware.clock.microseconds()))
    if let byte = hardware.serial.readByte() {
        if byte == 49 { `$`("led").on() }
        if byte == 48 { `$`("led").off() }
        if byte == 50 { `$`("lock").open(for: .seconds(1)) }
        hardware.serial.writeByte(byte)
    } else {
        hardware.clock.wake(inMicroseconds: 1000)
        startup_wait_for_interrupt()
    }
}
