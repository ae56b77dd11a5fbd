// Thermometer and EEPROM on a simulated bus.

import DeviceModel
import Drivers
import HAL
import SimulatedPins
import Testing

/// A TMP105: four registers of two bytes, temperature first, then configuration.
private func sensor(_ high: UInt8, _ low: UInt8) -> (SimulatedI2CParts, Bench<Thermometer<TMP105<SimulatedI2C>>>) {
    let parts = SimulatedI2CParts()
    parts.attach(0x48, memory: [high, low, 0, 0, 0, 0, 0, 0], pointerBytes: 1, stride: 2)
    let bench = Bench(Thermometer(TMP105(SimulatedI2C(parts))), Waveform())
    return (parts, bench)
}

@Test(
    "The data sheet's examples of temperatures read right (TMP105, table 5)",
    arguments: [
        (0x7F, 0xF0, 127_937), (0x64, 0x00, 100_000), (0x50, 0x00, 80_000), (0x4B, 0x00, 75_000), (0x32, 0x00, 50_000),
        (0x19, 0x00, 25_000), (0x00, 0x40, 250), (0x00, 0x00, 0), (0xFF, 0xC0, -250), (0xE7, 0x00, -25_000),
        (0xC9, 0x00, -55_000),
    ] as [(UInt8, UInt8, Int32)])
func temperatures(high: UInt8, low: UInt8, millidegrees: Int32) {
    var (_, bench) = sensor(high, low)
    expect(bench.call("read").text, "done \(millidegrees)")
}

@Test("A sensor that does not answer is a fault, and is configured anew when it is back")
func sensorMissing() {
    var (parts, bench) = sensor(0x19, 0x00)
    parts.breakBus { $0.isStuck = true }
    expect(bench.call("read").text, "fault notResponding")
    parts.breakBus { $0.isStuck = false }
    expect(bench.call("read").value != nil, true)
    #expect(parts.memory(0x48)[2] == 0x60)
}

@Test("A thermometer reads by itself and tells only changes of half a degree")
func thermometerPolls() {
    var (parts, bench) = sensor(0x19, 0x00)
    bench.run(milliseconds: 11_000)
    let first = bench.noted.count
    parts.set(0x48, at: 0, [0x19, 0x40])
    bench.run(milliseconds: 11_000)
    #expect(bench.noted.count == first)
    parts.set(0x48, at: 0, [0x19, 0x80])
    bench.run(milliseconds: 11_000)
    #expect(bench.noted.count == first + 1)
    #expect(bench.value == 25_500)
}

@Test("A write over page borders arrives whole, though the part is deaf after each page")
func eepromPages() throws {
    let parts = SimulatedI2CParts()
    parts.attach(0x50, memory: Array(repeating: 0xFF, count: 4096), pointerBytes: 2, pageSize: 32)
    var eeprom = EEPROM(SimulatedI2C(parts))
    let data = (0..<100).map { UInt8($0) }
    try eeprom.write(data.span.bytes, at: 20)
    #expect(Array(parts.memory(0x50)[20..<120]) == data)
    #expect(parts.memory(0x50)[19] == 0xFF && parts.memory(0x50)[120] == 0xFF)
    var back = [UInt8](repeating: 0, count: 100)
    var span = back.mutableSpan
    var bytes = span.mutableBytes
    try eeprom.read(into: &bytes, at: 20)
    #expect(back == data)
}

@Test("An EEPROM's bytes are written and read by name; outside of the part nothing happens")
func eepromDevice() {
    let parts = SimulatedI2CParts()
    parts.attach(0x50, memory: Array(repeating: 0xFF, count: 4096), pointerBytes: 2, pageSize: 32)
    var bench = Bench(EEPROM(SimulatedI2C(parts)), Waveform())
    expect(bench.call("write", 7, 42).text, "done")
    expect(bench.call("read", 7).text, "done 42")
    expect(bench.call("read", 4096).text, "fault implausible")
    expect(bench.call("write", 7, 256).text, "argument 1: value 0..255 1")
    parts.breakBus { $0.silentTransfers = 100_000 }
    expect(bench.call("write", 7, 1).text, "fault notResponding")
}
