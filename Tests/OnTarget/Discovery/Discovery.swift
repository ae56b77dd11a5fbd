// The drivers of the STM32L475 on the emulated board: clocks, time, pins, pin interrupts, serial port.
import Board
import FirmwareTesting
import HAL
import MCU
import Startup

@main enum Discovery: FirmwareSuite {
    @used static func `the clock tells the same source twice`() {
        let clocks = startClocks()
        expect(clocks == startClocks())
        // QEMU does not confirm wait states, so the chip stays with its oscillator there.
        expect(clocks.system == 16_000_000)
    }

    @used static func `time passes at a microsecond per microsecond`() {
        var hardware = BoardHardware()
        let start = hardware.clock.microseconds(), instructions = SystemTimer.ticks
        while hardware.clock.microseconds() &- start < 5000 {}
        let ticks = SystemTimer.ticks &- instructions
        expect(ticks >= 5000 * 16)
        expect(ticks < 5020 * 16)
    }

    @used static func `time never runs backwards across a millisecond`() {
        var hardware = BoardHardware()
        var last = hardware.clock.microseconds()
        for _ in 0..<3000 {
            let now = hardware.clock.microseconds()
            expect(now >= last)
            last = now
        }
        expect(last > 3000)
    }

    @used static func `time is right while interrupts are masked for less than a millisecond`() {
        var hardware = BoardHardware()
        // From just before the end of a millisecond to a little after.
        while hardware.clock.microseconds() % 1000 < 900 {}
        startup_disable_interrupts()
        let start = hardware.clock.microseconds()
        while hardware.clock.microseconds() &- start < 400 {}
        let masked = hardware.clock.microseconds()
        startup_enable_interrupts()
        expect(masked >= start + 400)
        expect(masked < start + 450)
        expect(hardware.clock.microseconds() >= masked)
    }

    @used static func `sleeping lasts until the next millisecond`() {
        var hardware = BoardHardware()
        let start = hardware.clock.microseconds()
        for _ in 0..<3 { startup_wait_for_interrupt() }
        let slept = hardware.clock.microseconds() &- start
        expect(slept > 2000)
        expect(slept < 3100)
    }

    @used static func `a light is off at the start, and goes on and off`() {
        _ = BoardHardware()
        let port = port(1)
        expect(Output(port, 14).isSetHigh == false)
        var devices = BoardDevices()
        devices.enterSafeState()
        `$`("led").on()
        expect(Output(port, 14).isSetHigh == true)
        expect(Input(port, 14).isHigh == true)
        `$`("led").off()
        expect(Input(port, 14).isHigh == false)
    }

    @used static func `an edge of a pin is counted by its interrupt`() {
        _ = BoardHardware()
        // D8 of the connector is PB2; the counted lines are 10 to 15, so PA15 is driven by its own output.
        var pin = Output(port(0), 15)
        pin.configure(high: false)
        let counter = PinCounter()
        counter.configure(pin: 15, port: 0, edge: .rising)
        for _ in 0..<3 {
            pin.setHigh()
            pin.setLow()
        }
        expect(counter.count == 3)
    }

    @used static func `the serial port brings back what a loop returns`() {
        injectFaults(.uartNoise(perMille: 0))
        var hardware = BoardHardware()
        for byte in UInt8(32)..<96 {
            hardware.serial.writeByte(byte)
            let start = hardware.clock.microseconds()
            while hardware.serial.isIdle, hardware.clock.microseconds() &- start < 1000 {}
            expect(hardware.serial.readByte() == byte)
        }
        expect(hardware.serial.overruns == 0)
    }
}
