// A queue of bytes between one interrupt handler and the main loop, without locks and without masking interrupts.

import Synchronization

/// A single-producer, single-consumer ring of `capacity - 1` bytes; `capacity` is a power of two.
///
/// The producer alone moves `head`, the consumer alone moves `tail`, and each is published by a release store after the slot was
/// written or read. Only loads and stores of aligned words are needed, so it is sound on ARMv6-M, which has no exclusive access.
public struct ByteRing<let capacity: Int>: ~Copyable {
    private var slots = InlineArray<capacity, UInt8>(repeating: 0)
    private let head = Atomic<UInt32>(0)
    private let tail = Atomic<UInt32>(0)
    private let lost = Atomic<UInt32>(0)

    /// Empty, with no byte lost. Keep it where interrupt handler and main loop reach it; it must not be moved while in use.
    public init() {}

    /// Producer only. A byte that finds no room is counted in `overruns` and dropped.
    @inline(__always)
    public mutating func push(_ byte: UInt8) {
        let at = head.load(ordering: .relaxed)
        let next = (at &+ 1) & UInt32(truncatingIfNeeded: capacity &- 1)
        if next == tail.load(ordering: .acquiring) {
            countLoss()
            return
        }
        unsafe slots[unchecked: Int(at)] = byte
        head.store(next, ordering: .releasing)
    }

    /// Consumer only. The oldest byte, or nil when the ring is empty.
    @inline(__always)
    public mutating func pop() -> UInt8? {
        let at = tail.load(ordering: .relaxed)
        if at == head.load(ordering: .acquiring) { return nil }
        let byte = unsafe slots[unchecked: Int(at)]
        tail.store((at &+ 1) & UInt32(truncatingIfNeeded: capacity &- 1), ordering: .releasing)
        return byte
    }

    /// Producer only: the hardware lost a byte before it could be pushed.
    @inline(__always)
    public mutating func countLoss() {
        lost.store(lost.load(ordering: .relaxed) &+ 1, ordering: .relaxed)
    }

    /// True when `pop` would return nil.
    public var isEmpty: Bool { tail.load(ordering: .relaxed) == head.load(ordering: .acquiring) }

    /// Bytes waiting: no more than these for the producer, no fewer for the consumer.
    @inline(__always)
    public var count: Int {
        Int((head.load(ordering: .acquiring) &- tail.load(ordering: .acquiring)) & UInt32(truncatingIfNeeded: capacity &- 1))
    }

    /// Bytes that `push` takes now.
    @inline(__always)
    public var room: Int { capacity &- 1 &- count }

    /// Bytes lost since reset.
    public var overruns: UInt32 { lost.load(ordering: .relaxed) }
}
