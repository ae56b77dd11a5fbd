// The board's own LEDs and buttons: FPGA system control and I/O (AN386, 4.5) and the SCC's user LEDs (AN386, 4.6).

import HAL

extension Base {
    /// FPGA system control and I/O (AN386, 4.5): LEDs and buttons.
    public static var fpgaio: UInt { 0x4002_8000 }
    /// SCC registers (AN386, 4.6): the MCC's LEDs.
    public static var scc: UInt { 0x4002_F000 }
}

/// Registers of both (AN386, 4.5 and 4.6).
private enum Offset {
    static var leds: UInt32 { 0x00 }  // FPGAIO LED0: bits 1:0 USERLED1, USERLED0
    static var buttons: UInt32 { 0x08 }  // FPGAIO BUTTON: bits 1:0 USERPB1, USERPB0, 1 while pressed
    static var mccLEDs: UInt32 { 0x04 }  // SCC CFG_REG1: bits 7:0 the MCC's user LEDs
}

/// A bit of a latch that only the main loop writes.
public struct Output: OutputPin, Sendable {
    enum Latch: UInt8, Sendable {
        case fpgaio
        case scc
    }
    let latch: Latch
    let mask: UInt32

    /// By a board's number: 0 and 1 the user LEDs, 16 to 23 the MCC's.
    @inline(__always) public init(_ place: UInt32) { self.init(latch: place < 16 ? .fpgaio : .scc, mask: 1 << (place & 15)) }
    @inline(__always) init(latch: Latch, mask: UInt32) { (self.latch, self.mask) = (latch, mask) }

    /// Puts the latch, which resets to low, at the safe level.
    public func configure(high: Bool) { write(high) }

    private func write(_ high: Bool) { block.modify(offset, clear: mask, set: high ? mask : 0) }
    private var block: Peripheral { Peripheral(latch == .fpgaio ? Base.fpgaio : Base.scc) }
    private var offset: UInt32 { latch == .fpgaio ? Offset.leds : Offset.mccLEDs }

    public mutating func setHigh() { write(true) }
    public mutating func setLow() { write(false) }
    public var isSetHigh: Bool { block.load(offset) & mask != 0 }
}

/// A push button, high while pressed. QEMU does not model them: they are never pressed there.
public struct Input: InputPin, Sendable {
    let mask: UInt32
    /// By a board's number: 32 and 33 are USERPB0 and USERPB1.
    @inline(__always) public init(_ place: UInt32) { mask = 1 << (place & 15) }
    /// The buttons are inputs always.
    @inline(__always) public func configure() {}
    public var isHigh: Bool { Peripheral(Base.fpgaio).load(Offset.buttons) & mask != 0 }
}
