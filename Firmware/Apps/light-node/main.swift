import Board
import MCU
import Startup

nonisolated(unsafe) var hardware = BoardHardware()
while true {
    if let byte = hardware.serial.readByte() {
        hardware.serial.writeByte(byte)
    } else {
        hardware.clock.wake(inMicroseconds: 1000)
        startup_wait_for_interrupt()
    }
}
