// The I2C controller (RM 18.3.3, master mode), polled, 100 kHz.

import HAL

extension Base {
    /// I2C1 (RM 18); clock: APB1ENR bit 21.
    public static var i2c1: UInt { 0x4000_5400 }
}

private enum Offset {
    static var control1: UInt32 { 0x00 }  // CR1: 0 PE, 8 START, 9 STOP, 10 ACK, 11 POS, 15 SWRST
    static var control2: UInt32 { 0x04 }  // CR2: 5:0 FREQ
    static var data: UInt32 { 0x10 }  // DR
    static var status1: UInt32 { 0x14 }  // SR1
    static var status2: UInt32 { 0x18 }  // SR2: 1 BUSY
    static var clock: UInt32 { 0x1C }  // CCR
    static var rise: UInt32 { 0x20 }  // TRISE
}

private enum Control {
    static var enable: UInt32 { 1 << 0 }
    static var start: UInt32 { 1 << 8 }
    static var stop: UInt32 { 1 << 9 }
    static var acknowledge: UInt32 { 1 << 10 }
    static var position: UInt32 { 1 << 11 }
    static var reset: UInt32 { 1 << 15 }
}

private enum Status {
    static var startSent: UInt32 { 1 << 0 }  // SB
    static var addressSent: UInt32 { 1 << 1 }  // ADDR
    static var byteFinished: UInt32 { 1 << 2 }  // BTF
    static var received: UInt32 { 1 << 6 }  // RXNE
    static var transmitEmpty: UInt32 { 1 << 7 }  // TXE
    static var busError: UInt32 { 1 << 8 }  // BERR
    static var arbitrationLost: UInt32 { 1 << 9 }  // ARLO
    static var noAcknowledge: UInt32 { 1 << 10 }  // AF
}

/// One of I2C1…I2C3. Every wait ends: after a timeout the controller is reset and configured anew.
public struct I2C<Registers: SharedRegisterBlock>: I2CBus, BitwiseCopyable, Sendable {
    let registers: Registers
    private let busHertz: UInt32

    /// Some 25 ms at 96 MHz: what SMBus allows a part to stretch the clock.
    static var patience: UInt32 { 200_000 }

    /// `busHertz`: the APB1 clock, at least 2 MHz.
    @inline(__always) public init(_ registers: Registers, busHertz: UInt32) {
        self.registers = registers
        self.busHertz = busHertz
    }

    /// Resets the controller and sets it to 100 kHz. Its clock must be on, and its pins handed over as open drain.
    public func configure() {
        let megahertz = busHertz / 1_000_000
        registers.store(Offset.control1, Control.reset)
        registers.store(Offset.control1, 0)
        registers.store(Offset.control2, megahertz)
        registers.store(Offset.clock, busHertz / 200_000)  // half a period of 100 kHz
        registers.store(Offset.rise, megahertz + 1)  // 1000 ns
        registers.store(Offset.control1, Control.enable)
    }

    public mutating func transfer(_ address: UInt8, write written: RawSpan, read: inout MutableRawSpan) throws(I2CError) {
        if !registers.wait(Offset.status2, 1 << 1, is: 0, patience: Self.patience) {
            configure()
            throw .busStuck
        }
        do throws(I2CError) {
            if written.byteCount > 0 || read.byteCount == 0 {
                try send(address, written)
            }
            if read.byteCount > 0 {
                try receive(address, &read)
            } else {
                registers.modify(Offset.control1, set: Control.stop)
            }
        } catch {
            registers.store(Offset.status1, 0)
            registers.modify(Offset.control1, set: Control.stop)
            if error == .timeout { configure() }
            throw error
        }
    }

    private func send(_ address: UInt8, _ bytes: RawSpan) throws(I2CError) {
        try start(address << 1)
        _ = registers.load(Offset.status2)  // clears ADDR
        for index in 0..<bytes.byteCount {
            try wait(Status.transmitEmpty)
            registers.store(Offset.data, UInt32(bytes.unsafeLoad(fromByteOffset: index, as: UInt8.self)))
        }
        if bytes.byteCount > 0 { try wait(Status.byteFinished) }
    }

    /// The last byte must be refused and the stop ordered before the one ahead of it is taken (RM 18.3.3, figures 164 to 166).
    private func receive(_ address: UInt8, _ bytes: inout MutableRawSpan) throws(I2CError) {
        let count = bytes.byteCount
        registers.modify(
            Offset.control1, clear: Control.acknowledge | Control.position,
            set: count == 2 ? Control.position | Control.acknowledge : count > 2 ? Control.acknowledge : 0)
        try start(address << 1 | 1)
        if count <= 2 { registers.modify(Offset.control1, clear: Control.acknowledge) }
        _ = registers.load(Offset.status2)  // clears ADDR
        if count == 1 {
            registers.modify(Offset.control1, set: Control.stop)
            try wait(Status.received)
            take(&bytes, 0)
            return
        }
        for index in 0..<(count - 2) {
            if index == count - 3 {
                try wait(Status.byteFinished)
                registers.modify(Offset.control1, clear: Control.acknowledge)
            } else {
                try wait(Status.received)
            }
            take(&bytes, index)
        }
        try wait(Status.byteFinished)
        registers.modify(Offset.control1, set: Control.stop)
        take(&bytes, count - 2)
        try wait(Status.received)
        take(&bytes, count - 1)
    }

    private func take(_ bytes: inout MutableRawSpan, _ index: Int) {
        bytes.storeBytes(of: UInt8(truncatingIfNeeded: registers.load(Offset.data)), toByteOffset: index, as: UInt8.self)
    }

    private func start(_ addressAndDirection: UInt8) throws(I2CError) {
        registers.modify(Offset.control1, set: Control.start)
        try wait(Status.startSent)
        registers.store(Offset.data, UInt32(addressAndDirection))
        do throws(I2CError) {
            try wait(Status.addressSent)
        } catch {
            throw error == .noDataAcknowledge ? .noAddressAcknowledge : error
        }
    }

    private func wait(_ flag: UInt32) throws(I2CError) {
        var left = Self.patience
        while left > 0 {
            let status = registers.load(Offset.status1)
            if status & Status.noAcknowledge != 0 { throw .noDataAcknowledge }
            if status & (Status.arbitrationLost | Status.busError) != 0 { throw .arbitrationLost }
            if status & flag != 0 { return }
            left -= 1
        }
        throw .timeout
    }
}
