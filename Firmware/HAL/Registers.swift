// Registers as a driver sees them, so that it runs on a chip and, in tests, on a model of the chip.

/// The registers of one peripheral.
public protocol RegisterBlock: Sendable {
    /// Reads the 32-bit register at `offset` bytes from the peripheral's base. May have side effects, as the part's manual says.
    func load(_ offset: UInt32) -> UInt32
    /// Writes it.
    func store(_ offset: UInt32, _ value: UInt32)
}

extension RegisterBlock {
    /// Reads, clears the bits of `clear`, sets those of `set`, and writes. Not for registers that an interrupt handler writes too.
    @inline(__always)
    public func modify(_ offset: UInt32, clear: UInt32 = 0, set: UInt32 = 0) { store(offset, load(offset) & ~clear | set) }

    /// Reads until all bits of `mask` equal those of `value`, at most `patience` times; false when they never did.
    public func wait(_ offset: UInt32, _ mask: UInt32, is value: UInt32, patience: UInt32) -> Bool {
        var left = patience
        while left > 0 {
            if load(offset) & mask == value { return true }
            left -= 1
        }
        return false
    }
}
