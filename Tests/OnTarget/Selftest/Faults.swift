// Tests that ask for faults, and that are run with faults asked for on the command line.
import Devices
import FirmwareTesting
import HAL
import MCU
import Startup

extension Selftest {
    @used static func `blinks a light`() {
        _ = BoardHardware()
        var devices = BoardDevices()
        devices.enterSafeState()
        `$`("led").on()
        `$`("led").off()
    }

    // Each start finds one more mark in the store, and the first that finds five passes.
    @used static func `counts its starts in the store`() {
        needStore()
        countStarts()
    }

    @used static func `asks for its power to be cut`() {
        needStore()
        injectFaults(.cutPower(every: 6000))
        countStarts()
    }

    @used static func `asks for a flipped bit and sees it`() {
        needStore()
        injectFaults(.flipBit(at: 100))
        let store = startup_store_address()
        var waited = 0
        while waited < 200 {
            startup_barrier()
            waited += 1
        }
        var flipped = 0
        let words: UInt32 = store < 0x2000_0000 ? 4096 : 16384
        for word in 0..<words {
            flipped += (~UnsafePointer<UInt32>(bitPattern: UInt(store + 4 * word))!.pointee).nonzeroBitCount
        }
        expect(flipped == 1)
    }

    @used static func `asks for a line without noise and hears itself`() {
        injectFaults(.uartNoise(perMille: 0))
        expect(echoed(32) == 32)
    }

    @used static func `asks for its USB cable to be pulled`() {
        guard ChipUSB.isPresent else { skip("no USB in the emulator") }
        injectFaults(.unplugUSB(at: 400_000))
        var hardware = BoardHardware()
        let serial: InlineArray<4, UInt8> = [0x54, 0x45, 0x53, 0x54]
        hardware.usb.attach(serial: serial.span.bytes)
        let start = hardware.clock.microseconds()
        while hardware.usb.room == 0 { expect(hardware.clock.microseconds() &- start < 20_000) }
        log("configured")
        while hardware.usb.room > 0 { expect(hardware.clock.microseconds() &- start < 40_000) }
    }

    @used static func `asks for a noisy line and hears something else`() {
        injectFaults(.uartNoise(perMille: 200))
        let same = echoed(128)
        log("came back as they were sent", same)
        expect(same < 128)
        expect(same > 20)
    }
}

private func needStore() {
    if startup_store_address() & 0xFF00_0000 == 0x0800_0000 { skip("QEMU does not model this flash") }
}

private func countStarts() {
    let store = startup_store_address()
    var starts: UInt32 = 0
    while starts < 5, UnsafePointer<UInt32>(bitPattern: UInt(store + 4 * starts))!.pointee != .max { starts += 1 }
    log("starts before this one", starts)
    if starts == 5 { return }
    markStart(store + 4 * starts)
    for _ in 0..<opaque(2000) { startup_barrier() }
}

/// Programs a word of the store: through the NVMC where the store is the chip's flash, as RAM where it is PSRAM.
private func markStart(_ address: UInt32) {
    let control = UnsafeMutablePointer<UInt32>(bitPattern: 0x4001_E504)!
    if address < 0x2000_0000 { control.pointee = 1 }
    UnsafeMutablePointer<UInt32>(bitPattern: UInt(address))!.pointee = 0
    if address < 0x2000_0000 { control.pointee = 0 }
}

/// Sends that many bytes, one by one; how many of them came back as they were.
private func echoed(_ count: Int) -> Int {
    var hardware = BoardHardware()
    var same = 0
    for byte in UInt8(0)..<UInt8(count) {
        hardware.serial.writeByte(byte)
        var turns = 0
        while turns < 2000 {
            if let back = hardware.serial.readByte() {
                if back == byte { same += 1 }
                break
            }
            turns += 1
        }
    }
    return same
}
