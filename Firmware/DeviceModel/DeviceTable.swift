// All devices of a node, by name from the wire and by index inside: what the executor is generic over.

import Bytes
import HAL

/// The devices of a board. `declaration` and `reach` are made from the rows of its board.json; the rest comes with them.
///
/// Indices of devices and methods are small, dense and stable for an image, so a journal stores two bytes for "lock.open".
public protocol DeviceTable {
    /// What device `index` is; nil past the last (at most 16).
    static func declaration(_ index: UInt8) -> Declaration?
    /// Hands device `index` to `request`: `case .led: request.reach(&led)`.
    mutating func reach(_ index: UInt8, _ request: inout DeviceRequest)
    /// Where events wait to be fetched.
    var events: EventQueue { get set }
    /// A device of the board counts what must outlive a reboot (`Device.retained`). Without one a node has no code for it.
    static var keepsCounts: Bool { get }
}

/// What the table asks of one device. Boards pass it on and do not look inside.
public struct DeviceRequest: ~Copyable {
    private let inMemory = InMemory()
    enum Operation: UInt8 {
        case invoke
        case poll
        case enterSafeState
        case readState
        case readRetained
        case restore
    }
    var operation: Operation
    var method: UInt8 = 0
    /// Raw value of a `DeviceFault`; 0 for none.
    var fault: UInt8 = 0
    /// An event's number; `DeviceEvent.changed` for none.
    var event = DeviceEvent.changed
    var now = Instant(ticks: 0)
    /// A result or a state.
    var value = Value.none
    var retained: Int32?
    var arguments = Arguments()

    @inline(never)
    init(_ operation: Operation) { self.operation = operation }

    /// Does what is asked to `device`: the one place where a driver's code is reached.
    @inline(never)
    public mutating func reach<D: Device>(_ device: inout D) {
        switch operation {
        case .invoke:
            do throws(DeviceFault) {
                value = try device.invoke(method, arguments)
            } catch {
                fault = error.rawValue
            }
        case .poll: if let number = device.poll(now) { event = number }
        case .enterSafeState: device.enterSafeState()
        case .readState: value = device.state
        case .readRetained: retained = device.retained
        case .restore: if let retained { device.restore(retained) }
        }
    }
}

extension DeviceTable {
    @inline(__always) public static var keepsCounts: Bool { false }

    /// `declaration`, once in the image.
    @inline(never)
    public static func describe(_ index: UInt8) -> Declaration? { declaration(index) }

    /// Number of devices.
    public static var count: UInt8 {
        @inline(never) get {
            var index: UInt8 = 0
            while describe(index) != nil { index += 1 }
            return index
        }
    }

    /// The index of the device called `name`.
    @inline(never)
    public static func find(_ name: RawSpan) -> UInt8? {
        var index: UInt8 = 0
        while let device = describe(index) {
            if device.name.matches(name) { return index }
            index += 1
        }
        return nil
    }

    /// The index of the method called `name` of device `device`.
    @inline(never)
    public static func find(_ name: RawSpan, of device: UInt8) -> UInt8? {
        guard let interface = describe(device)?.interface else { return nil }
        var index: UInt8 = 0
        while let method = interface.method(Int(index)) {
            if method.name.matches(name) { return index }
            index += 1
        }
        return nil
    }

    /// Says why `arguments` would be refused, or nil; fills in what was left out. Nothing moves.
    @inline(never)
    public static func check(_ arguments: inout Arguments, device: UInt8, method: UInt8) -> CallRefusal? {
        guard let device = describe(device) else { return .unknownDevice }
        guard let signature = device.interface.method(Int(method)) else { return .unknownMethod }
        return arguments.complete(for: signature)
    }

    /// Checks, then obeys.
    @inline(never)
    public mutating func invoke(device: UInt8, method: UInt8, arguments: borrowing Arguments) -> CallResult {
        var request = DeviceRequest(.invoke)
        request.arguments = copy arguments
        if let refusal = Self.check(&request.arguments, device: device, method: method) { return .refused(refusal) }
        request.method = method
        perform(device, &request)
        if let fault = DeviceFault(rawValue: request.fault) { return .refused(.fault(fault)) }
        return .done(request.value)
    }

    /// Finds device and method by their names from a wire (UTF-8), checks, then obeys.
    public mutating func invoke(device: RawSpan, method: RawSpan, arguments: borrowing Arguments) -> CallResult {
        guard let index = Self.find(device) else { return .refused(.unknownDevice) }
        guard let number = Self.find(method, of: index) else { return .refused(.unknownMethod) }
        return invoke(device: index, method: number, arguments: arguments)
    }

    /// The state of a device as last set or measured.
    @inline(never)
    public mutating func state(of device: UInt8) -> Value {
        var request = DeviceRequest(.readState)
        reach(device, &request)
        return request.value
    }

    /// What a device wants to have back after a reboot; nil when it wants nothing.
    public mutating func retained(by device: UInt8) -> Int32? {
        var request = DeviceRequest(.readRetained)
        reach(device, &request)
        return request.retained
    }

    /// Gives it back, once, before the first poll.
    public mutating func restore(_ retained: Int32, to device: UInt8) {
        var request = DeviceRequest(.restore)
        request.retained = retained
        reach(device, &request)
    }

    /// Lets every device do what time demands. Call it every few milliseconds.
    @inline(never)
    public mutating func poll(_ now: Instant) {
        var index: UInt8 = 0
        while Self.describe(index) != nil {
            var request = DeviceRequest(.poll)
            request.now = now
            perform(index, &request)
            index += 1
        }
    }

    /// One device to its safe state: its user's right has expired.
    @inline(never)
    public mutating func enterSafeState(device: UInt8) {
        var request = DeviceRequest(.enterSafeState)
        perform(device, &request)
    }

    /// All devices to their safe state: at boot, on a fault, when the owner is gone.
    @inline(never)
    public mutating func enterSafeState() {
        for index in 0..<Self.count { enterSafeState(device: index) }
    }

    /// The oldest event not yet fetched.
    @inline(never)
    public mutating func nextEvent() -> DeviceEvent? { events.next() }

    /// Reaches the device and queues what happened there, a change of its state last.
    @inline(never)
    private mutating func perform(_ device: UInt8, _ request: inout DeviceRequest) {
        let before = state(of: device)
        reach(device, &request)
        let after = state(of: device)
        if request.event != DeviceEvent.changed { events.append(DeviceEvent(device: device, kind: request.event, value: after)) }
        if after != before { events.append(DeviceEvent(device: device, kind: DeviceEvent.changed, value: after)) }
    }
}
