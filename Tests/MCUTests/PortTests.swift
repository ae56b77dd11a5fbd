// STM32F411: pins, serial port, converter, watchdog, edges, PWM.

import HAL
import RegisterModels
import STM32F4
import Testing

@Test("An output starts at its level without a glitch, whatever the latch held")
func outputStart() {
    let model = GPIOModel()
    model[0x14] = 0xFFFF
    let port = Port(model.block)
    PortOutput(port, 13).configure(high: true)
    PortOutput(port, 0).configure(high: false)
    #expect(model.driven == 1 << 13)
    #expect(model.trace == [1 << 13])
    var pin = PortOutput(port, 13)
    pin.setLow()
    #expect(!pin.isSetHigh && model.driven == 0)
    pin.setHigh()
    #expect(pin.isSetHigh && model.driven == 1 << 13)
}

@Test("Configuring one pin leaves the other fifteen as they were", arguments: 0..<16)
func pinsAreIndependent(pin: Int) {
    let model = GPIOModel()
    for offset in [0x00, 0x08, 0x0C, 0x20, 0x24] as [UInt32] { model[offset] = 0xA5A5_A5A5 }
    let others = ~(UInt32(3) << UInt32(pin * 2))
    Port(model.block).configureAlternate(UInt32(pin), function: 9, pull: .up, openDrain: true)
    #expect(model[0] & others == 0xA5A5_A5A5 & others && model[0].bits(UInt32(pin * 2 + 1), UInt32(pin * 2)) == 2)
    #expect(model[0x0C] & others == 0xA5A5_A5A5 & others && model[0x0C].bits(UInt32(pin * 2 + 1), UInt32(pin * 2)) == 1)
    let function: UInt32 = pin < 8 ? 0x20 : 0x24
    let place = UInt32(pin % 8 * 4)
    #expect(model[function].bits(place + 3, place) == 9)
    #expect(model[function] | 0xF << place == 0xA5A5_A5A5 | 0xF << place)
    #expect(model[4] == 1 << UInt32(pin))
}

@Test("An input reads what the world drives")
func input() {
    let model = GPIOModel()
    let key = PortInput(Port(model.block), 0)
    key.configure(pull: .up)
    #expect(model[0x0C].bits(1, 0) == 1 && model[0].bits(1, 0) == 0)
    model.levels = 1
    #expect(key.isHigh)
    model.levels = 0xFFFE
    #expect(!key.isHigh)
}

@Test(
    "The serial port's speed is within 1 % at every clock it may run on",
    arguments: [16_000_000, 48_000_000, 96_000_000] as [UInt32])
func baud(clock: UInt32) {
    let model = USARTModel()
    USART(model.block).configure(clock: clock)
    #expect(abs(model.baud(clock: Double(clock)) / 115_200 - 1) < 0.01)
    #expect(model[0x0C] == 1 << 13 | 1 << 5 | 1 << 3 | 1 << 2)
}

@Test("Bytes are sent one after the other, and a transmitter that never gets free is given up")
func serialSend() {
    let model = USARTModel()
    let port = USART(model.block)
    port.configure(clock: 16_000_000)
    for byte in [1, 2, 3] as [UInt8] { port.write(byte) }
    #expect(model.sent == [1, 2, 3] && model.violations == [])
    model.busyReads = nil
    port.write(4)
    #expect(model.sent == [1, 2, 3])
}

@Test("A received byte is taken once; one that came too soon is counted as lost")
func serialReceive() {
    let model = USARTModel()
    let port = USART(model.block)
    port.configure(clock: 16_000_000)
    #expect(port.receive() == (nil, false))
    model.arrive(7)
    #expect(port.receive() == (7, false))
    #expect(port.receive() == (nil, false))
    model.arrive(8)
    model.arrive(9)
    #expect(port.receive() == (8, true))
    #expect(port.receive() == (nil, false))
}

@Test("A conversion fills sixteen bits from zero to full scale, of its own channel")
func converter() {
    let model = ADCModel()
    var moisture = ADCInput(model.block, channel: 1)
    var temperature = ADCInput(model.block, channel: 18)
    moisture.configure()
    temperature.configure()
    for (raw, value) in [(0, 0), (0xFFF, 0xFFFF), (0x800, 0x8008)] as [(UInt32, UInt16)] {
        model.channels = [1: raw, 18: 0x123]
        #expect(moisture.read() == value)
        #expect(temperature.read() == 0x1231)
    }
    #expect(model.violations == [])
    #expect(model[0x304].bit(23) && model[0x304].bits(17, 16) == 1)
    model.isBroken = true
    #expect(moisture.read() == nil)
}

@Test("The watchdog's time is what was asked, to a tick", arguments: [10, 1000, 4096, 5000, 32_768] as [UInt32])
func watchdogTime(milliseconds: UInt32) {
    let model = WatchdogModel()
    var watchdog = WatchdogTimer(model.block)
    watchdog.start(timeoutMilliseconds: milliseconds)
    #expect(model.isRunning && model.violations == [])
    #expect(abs(model.timeoutMilliseconds - Double(milliseconds)) <= 8)
    watchdog.feed()
}

@Test("An edge is taken once, of the line and the port that were asked for")
func edges() {
    let model = RegisterModel()
    let system = RegisterModel()
    system[0x0C] = 0xFFFF
    let exti = EXTI(model.block, syscfg: system.block)
    exti.configure(line: 5, port: 1, edge: .falling)
    #expect(system[0x0C] == 0xFF1F)
    #expect(model[0x00] == 1 << 5 && model[0x08] == 0 && model[0x0C] == 1 << 5)
    model[0x14] = 1 << 6
    #expect(!exti.take(line: 5))
    model[0x14] = 1 << 5 | 1 << 6
    #expect(exti.take(line: 5))
    #expect(model[0x14] == 1 << 5, "only the line's own bit is written, which clears it")
}

@Test(
    "The PWM's frequency and duty are as asked, for lamps, servos and buzzers",
    arguments: [1, 20, 50, 440, 1000, 20_000, 50_000] as [UInt32])
func pwm(hertz: UInt32) {
    let model = RegisterModel()
    var channel = PWM(model.block, channel: 3, clock: 96_000_000)
    channel.configure(hertz: hertz)
    let period = Double(model[0x2C] + 1) * Double(model[0x28] + 1)
    #expect(abs(96_000_000 / period / Double(hertz) - 1) < 0.001)
    #expect(model[0x2C] <= 0xFFFF && model[0x28] <= 0xFFFF)
    for duty in [0, 1, 0x8000, 0xFFFE, 0xFFFF] as [UInt16] {
        channel.setDuty(duty)
        let high = Double(model[0x3C]) / Double(model[0x2C] + 1)
        #expect(abs(high - Double(duty) / 65535) < 1.0 / Double(model[0x2C] + 1) + 0.0001)
    }
    #expect(model[0x3C] == min(model[0x2C] + 1, 0xFFFF))
    channel.setDuty(0x4000)
    channel.setFrequency(hertz: hertz)
    #expect(abs(Double(model[0x3C]) / Double(model[0x2C] + 1) - 0.25) < 0.001)
    #expect(model[0x1C] == 0x68 && model[0x20] == 1 << 8 && model[0].bit(0))
}
