// I2C by software, for parts without a controller (NXP UM10204, 3.1).

import HAL

/// A controller that is alone on its bus. Frees a bus on which a part was interrupted while it sent (3.1.16).
public struct BitBangI2C<Lines: OpenDrainLines>: I2CBus, BitwiseCopyable, Sendable {
    private var lines: Lines

    /// Touches no line: every transfer frees the bus before it begins.
    @inline(__always) public init(_ lines: Lines) { self.lines = lines }

    public mutating func transfer(_ address: UInt8, write written: RawSpan, read: inout MutableRawSpan) throws(I2CError) {
        try free()
        do throws(I2CError) {
            if written.byteCount > 0 || read.byteCount == 0 {
                try start(address << 1)
                for index in 0..<written.byteCount {
                    let byte = written.unsafeLoad(fromByteOffset: index, as: UInt8.self)
                    if try !send(byte) { throw .noDataAcknowledge }
                }
            }
            if read.byteCount > 0 {
                try start(address << 1 | 1)
                for index in 0..<read.byteCount {
                    let byte = try receive(isLast: index == read.byteCount - 1)
                    read.storeBytes(of: byte, toByteOffset: index, as: UInt8.self)
                }
            }
        } catch {
            try? stop()
            throw error
        }
        try stop()
    }

    /// Both lines high; up to nine clocks let a part finish the byte that it was sending.
    private mutating func free() throws(I2CError) {
        lines.setData(released: true)
        try raiseClock()
        var clocks = 0
        while !lines.isDataHigh {
            if clocks == 9 { throw .busStuck }
            clocks += 1
            lines.setClock(released: false)
            lines.waitHalfBit()
            try raiseClock()
        }
    }

    /// A start, or a repeated one, and the address.
    private mutating func start(_ addressAndDirection: UInt8) throws(I2CError) {
        lines.setData(released: true)
        try raiseClock()
        lines.setData(released: false)
        lines.waitHalfBit()
        lines.setClock(released: false)
        lines.waitHalfBit()
        if try !send(addressAndDirection) { throw .noAddressAcknowledge }
    }

    private mutating func stop() throws(I2CError) {
        lines.setData(released: false)
        lines.waitHalfBit()
        try raiseClock()
        lines.setData(released: true)
        lines.waitHalfBit()
    }

    /// True when the part acknowledges.
    private mutating func send(_ byte: UInt8) throws(I2CError) -> Bool {
        for bit in 0..<8 { _ = try exchange(byte & (0x80 >> UInt8(bit)) != 0) }
        return try !exchange(true)
    }

    private mutating func receive(isLast: Bool) throws(I2CError) -> UInt8 {
        var byte: UInt8 = 0
        for _ in 0..<8 { byte = byte << 1 | (try exchange(true) ? 1 : 0) }
        _ = try exchange(isLast)
        return byte
    }

    /// One clock: puts a bit on the line and returns what is there.
    private mutating func exchange(_ bit: Bool) throws(I2CError) -> Bool {
        lines.setData(released: bit)
        lines.waitHalfBit()
        try raiseClock()
        let result = lines.isDataHigh
        lines.setClock(released: false)
        lines.waitHalfBit()
        return result
    }

    /// Lets a part stretch the clock for up to 25 ms, as SMBus allows.
    private mutating func raiseClock() throws(I2CError) {
        lines.setClock(released: true)
        var patience = 5000
        repeat {
            lines.waitHalfBit()
            if lines.isClockHigh { return }
            patience -= 1
        } while patience > 0
        throw .busStuck
    }
}
