// The board under the executor in these tests: a clock and pins that the test holds, and three devices.

import DeviceModel
import Drivers
import HAL
import LightNode
import SimulatedNOR
import Vocabulary

/// Time since reset, moved by the test.
final class Clock {
    var microseconds: UInt64 = 0
    func pass(seconds: UInt64) { microseconds += seconds * 1_000_000 }
}

/// What the outside sees: levels, and how often anything moved.
final class Wires {
    var levels: [String: Int32] = [:]
    private(set) var moves = 0
    /// How often anything was set, to whatever level.
    private(set) var settings = 0

    func set(_ name: String, _ level: Int32) {
        settings += 1
        if levels[name, default: 0] != level { moves += 1 }
        levels[name] = level
    }
    subscript(name: String) -> Int32 { levels[name, default: 0] }
}

struct Wire: OutputPin {
    let wires: Wires
    let name: String
    func setHigh() { wires.set(name, 1) }
    func setLow() { wires.set(name, 0) }
    var isSetHigh: Bool { wires[name] == 1 }
}

/// A thing with a level, which returns it, and with a method that always fails.
struct Gauge: Device {
    static var interface: StaticString { "set(level:% 0..100):%;fail|gauge:%|" }
    let wires: Wires
    var state: DeviceModel.Value { .integer(wires["gauge"]) }
    mutating func enterSafeState() { wires.set("gauge", 0) }
    mutating func invoke(_ method: UInt8, _ arguments: borrowing Arguments) throws(DeviceFault) -> DeviceModel.Value {
        if method == 1 { throw .notResponding }
        wires.set("gauge", arguments[0])
        return state
    }
}

struct BenchDevices: DeviceTable {
    var events = EventQueue()
    var led: LED<Wire>
    var lock: Lock<Wire>
    var gauge: Gauge

    init(_ wires: Wires) {
        led = LED(Wire(wires: wires, name: "led"))
        lock = Lock(Wire(wires: wires, name: "lock"))
        gauge = Gauge(wires: wires)
    }

    static func declaration(_ index: UInt8) -> Declaration? {
        switch index {
        case 0: Declaration("led", LED<Wire>.self)
        case 1: Declaration("lock", Lock<Wire>.self)
        case 2: Declaration("gauge", Gauge.self)
        default: nil
        }
    }

    mutating func reach(_ index: UInt8, _ request: inout DeviceRequest) {
        switch index {
        case 0: request.reach(&led)
        case 1: request.reach(&lock)
        case 2: request.reach(&gauge)
        default: break
        }
    }
}

struct BenchPlatform: Platform {
    var board: StaticString { "bench" }
    var version: Version { Version(1, 2, 3) }
    var imageHash: InlineArray<24, UInt8> { .init(repeating: 0xA5) }
    var hardwareSerial: UInt64 { 0x1122_3344 }
    var isReadbackProtected = false
    mutating func protectReadback() { isReadbackProtected = true }
    var resetReason: ResetReason { .power }
    var stackUsed: UInt32 { 0 }
    var stackSize: UInt32 { 0 }
    var isTrueRandom: Bool
    let clock: Clock
    let dice: Dice

    mutating func microseconds() -> UInt64 { clock.microseconds }
    mutating func fillRandom(_ bytes: inout MutableRawSpan) {
        for index in 0..<bytes.byteCount {
            bytes.storeBytes(of: UInt8.random(in: 0...255, using: &dice.random), toByteOffset: index, as: UInt8.self)
        }
    }
}

/// Randomness that a seed repeats.
final class Dice {
    var random: Random
    init(seed: UInt64) { random = Random(seed: seed) }
}
