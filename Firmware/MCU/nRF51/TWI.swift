// The two-wire interface, Nordic's I2C controller (RM 28), 100 kHz.

import HAL

/// Further registers of the controller (RM 28).
private enum Offset {
    static var stop: UInt32 { 0x014 }  // TASKS_STOP
    static var resume: UInt32 { 0x020 }  // TASKS_RESUME
    static var stopped: UInt32 { 0x104 }  // EVENTS_STOPPED
    static var received: UInt32 { 0x108 }  // EVENTS_RXDREADY
    static var sent: UInt32 { 0x11C }  // EVENTS_TXDSENT
    static var error: UInt32 { 0x124 }  // EVENTS_ERROR
    static var shortcuts: UInt32 { 0x200 }  // SHORTS: bit 0 a byte's boundary suspends, bit 1 it stops
    static var errorSource: UInt32 { 0x4C4 }  // ERRORSRC: bit 0 OVERRUN, 1 ANACK, 2 DNACK
    static var dataPin: UInt32 { 0x50C }  // PSELSDA
    static var address: UInt32 { 0x588 }
}

extension Base {
    /// TWI0 (RM 28) or SPI0 (RM 26).
    public static var serial0: UInt { 0x4000_3000 }
    /// TWI1 (RM 28) or SPI1 (RM 26).
    public static var serial1: UInt { 0x4000_4000 }
}

/// TWI0 or TWI1. Configure both pins as inputs with pull-ups, drive S0D1, first (RM 28.2). Every wait ends.
public struct TWI<Registers: SharedRegisterBlock>: I2CBus, BitwiseCopyable, Sendable {
    let registers: Registers

    /// Some 25 ms: what SMBus allows a part to stretch the clock.
    static var patience: UInt32 { 50_000 }

    /// Touches nothing: `configure` turns the controller on.
    @inline(__always) public init(_ registers: Registers) { self.registers = registers }

    /// Turns the controller on, at 100 kHz, with SCL and SDA at these pins: P0.n is n.
    public func configure(clock: UInt32, data: UInt32) {
        registers.store(SerialRegister.enable, 0)
        registers.store(SerialRegister.clockPin, clock)
        registers.store(Offset.dataPin, data)
        registers.store(SerialRegister.frequency, 0x0198_0000)  // K100
        registers.store(SerialRegister.enable, 5)
    }

    public mutating func transfer(_ address: UInt8, write written: RawSpan, read: inout MutableRawSpan) throws(I2CError) {
        registers.store(Offset.address, UInt32(address))
        registers.store(Offset.shortcuts, 0)
        registers.store(Offset.error, 0)
        registers.store(Offset.errorSource, 7)
        do throws(I2CError) {
            // The controller cannot send an address alone: to ask whether a part is there, one byte is read and dropped.
            if written.byteCount == 0 && read.byteCount == 0 {
                var one: InlineArray<1, UInt8> = [0]
                var span = one.mutableSpan
                var bytes = span.mutableBytes
                try receive(&bytes)
                return
            }
            if written.byteCount > 0 { try send(written) }
            if read.byteCount > 0 { try receive(&read) } else { try stop() }
        } catch {
            try? stop()
            throw error
        }
    }

    private func send(_ bytes: RawSpan) throws(I2CError) {
        for index in 0..<bytes.byteCount {
            registers.store(Offset.sent, 0)
            registers.store(SerialRegister.sent, UInt32(bytes.unsafeLoad(fromByteOffset: index, as: UInt8.self)))
            if index == 0 { registers.store(SerialRegister.startTransmit, 1) }
            try wait(Offset.sent)
        }
    }

    /// The bus is suspended after each byte, and stopped after the last: the shortcut must stand before the byte ahead is taken.
    private func receive(_ bytes: inout MutableRawSpan) throws(I2CError) {
        let count = bytes.byteCount
        registers.store(Offset.shortcuts, count == 1 ? 2 : 1)
        registers.store(Offset.received, 0)
        registers.store(Offset.stopped, 0)
        registers.store(SerialRegister.startReceive, 1)
        for index in 0..<count {
            try wait(Offset.received)
            registers.store(Offset.received, 0)
            if index == count - 2 { registers.store(Offset.shortcuts, 2) }
            let byte = UInt8(truncatingIfNeeded: registers.load(SerialRegister.received))
            bytes.storeBytes(of: byte, toByteOffset: index, as: UInt8.self)
            if index < count - 1 { registers.store(Offset.resume, 1) }
        }
        try wait(Offset.stopped)
    }

    private func stop() throws(I2CError) {
        registers.store(Offset.shortcuts, 0)
        registers.store(Offset.stopped, 0)
        registers.store(Offset.resume, 1)
        registers.store(Offset.stop, 1)
        if !registers.wait(Offset.stopped, 1, is: 1, patience: Self.patience) { throw .busStuck }
    }

    private func wait(_ event: UInt32) throws(I2CError) {
        var left = Self.patience
        while left > 0 {
            if registers.load(Offset.error) != 0 {
                let source = registers.load(Offset.errorSource)
                registers.store(Offset.error, 0)
                throw source & 2 != 0 ? .noAddressAcknowledge : .noDataAcknowledge
            }
            if registers.load(event) != 0 { return }
            left -= 1
        }
        throw .timeout
    }
}
