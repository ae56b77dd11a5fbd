// Peripheral registers behind a protocol, so that a driver runs on a host against a model of its peripheral.

/// The 32-bit registers of one peripheral, or the words of a memory, by byte offset from its base address.
public protocol RegisterBlock {
    /// Reads the register at `offset`, a multiple of 4. Reading may change a peripheral's state, such as that of a receive
    /// register.
    func load(_ offset: UInt32) -> UInt32
    /// Writes all 32 bits of the register at `offset`, a multiple of 4.
    mutating func store(_ offset: UInt32, _ value: UInt32)
}

extension RegisterBlock {
    /// Sets the bits of `mask`.
    @inline(__always) public mutating func set(_ offset: UInt32, _ mask: UInt32) { store(offset, load(offset) | mask) }
    /// Clears the bits of `mask`.
    @inline(__always) public mutating func clear(_ offset: UInt32, _ mask: UInt32) { store(offset, load(offset) & ~mask) }
}

/// Registers whose value is only a name for them: every copy reaches the same ones, so many drivers may hold one.
public protocol SharedRegisterBlock: RegisterBlock, BitwiseCopyable, Sendable {
    /// As that of `RegisterBlock`, without changing the value that names the registers.
    func store(_ offset: UInt32, _ value: UInt32)
}

extension SharedRegisterBlock {
    /// Reads, clears the bits of `clear`, sets those of `set`, and writes. Not for registers that an interrupt handler writes too.
    @inline(__always)
    public func modify(_ offset: UInt32, clear: UInt32 = 0, set: UInt32 = 0) { store(offset, load(offset) & ~clear | set) }

    /// Reads until the bits of `mask` are those of `value`, at most `patience` times; false when they never were.
    public func wait(_ offset: UInt32, _ mask: UInt32, is value: UInt32, patience: UInt32) -> Bool {
        var left = patience
        while left > 0 {
            if load(offset) & mask == value { return true }
            left -= 1
        }
        return false
    }
}
