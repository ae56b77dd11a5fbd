// Pulse counters of the board: GPIOTE channels whose edges the interrupt counts.

#if hasFeature(Embedded)
import HAL
import Synchronization

private let count2 = Atomic<UInt32>(0)
private let count3 = Atomic<UInt32>(0)

/// GPIOTE. Channels 2 and 3 count; 0 and 1 belong to PWM.
@c(IRQ6_Handler)
public func gpioteInterrupt() {
    let pins = GPIOTE(Peripheral(Base.gpiote))
    if pins.take(2) { count2.store(count2.load(ordering: .relaxed) &+ 1, ordering: .relaxed) }
    if pins.take(3) { count3.store(count3.load(ordering: .relaxed) &+ 1, ordering: .relaxed) }
}

/// Counts edges of one pin: at most two of them on a chip.
public struct PinCounter: EdgeCounter, BitwiseCopyable, Sendable {
    private let channel: UInt32
    /// `channel` 2 or 3.
    @inline(__always) public init(channel: UInt32) { self.channel = channel }

    /// Starts counting. The pin must be an input.
    public func configure(pin: UInt32, edge: Edge) {
        GPIOTE(Peripheral(Base.gpiote)).configure(channel: channel, pin: pin, edge: edge)
        NVIC.enable(6)
    }

    @export(interface) public var count: UInt32 {
        channel == 2 ? count2.load(ordering: .relaxed) : count3.load(ordering: .relaxed)
    }
}
#endif
