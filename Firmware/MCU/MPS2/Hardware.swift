// The chip as its board starts it: the peripherals that there are.

#if hasFeature(Embedded)
import CortexM
import HAL

/// What the start asks of a board, whose board.json says it.
public protocol ChipBoard: BoardFacts {}

public typealias ChipFlash = RAMFlash
public typealias ChipUSB = VirtualUSBPort
/// The board has no random number generator.
public typealias ChipEntropy = CycleCounterMix<Peripheral>

/// A store in RAM: `address` is a multiple of 4.
@inline(__always) public func chipFlash(address: UInt, bytes: Int) -> ChipFlash {
    RAMFlash(address: address, pageCount: bytes / 4096)
}

/// The chip's peripherals.
public struct ChipHardware<Board: ChipBoard> {
    public var clock: Timer0Clock
    public var serial: SerialUART
    public var usb: ChipUSB
    public var entropy: ChipEntropy
    public var watchdog: WatchdogTimer
    public let resetReason: ResetReason

    /// Starts them, outputs at their safe level. Call once, first of all.
    public init() {
        resetReason = takeResetReason()
        Board.configurePins()
        clock = Timer0Clock()
        serial = SerialUART()
        usb = VirtualUSBPort(board: Board.name)
        entropy = CycleCounterMix(Peripheral(Base.timer0), count: TimerRegister.value)
        watchdog = WatchdogTimer()
    }
}
#endif
