// The board's I2C lines on the Arduino shield connectors: the serial bus controller "SBCon" (AN386, 3.7; PL081-style two-wire
// interface) only sets and reads the lines.

import HAL

/// CONTROL reads the lines (bit 0 SCL, bit 1 SDA); writing 1 to CONTROLS releases a line, to CONTROLC pulls it low.
public struct ShieldI2C: OpenDrainLines {
    private let base: UInt

    /// Shield 0 or 1.
    @inline(__always) public init(shield: UInt) { base = 0x4002_9000 + shield * 0x1000 }

    public mutating func setClock(released: Bool) { Register(base + (released ? 0 : 4)).store(1) }
    public mutating func setData(released: Bool) { Register(base + (released ? 0 : 4)).store(2) }
    public var isClockHigh: Bool { Register(base).load() & 1 != 0 }
    public var isDataHigh: Bool { Register(base).load() & 2 != 0 }

    public func waitHalfBit() {
        let start = Register(0x4000_0004).load()  // timer 0 counts down, 25 to the microsecond
        var passed: UInt32 = 0
        while passed < 125 {
            let now = Register(0x4000_0004).load()
            passed = start >= now ? start &- now : 125
        }
    }
}
