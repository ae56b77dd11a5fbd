// The line of text that tells what a driver can do.

import DeviceModel
import Drivers
import SimulatedPins
import Testing

private let everyDriver: [StaticString] = [
    LED<SimulatedOutput>.interface, Relay<SimulatedOutput>.interface, Lock<SimulatedOutput>.interface,
    Button<SimulatedInput>.interface, ContactSensor<SimulatedInput>.interface, Dimmer<SimulatedPWM>.interface,
    RGBLED<SimulatedPWM>.interface, Buzzer<SimulatedPWM>.interface, Servo<SimulatedPWM>.interface,
    PulseMeter<SimulatedCounter>.interface, AnalogSensor<SimulatedAnalog>.interface,
    Thermometer<TMP105<SimulatedI2C>>.interface, EEPROM<SimulatedI2C>.interface, Display5x5<SimulatedScreen>.interface,
]

/// The grammar of Interface.swift, written a second time as a pattern.
@Test("Every driver's interface follows the grammar, and its no driver is forgotten", arguments: 0..<14)
func grammarHolds(index: Int) throws {
    let text = String(describing: everyDriver[index])
    let name = "[a-z][a-z0-9-]*"
    let unit = "(1|%|[A-Za-z]+)"
    let range = "-?[0-9]+\\.\\.-?[0-9]+"
    let argument = "\(name):(bool|\(unit) \(range)(=-?[0-9]+)?)"
    let method = "\(name)(\\(\(argument)(,\(argument))*\\))?(:\(unit))?"
    let whole = try Regex("^(\(method)(;\(method))*)?\\|\(name)(:\(unit))?\\|(\(name)(;\(name))*)?$")
    #expect(text.wholeMatch(of: whole) != nil, "\(text)")
}

@Test("An interface is taken apart as it is written")
func parsing() {
    let lock = Declaration("x", Lock<SimulatedOutput>.self).interface
    #expect(lock.kind.description == "lock")
    #expect(lock.stateUnit?.description == "bool")
    #expect(lock.event(0)?.description == "relocked")
    #expect(lock.event(1) == nil)
    let open = lock.method(0)!
    #expect(open.name.description == "open")
    #expect(open.argument(0)!.name.description == "for")
    #expect(open.argument(0)!.unit.description == "ms")
    #expect(open.argument(0)!.minimum == 100)
    #expect(open.argument(0)!.maximum == 60000)
    #expect(open.argument(0)!.standard == 5000)
    #expect(open.argument(1) == nil)
    #expect(open.resultUnit == nil)
    #expect(lock.method(1)!.name.description == "close")
    #expect(lock.method(2) == nil)
    let eeprom = Declaration("x", EEPROM<SimulatedI2C>.self).interface
    #expect(eeprom.method(0)!.resultUnit?.description == "1")
    #expect(eeprom.method(1)!.argument(1)!.maximum == 255)
    #expect(eeprom.stateUnit == nil)
    let sensor = Declaration("x", AnalogSensor<SimulatedAnalog>.self).interface
    #expect(sensor.method(0)!.resultUnit?.description == "1")
    #expect(sensor.method(1)!.argument(0)!.minimum == -32767)
    let button = Declaration("x", Button<SimulatedInput>.self).interface
    #expect(button.method(0) == nil)
    #expect(button.event(3)?.description == "double")
}
