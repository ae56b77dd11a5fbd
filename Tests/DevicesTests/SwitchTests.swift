// LED, relay and lock: what their pins do over time.

import DeviceModel
import Drivers
import SimulatedPins
import Testing

// R15
@Test("An LED goes on, off and over, and its pin is the witness")
func ledSwitches() throws {
    let waveform = Waveform()
    var bench = Bench(LED(SimulatedOutput(waveform, "led")), waveform)
    bench.call("on")
    bench.run(milliseconds: 5)
    bench.call("on")
    bench.run(milliseconds: 5)
    bench.call("toggle")
    bench.run(milliseconds: 5)
    bench.call("toggle")
    bench.run(milliseconds: 5)
    bench.call("off")
    #expect(waveform.history("led").map(\.milliseconds) == [0, 10, 15, 20])
    #expect(waveform.history("led").map(\.value) == [1, 0, 1, 0])
    bench.note()
    #expect(bench.noted == ["changed@0", "changed@10", "changed@15", "changed@20"])
    try waveform.writeIfAsked(as: "led")
}

@Test("An LED whose anode is on the supply is on while its pin is low")
func ledActiveLow() {
    let waveform = Waveform()
    let pin = SimulatedOutput(waveform, "led", startsHigh: true)
    var bench = Bench(LED(ActiveLow(pin)), waveform)
    #expect(bench.state == .boolean(false))
    bench.call("on")
    #expect(!pin.isSetHigh)
    #expect(bench.state == .boolean(true))
    bench.enterSafeState()
    #expect(pin.isSetHigh)
}

@Test("A relay's pulse ends by itself, at most one poll late")
func relayPulses() throws {
    let waveform = Waveform()
    var bench = Bench(Relay(SimulatedOutput(waveform, "relay")), waveform)
    expect(bench.call("pulse", 250).text, "done")
    bench.run(milliseconds: 400)
    let edges = waveform.history("relay")
    #expect(edges.map(\.value) == [1, 0])
    #expect(edges[1].milliseconds - edges[0].milliseconds >= 250)
    #expect(edges[1].milliseconds - edges[0].milliseconds <= 253)
    try waveform.writeIfAsked(as: "relay pulse")
}

@Test("A relay switched on during a pulse stays on")
func relayPulseOverridden() {
    var bench = Bench { Relay(SimulatedOutput($0, "relay")) }
    bench.call("pulse", 100)
    bench.run(milliseconds: 50)
    bench.call("on")
    bench.run(milliseconds: 500)
    #expect(bench.waveform.history("relay").map(\.value) == [1])
}

@Test(
    "A pulse out of range is refused with the range and moves nothing",
    arguments: [9, 3_600_001, -1, Int32.min, Int32.max] as [Int32])
func relayRange(milliseconds: Int32) {
    let waveform = Waveform()
    var bench = Bench(Relay(SimulatedOutput(waveform, "relay")), waveform)
    expect(bench.call("pulse", milliseconds).text, "argument 0: for 10..3600000 ms")
    #expect(waveform.changes.isEmpty)
}

@Test("A lock opens for the time asked and locks again without anyone's help")
func lockRelocks() throws {
    var bench = Bench { Lock(SimulatedOutput($0, "bolt")) }
    bench.call("open", 1000)
    bench.run(milliseconds: 1500)
    let edges = bench.waveform.history("bolt")
    #expect(edges.map(\.value) == [1, 0])
    #expect((1000...1003).contains(edges[1].milliseconds))
    #expect(bench.noted.map { $0.prefix { $0 != "@" } } == ["changed", "relocked", "changed"])
    try bench.waveform.writeIfAsked(as: "lock")
}

@Test("A lock opened without a time stays open for five seconds")
func lockDefault() {
    var bench = Bench { Lock(SimulatedOutput($0, "bolt")) }
    expect(bench.call("open").text, "done")
    bench.run(milliseconds: 6000)
    #expect((5000...5003).contains(bench.waveform.history("bolt")[1].milliseconds))
}

@Test("A second opening counts from its own beginning")
func lockReopened() {
    var bench = Bench { Lock(SimulatedOutput($0, "bolt")) }
    bench.call("open", 1000)
    bench.run(milliseconds: 900)
    bench.call("open", 1000)
    bench.run(milliseconds: 1500)
    #expect((1900...1903).contains(bench.waveform.history("bolt")[1].milliseconds))
}

// R15
@Test("A lock is locked after boot, on expiry and on a fault, and its old timer is dead")
func lockSafe() {
    let waveform = Waveform()
    let pin = SimulatedOutput(waveform, "bolt", startsHigh: true)
    var bench = Bench(Lock(pin), waveform)
    bench.enterSafeState()
    #expect(!pin.isSetHigh)
    bench.call("open", 100)
    bench.enterSafeState(device: 0)
    #expect(!pin.isSetHigh)
    bench.noted = []
    bench.run(milliseconds: 300)
    #expect(!bench.noted.contains { $0.hasPrefix("relocked") })
}

@Test("Deadlines hold when the driver's clock wraps")
func timerWraps() {
    let waveform = Waveform()
    waveform.advance(microseconds: (UInt64(UInt32.max) << 10) - 100_000)
    let start = waveform.now / 1000
    var bench = Bench(Lock(SimulatedOutput(waveform, "bolt")), waveform)
    bench.call("open", 500)
    bench.run(milliseconds: 1000)
    let edges = bench.waveform.history("bolt")
    #expect(edges.map(\.value) == [1, 0])
    #expect((start + 500...start + 503).contains(edges[1].milliseconds))
}
