// Dimmer, RGB LED, buzzer and servo: duty and frequency over time.

import DeviceModel
import Drivers
import Foundation
import SimulatedPins
import Testing

@Test("A dimmer's levels follow CIE lightness within a quarter of a percent of full scale")
func dimmerGamma() {
    let waveform = Waveform()
    var bench = Bench(Dimmer(SimulatedPWM(waveform, "lamp")), waveform)
    var last: UInt32 = 0
    for level in Int32(1)...100 {
        bench.call("set", level)
        let duty = waveform.history("lamp.duty").last!.value
        let lightness = Double(level)
        let expected = lightness > 8 ? pow((lightness + 16) / 116, 3) : lightness / 903.3
        #expect(abs(Double(duty) / 65535 - expected) < 0.0025)
        #expect(duty > last)
        last = duty
    }
    #expect(last == 65535)
}

@Test("A fade takes its time and never goes back")
func dimmerFades() throws {
    let waveform = Waveform()
    var bench = Bench(Dimmer(SimulatedPWM(waveform, "lamp")), waveform)
    bench.call("fade", 100, 1000)
    bench.run(milliseconds: 2000)
    let history = waveform.history("lamp.duty")
    #expect(zip(history, history.dropFirst()).allSatisfy { $0.value < $1.value })
    #expect(history.last!.value == 65535)
    #expect((950...1150).contains(history.last!.milliseconds))
    bench.call("fade", 0, 500)
    bench.run(milliseconds: 1000)
    #expect(waveform.history("lamp.duty").last!.value == 0)
    try waveform.writeIfAsked(as: "dimmer fade")
}

@Test("A dimmer remembers its level when it is switched off and on")
func dimmerRemembers() {
    let waveform = Waveform()
    var bench = Bench(Dimmer(SimulatedPWM(waveform, "lamp")), waveform)
    bench.call("set", 40)
    bench.call("off")
    #expect(bench.value == 0)
    bench.call("on")
    #expect(bench.value == 40)
    bench.call("toggle")
    #expect(bench.value == 0)
    expect(bench.call("set", 101).text, "argument 0: level 0..100 %")
}

@Test("A colour reaches three channels, and on brings it back")
func rgb() {
    let waveform = Waveform()
    let led = RGBLED(
        red: SimulatedPWM(waveform, "r"), green: SimulatedPWM(waveform, "g"), blue: SimulatedPWM(waveform, "b"))
    var bench = Bench(led, waveform)
    bench.call("color", 100, 0, 50)
    #expect(waveform.history("r.duty").last?.value == 65535)
    #expect(waveform.history("g.duty").isEmpty)
    bench.call("off")
    #expect(waveform.history("r.duty").last?.value == 0)
    bench.call("on")
    #expect(bench.value == 0x64_0032)
    expect(bench.call("color", 1, 2).text, "argument 2: blue 0..100 %")
    expect(bench.call("color", 1, 2, 3, 4).text, "too many arguments, at most 3")
}

@Test("A buzzer beeps for its time and is silent in its safe state")
func buzzer() throws {
    let waveform = Waveform()
    var bench = Bench(Buzzer(SimulatedPWM(waveform, "buzzer")), waveform)
    bench.call("beep", 440)
    bench.run(milliseconds: 300)
    #expect(waveform.history("buzzer.hertz").map(\.value) == [440])
    let duty = waveform.history("buzzer.duty")
    #expect(duty.map(\.value) == [0x8000, 0])
    #expect((200...203).contains(duty[1].milliseconds))
    bench.call("beep")
    bench.enterSafeState()
    #expect(waveform.history("buzzer.duty").last?.value == 0)
    try waveform.writeIfAsked(as: "buzzer")
}

@Test("A servo's angle is a pulse of 1 to 2 ms", arguments: [(0, 1.0), (90, 1.5), (180, 2.0)] as [(Int32, Double)])
func servo(angle: Int32, milliseconds: Double) {
    let waveform = Waveform()
    var bench = Bench(Servo(SimulatedPWM(waveform, "servo")), waveform)
    bench.call("turn", angle)
    #expect(waveform.history("servo.hertz").last?.value == 50)
    let width = Double(waveform.history("servo.duty").last!.value) / 65536 * 20
    #expect(abs(width - milliseconds) < 0.002)
    bench.enterSafeState()
    #expect(bench.value == -1)
    #expect(waveform.history("servo.duty").last?.value == 0)
}
