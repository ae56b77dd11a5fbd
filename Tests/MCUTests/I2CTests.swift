// STM32F411: the I2C controller.

import HAL
import RegisterModels
import STM32F4
import SimulatedPins
import Testing

private func make(_ model: I2CModel) -> I2C<ModelBlock> {
    let bus = I2C(model.block, busHertz: 48_000_000)
    bus.configure()
    return bus
}

@Test("The bus runs at 100 kHz with a rise time of 1 µs")
func speed() {
    let model = I2CModel(address: 0x50)
    _ = make(model)
    #expect(model[0x04] == 48)
    #expect(model[0x1C] * 2 * 100_000 == 48_000_000)
    #expect(model[0x20] == 49)
}

@Test("Reads of every length bring the right bytes, and the part sends not one more", arguments: 1...20)
func reading(count: Int) throws {
    let model = I2CModel(address: 0x50)
    var bus = make(model)
    let bytes = try bus.bytes(of: 0x50, from: 10, count: count)
    #expect(bytes == Array(model.memory[10..<10 + count]))
    #expect(model.clocked == count)
    #expect(model.phase == .idle)
    #expect(model.violations == [])
    let again = try bus.bytes(of: 0x50, from: 100, count: count)
    #expect(again == Array(model.memory[100..<100 + count]))
}

@Test("What is written arrives")
func writing() throws {
    let model = I2CModel(address: 0x50)
    var bus = make(model)
    let bytes: [UInt8] = [0x20, 0xAA, 0xBB, 0xCC]
    try bus.write(0x50, bytes.span.bytes)
    #expect(Array(model.memory[0x20..<0x23]) == [0xAA, 0xBB, 0xCC])
    #expect(model.phase == .idle && model.violations == [])
}

/// With the only part at address 0x50: that another is not there, and a controller that hangs, are told.
func expectTold(on bus: inout some I2CBus, hanging: (Bool) -> Void) {
    #expect(throws: I2CError.noAddressAcknowledge) { try bus.bytes(of: 0x51, from: 0, count: 1) }
    #expect(throws: I2CError.noAddressAcknowledge) { try bus.write(0x51, RawSpan()) }
    hanging(true)
    #expect(throws: I2CError.timeout) { try bus.bytes(of: 0x50, from: 0, count: 1) }
    hanging(false)
}

@Test(
    "A part that is not there, a hanging controller, a lost arbitration and a stuck bus are told apart, and the next transfer works"
)
func faults() throws {
    let model = I2CModel(address: 0x50)
    var bus = make(model)
    expectTold(on: &bus) { model.hangs = $0 }
    #expect(try bus.bytes(of: 0x50, from: 0, count: 2) == Array(model.memory[0..<2]))
    model.loses = true
    #expect(throws: I2CError.arbitrationLost) { try bus.bytes(of: 0x50, from: 0, count: 1) }
    model.loses = false
    model.isStuck = true
    #expect(throws: I2CError.busStuck) { try bus.bytes(of: 0x50, from: 0, count: 1) }
    model.isStuck = false
    #expect(try bus.bytes(of: 0x50, from: 0, count: 3) == Array(model.memory[0..<3]))
}
