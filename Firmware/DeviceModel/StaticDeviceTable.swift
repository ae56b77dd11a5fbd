// The devices of a board as one table that an image has once.

import HAL

/// A table that needs no owner: its devices are the image's only ones. Every board's table is.
public protocol StaticDeviceTable: DeviceTable {
    /// A value that reaches the image's devices. It holds nothing itself: any number may be made.
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

extension OutputPin {
    /// The light of a reset by hand: it changes with each second that is left, and is off at the end.
    @inline(__always) public mutating func showReset(in seconds: UInt8) { if seconds & 1 == 0 { setLow() } else { setHigh() } }
}
