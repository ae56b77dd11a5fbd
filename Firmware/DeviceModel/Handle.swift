// `` `$`("led").on() ``: devices by name in an application's own source. A name that the board has not, or a method that the device
// has not, is an error when the image is linked: the check below is decided by the optimiser, and where it fails a call to a
// function that does not exist remains, whose name says what is wrong and whose place the linker reports.

import Bytes

/// A table that needs no owner: its devices are the image's only ones. Every board's table is.
public protocol StaticDeviceTable: DeviceTable {
    init()
    /// True while the button is down that, held from power-on on, takes the device from its owner. Boards without one leave it out.
    static var isResetButtonDown: Bool { get }
    /// Shows on a light that the reset comes in `seconds`; 0 puts the light out.
    static func showReset(in seconds: UInt8)
}

extension StaticDeviceTable {
    @inline(__always) public static var isResetButtonDown: Bool { false }
    @inline(__always) public static func showReset(in seconds: UInt8) {}
}

/// One device of an application's board. Drivers add their methods to it, as extensions, each in the driver's own file.
public struct DeviceHandle<Table: StaticDeviceTable>: Sendable {
    let index: UInt8

    /// The device called `name`, which must be a literal.
    @inline(__always)
    public init(_ name: StaticString) {
        index = BuildTime.index(name, Table.self)
    }

    /// Calls method `method` of an interface, given as the text that the device's own interface must begin with.
    @inline(__always)
    @discardableResult
    public func call(_ method: UInt8, of interface: StaticString) -> CallResult {
        BuildTime.require(interface, Table.declaration(index))
        return DeviceHandle.perform(index, method, 0, 0, 0)
    }

    @inline(__always)
    @discardableResult
    public func call(_ method: UInt8, of interface: StaticString, _ argument: Int32) -> CallResult {
        BuildTime.require(interface, Table.declaration(index))
        return DeviceHandle.perform(index, method, 1, argument, 0)
    }

    @inline(__always)
    @discardableResult
    public func call(_ method: UInt8, of interface: StaticString, _ first: Int32, _ second: Int32) -> CallResult {
        BuildTime.require(interface, Table.declaration(index))
        return DeviceHandle.perform(index, method, 2, first, second)
    }

    /// True when `event` says that this device's state has changed.
    @inline(__always)
    public func hasChanged(in event: DeviceEvent) -> Bool { event.device == index && event.kind == DeviceEvent.changed }

    /// True when `event` is number `kind` of this device's own, whose interface must begin with the text given.
    @inline(__always)
    public func raised(_ kind: UInt8, of interface: StaticString, in event: DeviceEvent) -> Bool {
        BuildTime.require(interface, Table.declaration(index))
        return event.device == index && event.kind == kind
    }

    /// The state as last set or measured.
    public var state: Value {
        var table = Table()
        return table.state(of: index)
    }

    /// Calls with the first `count` of the arguments.
    @inline(never)
    static func perform(_ index: UInt8, _ method: UInt8, _ count: Int, _ first: Int32, _ second: Int32) -> CallResult {
        var table = Table()
        var arguments = Arguments()
        if count > 0 { arguments.append(first) }
        if count > 1 { arguments.append(second) }
        return table.invoke(device: index, method: method, arguments: arguments)
    }
}

/// Checks that leave no code behind when they hold.
enum BuildTime {
    @inline(__always)
    static func index<Table: DeviceTable>(_ name: StaticString, _ table: Table.Type) -> UInt8 {
        if isName(name, of: 0, table) { return 0 }
        if isName(name, of: 1, table) { return 1 }
        if isName(name, of: 2, table) { return 2 }
        if isName(name, of: 3, table) { return 3 }
        if isName(name, of: 4, table) { return 4 }
        if isName(name, of: 5, table) { return 5 }
        if isName(name, of: 6, table) { return 6 }
        if isName(name, of: 7, table) { return 7 }
        if isName(name, of: 8, table) { return 8 }
        if isName(name, of: 9, table) { return 9 }
        if isName(name, of: 10, table) { return 10 }
        if isName(name, of: 11, table) { return 11 }
        if isName(name, of: 12, table) { return 12 }
        if isName(name, of: 13, table) { return 13 }
        if isName(name, of: 14, table) { return 14 }
        if isName(name, of: 15, table) { return 15 }
        noSuchDevice()
        return 0
    }

    @inline(__always)
    static func isName<Table: DeviceTable>(_ name: StaticString, of index: UInt8, _ table: Table.Type) -> Bool {
        guard let device = Table.declaration(index) else { return false }
        return device.name.count == name.utf8CodeUnitCount
            && compareMemory(device.name.start, name.utf8Start, UInt(bitPattern: name.utf8CodeUnitCount)) == 0
    }

    @inline(__always)
    static func require(_ interface: StaticString, _ declaration: Declaration?) {
        let count = interface.utf8CodeUnitCount
        guard let text = declaration?.interface.text, text.count > count,
            compareMemory(text.start, interface.utf8Start, UInt(bitPattern: count)) == 0
        else {
            noSuchMethod()
            return
        }
    }
}

@_extern(c, "memcmp")
func compareMemory(_ a: UnsafePointer<UInt8>, _ b: UnsafePointer<UInt8>, _ count: UInt) -> Int32

#if hasFeature(Embedded)
@_extern(c, "ERROR_this_board_has_no_device_of_that_name")
func noSuchDevice()
@_extern(c, "ERROR_this_device_has_no_such_method")
func noSuchMethod()
#else
func noSuchDevice() { fatalError("this board has no device of that name") }
func noSuchMethod() { fatalError("this device has no such method") }
#endif
