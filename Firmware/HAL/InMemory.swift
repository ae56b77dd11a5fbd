// A member that keeps a large struct in one place in memory.

import Synchronization

/// A struct with such a member is handled by address. Without it the compiler treats a struct as a value, however large, and a method that
/// only reads one element of an array in it first copies all of it to the stack: a kilobyte, on a chip with sixteen.
///
///     struct Table: ~Copyable {
///         private let inMemory = InMemory()
///         var slots = InlineArray<64, UInt64>(repeating: 0)
///     }
public struct InMemory: ~Copyable, Sendable {
    /// An atomic has an address of its own, and so has whatever contains one.
    private let anchor = Atomic<UInt8>(0)
    /// Costs one byte of the struct, which nothing writes.
    @inline(__always) public init() {}
}
