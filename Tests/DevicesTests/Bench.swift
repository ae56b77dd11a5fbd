// A bench with one driver on it: calls it as the wire does, lets simulated time pass, and notes its events.

import DeviceModel
import Drivers
import SimulatedPins
import Testing

struct Bench<Driver: Device>: DeviceTable {
    var driver: Driver
    let waveform: Waveform
    var events = EventQueue()
    /// Names of events with the millisecond in which they were fetched.
    var noted: [String] = []

    init(_ driver: Driver, _ waveform: Waveform) {
        self.driver = driver
        self.waveform = waveform
    }

    /// A driver whose pins draw into a waveform of its own.
    init(_ make: (Waveform) -> Driver) {
        let waveform = Waveform()
        self.init(make(waveform), waveform)
    }

    static func declaration(_ index: UInt8) -> Declaration? { index == 0 ? Declaration("dut", Driver.self) : nil }
    mutating func reach(_ index: UInt8, _ request: inout DeviceRequest) { if index == 0 { request.reach(&driver) } }

    @discardableResult
    mutating func call(_ method: String, _ arguments: Int32...) -> CallResult {
        var list = Arguments()
        for argument in arguments { list.append(argument) }
        return call(method, list)
    }

    mutating func call(_ method: String, _ list: Arguments) -> CallResult {
        let device = Array("dut".utf8)
        let name = Array(method.utf8)
        return invoke(device: device.span.bytes, method: name.span.bytes, arguments: list)
    }

    /// Polls every millisecond.
    mutating func run(milliseconds: Int) {
        for _ in 0..<milliseconds {
            poll(Instant(microseconds: waveform.now))
            note()
            waveform.advance(microseconds: 1000)
        }
    }

    mutating func note() {
        while let event = nextEvent() {
            let name =
                event.kind == DeviceEvent.changed
                ? "changed" : Self.declaration(0)!.interface.event(Int(event.kind))!.description
            noted.append("\(name)@\(waveform.now / 1000)")
        }
    }

    var value: Int32? { state.kind == .none ? nil : state.integer }
    var state: Value { driver.state }
}

extension CallResult {
    /// What the tests compare: "done", "done 25", "argument 0: for 100..60000 ms", "fault notResponding"…
    var text: String {
        switch self {
        case .done(let value): value.kind == .none ? "done" : "done \(value.integer)"
        case .refused(.argument(let wrong)):
            "argument \(wrong.position): \(wrong.expected.name) \(wrong.expected.minimum)..\(wrong.expected.maximum) \(wrong.expected.unit)"
        case .refused(.tooManyArguments(let most)): "too many arguments, at most \(most)"
        case .refused(.unknownDevice): "unknown device"
        case .refused(.unknownMethod): "unknown method"
        case .refused(.fault(let fault)): "fault \(fault)"
        }
    }
}

/// `#expect(a == b)` for calls that change something or borrow, which the macro cannot take apart.
func expect<T: Equatable>(_ a: T, _ b: T, sourceLocation: SourceLocation = #_sourceLocation) {
    #expect(a == b, sourceLocation: sourceLocation)
}
