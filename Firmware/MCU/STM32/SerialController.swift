// What the serial ports of the STM32F4 and L4 do alike (RM0383 19, RM0351 40): their registers lie elsewhere.

import HAL

/// A serial port, of which `receive` is for the interrupt and `write` for the main loop. Its clock must be on.
public protocol SerialController {
    associatedtype Registers: SharedRegisterBlock
    var registers: Registers { get }
    /// Offsets: bit 7 of `status` is room for a byte in `transmit`; `baudRate` divides the clock.
    static var status: UInt32 { get }
    static var transmit: UInt32 { get }
    static var baudRate: UInt32 { get }
    static var control1: UInt32 { get }
    /// The bit of `control1` that turns the port on; bits 2, 3 and 5 are receiver, transmitter and receive interrupt in both families.
    static var isOn: UInt32 { get }
}

extension SerialController {
    /// 8N1; receive interrupts on. `clock` is that of the port's bus.
    @inline(__always) public func configure(clock: UInt32, baud: UInt32 = 115_200) {
        registers.store(Self.control1, 0)
        registers.store(Self.baudRate, (clock + baud / 2) / baud)  // 16-fold oversampling
        registers.store(Self.control1, Self.isOn | 1 << 2 | 1 << 3 | 1 << 5)
    }

    /// Waits for room, at most a hundred times the length of a byte at 9600 baud and 100 MHz; a port that is off loses the byte.
    @inline(__always) public func write(_ byte: UInt8) {
        if registers.wait(Self.status, 1 << 7, is: 1 << 7, patience: 1_000_000) {
            registers.store(Self.transmit, UInt32(byte))
        }
    }
}
