// The serial peripheral interface as a master (RM 20), mode 0, eight bits, most significant bit first, chip select by software.

import HAL

extension Base {
    /// SPI1 (RM 20), on APB2.
    public static var spi1: UInt { 0x4001_3000 }
}

private enum Offset {
    static var control1: UInt32 { 0x00 }  // CR1: 0 CPHA, 1 CPOL, 2 MSTR, 5:3 BR, 6 SPE, 7 LSBFIRST, 8 SSI, 9 SSM, 11 DFF
    static var control2: UInt32 { 0x04 }  // CR2: interrupts and DMA, unused
    static var status: UInt32 { 0x08 }  // SR: 0 RXNE, 1 TXE, 7 BSY
    static var data: UInt32 { 0x0C }  // DR
}

/// SPI1 (PA5 SCK, PA6 MISO, PA7 MOSI by alternate function 5), SPI2 or SPI3. Hand the pins over and switch its clock on first.
public struct SPI<Registers: SharedRegisterBlock>: SPIBus, BitwiseCopyable, Sendable {
    let registers: Registers

    /// Touches nothing: `configure` sets the speed and turns the controller on.
    @inline(__always) public init(_ registers: Registers) { self.registers = registers }

    /// - Parameters:
    ///   - clock: the APB clock in hertz.
    ///   - hertz: at most this speed on the wire; the slowest is `clock` / 256.
    public func configure(clock: UInt32, hertz: UInt32) {
        // BR divides by 2 to the power of BR + 1.
        var divisor: UInt32 = 0
        while divisor < 7 && clock >> (divisor + 1) > hertz { divisor += 1 }
        registers.store(Offset.control1, 0)
        registers.store(Offset.control2, 0)
        // SSM with SSI: nobody else pulls the master's own select low, which would be a mode fault (RM 20.3.10).
        let mode: UInt32 = 1 << 2 | divisor << 3 | 1 << 8 | 1 << 9
        registers.store(Offset.control1, mode)
        registers.store(Offset.control1, mode | 1 << 6)
    }

    /// The controller drives the clock itself, so that a part cannot keep it; 0xFF when the peripheral has no clock.
    public mutating func exchange(_ byte: UInt8) -> UInt8 {
        guard registers.wait(Offset.status, 1 << 1, is: 1 << 1, patience: 10_000) else { return .max }
        registers.store(Offset.data, UInt32(byte))
        guard registers.wait(Offset.status, 1, is: 1, patience: 10_000) else { return .max }
        return UInt8(truncatingIfNeeded: registers.load(Offset.data))
    }
}
