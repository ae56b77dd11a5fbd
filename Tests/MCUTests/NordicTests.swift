// nRF51: two-wire interface, SPI, converter, PWM, edges.

import HAL
import NRF51
import RegisterModels
import SimulatedPins
import Testing

@Test("nRF51: reads of every length bring the right bytes, and the part sends not one more", arguments: 1...20)
func twiReading(count: Int) throws {
    let model = TWIModel(address: 0x1D)
    var bus = TWI(model.block)
    bus.configure(clock: 0, data: 30)
    for start in [0, 100] {
        let bytes = try bus.bytes(of: 0x1D, from: UInt8(start), count: count)
        #expect(bytes == Array(model.memory[start..<start + count]))
        #expect(model.clocked == count)
        #expect(model.isIdle)
    }
    #expect(model.violations == [])
}

@Test("nRF51: what is written arrives, and asking for a part moves nothing")
func twiWriting() throws {
    let model = TWIModel(address: 0x50)
    var bus = TWI(model.block)
    bus.configure(clock: 0, data: 30)
    let bytes: [UInt8] = [0x20, 1, 2, 3]
    try bus.write(0x50, bytes.span.bytes)
    #expect(Array(model.memory[0x20..<0x23]) == [1, 2, 3])
    let before = model.memory
    try bus.write(0x50, RawSpan())
    #expect(model.memory == before && model.isIdle && model.violations == [])
}

@Test("nRF51: a part that is not there and a controller that hangs are told, and the next transfer works")
func twiFaults() throws {
    let model = TWIModel(address: 0x50)
    var bus = TWI(model.block)
    bus.configure(clock: 0, data: 30)
    expectTold(on: &bus) { model.hangs = $0 }
    #expect(try bus.bytes(of: 0x50, from: 9, count: 3) == Array(model.memory[9..<12]))
}

@Test(
    "nRF51: a pin toggled by timer and PPI has the frequency and duty asked", arguments: [16, 50, 440, 1000, 20_000] as [UInt32])
func nordicPWM(hertz: UInt32) {
    let model = NordicPWMModel()
    var channel = PWM(
        timer: model.timer.block, gpiote: model.gpiote.block, ppi: model.ppi.block, timerBase: model.timerBase,
        gpioteBase: model.gpioteBase, pin: 3)
    channel.setFrequency(hertz: hertz)
    for duty in [0, 1, 0x4000, 0x8000, 0xC000, 0xFFFF, 0x1000, 0] as [UInt16] {
        channel.setDuty(duty)
        let (played, high) = model.play(pin: 3)
        #expect(abs(high - Double(duty) / 65535) < 0.002)
        if let played { #expect(abs(played / Double(hertz) - 1) < 0.002) } else { #expect(high == 0 || high == 1) }
    }
}

@Test("nRF51: a conversion of each input fills sixteen bits against the supply")
func nordicADC() {
    let model = NordicADCModel()
    for (index, pin) in [AnalogPin.p26, .p27, .p01, .p02, .p03, .p04, .p05, .p06].enumerated() {
        var input = ADCInput(model.block, pin)
        model.inputs = [UInt32(index): 0x3FF]
        #expect(input.read() == 0xFFFF)
        model.inputs = [UInt32(index): 0x200]
        #expect(input.read() == 0x8020)
        #expect(model[0x500] == 0, "the converter is off again")
    }
    model.isBroken = true
    var input = ADCInput(model.block, .p26)
    model[0x100] = 0
    #expect(input.read() == nil)
    #expect(model.violations == [])
}

@Test("nRF51: bytes go out and come in at the same time")
func nordicSPI() {
    let model = SPIModel()
    var bus = SPI(model.block)
    bus.configure(clock: 23, output: 21, input: 22)
    let answers = ([0x00, 0x5A, 0xFF] as [UInt8]).map { bus.exchange($0) }
    #expect(answers == [0xFF, 0xA5, 0x00])
    #expect(model.sent == [0x00, 0x5A, 0xFF] && model.violations == [])
}

@Test("nRF51: an edge is taken once, of its own channel")
func nordicEdges() {
    let model = RegisterModel()
    let pins = GPIOTE(model.block)
    pins.configure(channel: 2, pin: 17, edge: .falling)
    #expect(model[0x518] == 1 | 17 << 8 | 2 << 16 && model[0x304] == 1 << 2)
    #expect(!pins.take(2))
    model[0x108] = 1
    #expect(pins.take(2) && !pins.take(2))
}
