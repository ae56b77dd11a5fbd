// Button, contact, meter and analog sensor: what they make of their pins.

import DeviceModel
import Drivers
import SimulatedPins
import Testing

/// Names of the events without the changes that go with them.
private func names(_ noted: [String]) -> [String] {
    noted.map { String($0.prefix { $0 != "@" }) }.filter { $0 != "changed" }
}

/// Holds the pin high for so many milliseconds, and lets it go for so many.
private func press(_ pin: SimulatedInput, _ bench: inout Bench<Button<SimulatedInput>>, for held: Int, then pause: Int) {
    pin.drive(true)
    bench.run(milliseconds: held)
    pin.drive(false)
    bench.run(milliseconds: pause)
}

@Test("A bouncing contact is one press and one release")
func buttonDebounces() throws {
    let waveform = Waveform()
    let pin = SimulatedInput(waveform, "button")
    var bench = Bench(Button(pin), waveform)
    for isHigh in [true, false, true, false, true] {
        pin.drive(isHigh)
        bench.run(milliseconds: 3)
    }
    bench.run(milliseconds: 100)
    for isHigh in [false, true, false, true, false] {
        pin.drive(isHigh)
        bench.run(milliseconds: 3)
    }
    bench.run(milliseconds: 1000)
    #expect(names(bench.noted) == ["pressed", "released"])
    try waveform.writeIfAsked(as: "button bounce")
}

@Test("A spike shorter than the debounce time is no press")
func buttonIgnoresSpikes() {
    let waveform = Waveform()
    let pin = SimulatedInput(waveform, "button")
    var bench = Bench(Button(pin), waveform)
    for _ in 0..<20 { press(pin, &bench, for: 15, then: 15) }
    #expect(bench.noted.isEmpty)
}

@Test("A button held for 800 ms says so once")
func buttonHeld() {
    let waveform = Waveform()
    let pin = SimulatedInput(waveform, "button")
    var bench = Bench(Button(pin), waveform)
    press(pin, &bench, for: 3000, then: 100)
    #expect(names(bench.noted) == ["pressed", "held", "released"])
}

@Test("Two presses within 400 ms are a double press, two slow ones are not", arguments: [(200, true), (500, false)])
func buttonDouble(pause: Int, isDouble: Bool) {
    let waveform = Waveform()
    let pin = SimulatedInput(waveform, "button")
    var bench = Bench(Button(pin), waveform)
    for _ in 0..<2 { press(pin, &bench, for: 60, then: pause) }
    #expect(names(bench.noted) == ["pressed", "released", isDouble ? "double" : "pressed", "released"])
}

@Test("A button with a pull-up is pressed while its pin is low")
func buttonActiveLow() {
    let waveform = Waveform()
    let pin = SimulatedInput(waveform, "button")
    pin.drive(true)
    var bench = Bench(Button(ActiveLowInput(pin)), waveform)
    bench.run(milliseconds: 100)
    #expect(bench.noted.isEmpty)
    pin.drive(false)
    bench.run(milliseconds: 100)
    #expect(names(bench.noted) == ["pressed"])
}

@Test("A door contact tells each change once it has settled")
func contact() {
    let waveform = Waveform()
    let pin = SimulatedInput(waveform, "door")
    var bench = Bench(ContactSensor(pin), waveform)
    pin.drive(true)
    bench.run(milliseconds: 40)
    #expect(bench.noted.isEmpty)
    bench.run(milliseconds: 40)
    pin.drive(false)
    bench.run(milliseconds: 100)
    #expect(names(bench.noted) == ["closed", "opened"])
}

@Test("A pulse meter goes on counting after a reboot, from what was retained")
func meterSurvivesReboot() {
    let waveform = Waveform()
    let counter = SimulatedCounter(waveform, "pulses")
    var bench = Bench(PulseMeter(counter), waveform)
    counter.pulse(1234)
    expect(bench.call("read").text, "done 1234")
    let kept = bench.retained(by: 0)
    let again = SimulatedCounter(waveform, "pulses after reboot")
    var rebooted = Bench(PulseMeter(again), waveform)
    again.pulse(2)  // before the store was read
    rebooted.restore(kept!, to: 0)
    again.pulse(10)
    expect(rebooted.call("read").text, "done 1244")
}

@Test("An analog sensor converts by its two calibration points")
func analogCalibration() {
    let waveform = Waveform()
    let input = SimulatedAnalog(waveform, "moisture")
    var bench = Bench(AnalogSensor(input, Calibration(60000, is: 0, 20000, is: 100)), waveform)
    for (raw, value) in [(60000, 0), (20000, 100), (40000, 50), (65535, -13), (0, 150)] as [(UInt16, Int32)] {
        input.drive(raw)
        expect(bench.call("read").text, "done \(value)")
    }
    input.drive(nil)
    expect(bench.call("read").text, "fault notResponding")
}

@Test("A sensor tells each crossing of its band once")
func analogCrossing() throws {
    let waveform = Waveform()
    let input = SimulatedAnalog(waveform, "level")
    var bench = Bench(AnalogSensor(input, Calibration(0, is: 0, 65535, is: 1000)), waveform)
    expect(bench.call("watch", 700, 300).text, "fault implausible")
    expect(bench.call("watch", 300, 700).text, "done")
    for value in [500, 800, 900, 500, 100, 50, 500] as [UInt32] {
        input.drive(UInt16(value * 65535 / 1000))
        bench.run(milliseconds: 250)
    }
    #expect(names(bench.noted) == ["above", "below"])
    try waveform.writeIfAsked(as: "analog crossing")
}
