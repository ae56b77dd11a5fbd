// The board's own LEDs and buttons: FPGA system control and I/O (AN386, 4.5) and the SCC's user LEDs (AN386, 4.6).

import HAL

private enum FPGAIO {
    static let base: UInt = 0x4002_8000
    static let leds = Register(base + 0x00)  // LED0: bits 1:0 USERLED1, USERLED0
    static let buttons = Register(base + 0x08)  // bits 1:0 USERPB1, USERPB0, 1 while pressed
}

private enum SCC {
    static let leds = Register(0x4002_F004)  // CFG_REG1: bits 7:0 the MCC's user LEDs
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
    public func configure(high: Bool) { register.store(high ? register.load() | mask : register.load() & ~mask) }

    private var register: Register { latch == .fpgaio ? FPGAIO.leds : SCC.leds }

    public mutating func setHigh() { register.store(register.load() | mask) }
    public mutating func setLow() { register.store(register.load() & ~mask) }
    public var isSetHigh: Bool { register.load() & mask != 0 }
}

/// A push button, high while pressed. QEMU does not model them: they are never pressed there.
public struct Input: InputPin, Sendable {
    let mask: UInt32
    /// By a board's number: 32 and 33 are USERPB0 and USERPB1.
    @inline(__always) public init(_ place: UInt32) { mask = 1 << (place & 15) }
    /// The buttons are inputs always.
    @inline(__always) public func configure() {}
    public var isHigh: Bool { FPGAIO.buttons.load() & mask != 0 }
}
