// The serial peripheral interface, master (RM 26), mode 0, 1 MHz, most significant bit first.

import HAL

/// Further registers of the port (RM 26).
private enum Offset {
    static var ready: UInt32 { 0x108 }  // EVENTS_READY
    static var outputPin: UInt32 { 0x50C }  // PSELMOSI
    static var inputPin: UInt32 { 0x510 }  // PSELMISO
    static var configuration: UInt32 { 0x554 }  // CONFIG
}

/// SPI0 or SPI1. Configure SCK and MOSI as outputs and MISO as an input first (RM 26.2).
public struct SPI<Registers: SharedRegisterBlock>: SPIBus, BitwiseCopyable, Sendable {
    let registers: Registers

    /// Touches nothing: `configure` turns the controller on.
    @inline(__always) public init(_ registers: Registers) { self.registers = registers }

    /// Turns the controller on, at 1 MHz in mode 0, with SCK, MOSI and MISO at these pins: P0.n is n.
    public func configure(clock: UInt32, output: UInt32, input: UInt32) {
        registers.store(SerialRegister.enable, 0)
        registers.store(SerialRegister.clockPin, clock)
        registers.store(Offset.outputPin, output)
        registers.store(Offset.inputPin, input)
        registers.store(SerialRegister.frequency, 0x1000_0000)  // M1
        registers.store(Offset.configuration, 0)
        registers.store(Offset.ready, 0)
        registers.store(SerialRegister.enable, 1)
    }

    /// 8 µs. The controller drives the clock itself, so that a part cannot keep it.
    public mutating func exchange(_ byte: UInt8) -> UInt8 {
        registers.store(SerialRegister.sent, UInt32(byte))
        _ = registers.wait(Offset.ready, 1, is: 1, patience: 1000)
        registers.store(Offset.ready, 0)
        return UInt8(truncatingIfNeeded: registers.load(SerialRegister.received))
    }
}
