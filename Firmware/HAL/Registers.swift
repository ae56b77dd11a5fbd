// Peripheral registers behind a protocol, so that a driver runs on a host against a model of its peripheral.

/// The 32-bit registers of one peripheral, or the words of a memory, by byte offset from its base address.
public protocol RegisterBlock {
    func load(_ offset: UInt32) -> UInt32
    mutating func store(_ offset: UInt32, _ value: UInt32)
}

extension RegisterBlock {
    /// Sets the bits of `mask`.
    @inline(__always) public mutating func set(_ offset: UInt32, _ mask: UInt32) { store(offset, load(offset) | mask) }
    /// Clears the bits of `mask`.
    @inline(__always) public mutating func clear(_ offset: UInt32, _ mask: UInt32) { store(offset, load(offset) & ~mask) }
}
