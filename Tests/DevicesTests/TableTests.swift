// The table of devices: names, indices, arguments, safe states, events.

import DeviceModel
import Drivers
import SimulatedPins
import Testing

private struct House: DeviceTable {
    var lamp: LED<SimulatedOutput>
    var door: Lock<SimulatedOutput>
    var events = EventQueue()
    let waveform = Waveform()

    init() {
        lamp = LED(SimulatedOutput(waveform, "lamp"))
        door = Lock(SimulatedOutput(waveform, "door"))
    }

    static func declaration(_ index: UInt8) -> Declaration? {
        switch index {
        case 0: Declaration("led-green", LED<SimulatedOutput>.self)
        case 1: Declaration("front-door", Lock<SimulatedOutput>.self)
        case 2: Declaration("led", LED<SimulatedOutput>.self, freshness: 5)
        default: nil
        }
    }

    mutating func reach(_ index: UInt8, _ request: inout DeviceRequest) {
        switch index {
        case 0, 2: request.reach(&lamp)
        case 1: request.reach(&door)
        default: break
        }
    }

    mutating func say(_ device: String, _ method: String, _ arguments: Arguments = Arguments()) -> String {
        let name = Array(device.utf8)
        let verb = Array(method.utf8)
        return invoke(device: name.span.bytes, method: verb.span.bytes, arguments: arguments).text
    }
}

@Test("Names are found whole: neither a beginning, nor a longer name, nor another case")
func names() {
    var house = House()
    expect(house.say("led-green", "on"), "done")
    expect(house.say("led", "on"), "done")
    for wrong in ["", "l", "le", "led-", "led-greenx", "LED", "led\0", "front_door"] {
        expect(house.say(wrong, "on"), "unknown device")
    }
    for wrong in ["", "o", "onn", "On", "on;off", "open(for:ms", "led", "bool"] {
        expect(house.say("led", wrong), "unknown method")
    }
    expect(house.say("front-door", "on"), "unknown method")
}

@Test("Wrong arguments are refused with what was wanted, before anything moves")
func wrongArguments() {
    var house = House()
    var truth = Arguments()
    truth.append(true)
    expect(house.say("front-door", "open", truth), "argument 0: for 100..60000 ms")
    var many = Arguments()
    for _ in 0..<4 { expect(many.append(Int32(100)), true) }
    expect(many.append(Int32(100)), false)
    expect(house.say("front-door", "open", many), "too many arguments, at most 1")
    expect(house.say("led", "on", truth), "too many arguments, at most 0")
    #expect(house.waveform.changes.isEmpty)
}

@Test("Every device says how fresh a command must be, by its driver or by its board")
func freshness() {
    #expect(House.count == 3)
    #expect((0..<3).map { House.describe($0)!.freshness } == [0, 30, 5])
    #expect((0..<3).map { House.describe($0)!.demandsFreshness } == [false, true, true])
}

@Test("An index out of range is refused, whatever it is")
func indices() {
    var house = House()
    for device in UInt8(3)...255 {
        expect(house.invoke(device: device, method: 0, arguments: Arguments()).text, "unknown device")
        expect(house.state(of: device), .none)
    }
    for method in UInt8(3)...255 {
        expect(house.invoke(device: 0, method: method, arguments: Arguments()).text, "unknown method")
    }
}

@Test("All devices go to their safe state at once")
func safeState() {
    var house = House()
    _ = house.say("led-green", "on")
    _ = house.say("front-door", "open")
    house.enterSafeState()
    expect(house.state(of: 0), .boolean(false))
    expect(house.state(of: 1), .boolean(false))
}

@Test("Events wait in order; when nobody fetches them the oldest are lost and counted")
func eventQueue() {
    var house = House()
    for _ in 0..<11 { _ = house.say("led-green", "toggle") }
    #expect(house.events.lost == 3)
    var seen: [Bool] = []
    while let event = house.nextEvent() {
        #expect(event.device == 0 && event.kind == DeviceEvent.changed)
        seen.append(event.value.isTrue)
    }
    #expect(seen == [false, true, false, true, false, true, false, true])
}

@Test("Milliseconds become ticks that are never too few, over the whole range")
func ticks() {
    // A pulse of n ms must last at least n ms; the timer rounds up and runs from the next poll.
    for milliseconds in [10, 100, 999, 1000, 1023, 1024, 1025, 60_000, 3_599_999] as [Int32] {
        let waveform = Waveform()
        var bench = Bench(Relay(SimulatedOutput(waveform, "relay")), waveform)
        bench.call("pulse", milliseconds)
        bench.run(milliseconds: 1)
        waveform.advance(microseconds: UInt64(milliseconds) * 1000 - 2000)
        bench.run(milliseconds: 1)
        #expect(bench.value == 1)
        waveform.advance(microseconds: 3000)
        bench.run(milliseconds: 1)
        #expect(bench.value == 0)
    }
}
