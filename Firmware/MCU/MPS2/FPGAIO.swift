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

    /// USERLED0 or USERLED1.
    @inline(__always) public static func userLED(_ number: UInt32) -> Output { Output(latch: .fpgaio, mask: 1 << number) }
    /// One of the eight MCC LEDs.
    @inline(__always) public static func mccLED(_ number: UInt32) -> Output { Output(latch: .scc, mask: 1 << number) }

    private var register: Register { latch == .fpgaio ? FPGAIO.leds : SCC.leds }

    public mutating func setHigh() { register.store(register.load() | mask) }
    public mutating func setLow() { register.store(register.load() & ~mask) }
    public var isSetHigh: Bool { register.load() & mask != 0 }
}

/// A push button, high while pressed. QEMU does not model them: they are never pressed there.
public struct Input: InputPin, Sendable {
    let mask: UInt32
    /// USERPB0 or USERPB1.
    @inline(__always) public static func userButton(_ number: UInt32) -> Input { Input(mask: 1 << number) }
    public var isHigh: Bool { FPGAIO.buttons.load() & mask != 0 }
}
