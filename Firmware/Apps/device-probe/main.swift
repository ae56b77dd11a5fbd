// The devices of a board without a node around them: whoever holds the wire calls any of them. For tests from outside; never ship it.
//
// Requests of seven bytes: device, method, number of arguments (0 or 1), the argument (little endian). Answers of six: 0 done or 1
// refused, a device and an event or 255, the value. Pseudo devices: 0xFF the next event, 0xFE microseconds since reset, 0xFD what an
// application would write, 0xFC half a second of not listening, answered with the bytes that came meanwhile and were kept. One answer
// comes unasked: the first, with the kind 254, when the board is up. A byte that was sent before may have met a port that was still off.

import Devices
import MCU
import Startup

nonisolated(unsafe) var hardware = BoardHardware()
nonisolated(unsafe) var devices = BoardDevices()
nonisolated(unsafe) var request = InlineArray<7, UInt8>(repeating: 0)
nonisolated(unsafe) var received = 0

func answer(_ status: UInt8, _ kind: UInt8 = 255, _ value: Int32 = 0) {
    hardware.serial.writeByte(status)
    hardware.serial.writeByte(kind)
    for byte in UInt32(0)..<4 { hardware.serial.writeByte(UInt8(truncatingIfNeeded: UInt32(bitPattern: value) >> (byte * 8))) }
}

func invoke() -> CallResult {
    var arguments = Arguments()
    if request[2] == 1 {
        var value: UInt32 = 0
        for byte in 0..<4 { value |= UInt32(request[3 + byte]) << UInt32(byte * 8) }
        arguments.append(Int32(bitPattern: value))
    }
    return devices.invoke(device: request[0], method: request[1], arguments: arguments)
}

func deafness() -> Int32 {
    let start = hardware.clock.microseconds()
    while hardware.clock.microseconds() &- start < 500_000 {}
    var kept: Int32 = 0
    while hardware.serial.readByte() != nil { kept += 1 }
    return kept
}

func obey() {
    switch request[0] {
    case 0xFF:
        if let event = devices.nextEvent() { answer(event.device, event.kind, event.value.integer) } else { answer(255) }
    case 0xFE: answer(0, 255, Int32(truncatingIfNeeded: hardware.clock.microseconds()))
    case 0xFD:
        `$`("led").toggle()
        answer(0)
    case 0xFC: answer(0, 255, deafness())
    default:
        switch invoke() {
        case .done(let value): answer(0, value.kind.rawValue, value.integer)
        case .refused(.fault(let fault)): answer(1, fault.rawValue)
        case .refused: answer(1, 255)
        }
    }
}

devices.enterSafeState()
hardware.watchdog.start(timeoutMilliseconds: 2000)
answer(0, 254)
while true {
    hardware.watchdog.feed()
    devices.poll(Instant(microseconds: hardware.clock.microseconds()))
    if let byte = hardware.serial.readByte() {
        request[received] = byte
        received += 1
        if received == 7 {
            received = 0
            obey()
        }
    } else {
        // Masked, so that a byte or the alarm cannot come just before the sleep and be missed by it.
        startup_disable_interrupts()
        if hardware.serial.isIdle {
            hardware.clock.wake(inMicroseconds: 1000)
            startup_wait_for_interrupt()
        }
        startup_enable_interrupts()
    }
}
