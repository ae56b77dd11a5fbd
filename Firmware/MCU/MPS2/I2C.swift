// The board's I2C lines on the Arduino shield connectors: the serial bus controller "SBCon" (AN386, 3.7; PL081-style two-wire
// interface) only sets and reads the lines.

import HAL

extension Base {
    /// SBCon of shield 0 (AN386, 3.7); that of shield 1 is 0x1000 higher.
    public static var shieldI2C: UInt { 0x4002_9000 }
}

/// Registers of the controller (AN386, 3.7). CONTROL reads the lines; writing 1 to CONTROLS releases a line, to CONTROLC pulls it low.
private enum Offset {
    static var control: UInt32 { 0x0 }  // CONTROL, CONTROLS: bit 0 SCL, 1 SDA
    static var pull: UInt32 { 0x4 }  // CONTROLC
}

/// The two lines of a shield.
public struct ShieldI2C: OpenDrainLines {
    private let controller: Peripheral

    /// Shield 0 or 1.
    @inline(__always) public init(shield: UInt) { controller = Peripheral(Base.shieldI2C + shield * 0x1000) }

    public mutating func setClock(released: Bool) { controller.store(released ? Offset.control : Offset.pull, 1) }
    public mutating func setData(released: Bool) { controller.store(released ? Offset.control : Offset.pull, 2) }
    public var isClockHigh: Bool { controller.load(Offset.control) & 1 != 0 }
    public var isDataHigh: Bool { controller.load(Offset.control) & 2 != 0 }

    public func waitHalfBit() {
        let timer = Peripheral(Base.timer0)  // counts down, 25 to the microsecond
        let start = timer.load(TimerRegister.value)
        var passed: UInt32 = 0
        while passed < 125 {
            let now = timer.load(TimerRegister.value)
            passed = start >= now ? start &- now : 125
        }
    }
}
