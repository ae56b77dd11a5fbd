// One device of the board (R15), and what every one can be asked.

@_exported import Board
import Bytes

/// A device that `` `$` `` names. Say what it is to do on the same line: a handle that was put away is not known to the compiler any more.
@frozen
public struct DeviceHandle: BitwiseCopyable {
    @usableFromInline let name: DeviceName
    @usableFromInline let index: UInt8

    @_transparent @usableFromInline
    init(_ name: DeviceName) {
        self.name = name
        index = BoardDevices.index(of: name.text)
    }

    /// Calls the method that the device's interface calls `method`. Check with `BoardDevices.answers` first that it has one.
    @inline(never)
    public static func call(_ index: UInt8, _ method: FlashText, _ arguments: Arguments) -> CallResult {
        guard let number = BoardDevices.find(method.bytes, of: index) else { return .refused(.unknownMethod) }
        var table = BoardDevices()
        return table.invoke(device: index, method: number, arguments: arguments)
    }

    /// True when `event` is that one of this device's own events.
    @inline(never)
    public static func raised(_ index: UInt8, _ event: FlashText, in happened: DeviceEvent) -> Bool {
        guard happened.device == index, let name = BoardDevices.describe(index)?.interface.event(Int(happened.kind)) else {
            return false
        }
        return name.matches(event.bytes)
    }

    /// True when `event` says that this device's state has changed.
    @inline(__always)
    public func hasChanged(in event: DeviceEvent) -> Bool { event.device == index && event.kind == DeviceEvent.changed }

    /// The state as last set or measured.
    public var state: Value {
        var table = BoardDevices()
        return table.state(of: index)
    }
}

extension DeviceHandle {
    @inline(__always) @usableFromInline
    func call(_ method: StaticString) -> CallResult { DeviceHandle.call(index, FlashText(method), Arguments()) }

    @inline(__always) @usableFromInline
    func call(_ method: StaticString, _ first: Int32) -> CallResult {
        DeviceHandle.call(index, FlashText(method), DeviceHandle.arguments(1, first, 0))
    }

    @inline(__always) @usableFromInline
    func call(_ method: StaticString, _ first: Int32, _ second: Int32) -> CallResult {
        DeviceHandle.call(index, FlashText(method), DeviceHandle.arguments(2, first, second))
    }

    @inline(__always) @usableFromInline
    func raised(_ event: StaticString, in happened: DeviceEvent) -> Bool {
        DeviceHandle.raised(index, FlashText(event), in: happened)
    }

    @inline(never)
    static func arguments(_ count: Int, _ first: Int32, _ second: Int32) -> Arguments {
        var arguments = Arguments()
        arguments.append(first)
        if count > 1 { arguments.append(second) }
        return arguments
    }
}
