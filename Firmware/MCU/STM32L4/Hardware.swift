// The chip as its boards start it: what they tell it, and the peripherals that each of them has.

#if hasFeature(Embedded)
import CortexM
import HAL

extension Base {
    /// IWDG, the independent watchdog; it has its own oscillator.
    public static var watchdog: UInt { 0x4000_3000 }
}

/// What the start asks of a board, whose board.json says it. Pins are numbered 16 times the port's (A is 0) and the pin's.
public protocol ChipBoard: BoardFacts {
    /// The pins of USART1.
    static var serialTransmit: UInt32 { get }
    static var serialReceive: UInt32 { get }
}

public typealias ChipFlash = PageFlash<Peripheral, Peripheral>
/// The chip's USB controller is not used yet, and QEMU does not model it.
public typealias ChipUSB = NoUSB
/// The chip's random number generator (RM 27) is not used yet.
public typealias ChipEntropy = CycleCounterMix<Peripheral>

/// A store in the chip's flash: `address` is a multiple of 2048.
@inline(__always) public func chipFlash(address: UInt, bytes: Int) -> ChipFlash {
    partFlash(firstPage: Int(address - 0x0800_0000) / 2048, count: bytes / 2048)
}

/// The chip's peripherals.
public struct ChipHardware<Board: ChipBoard> {
    public var clock: SystemTimer
    public var serial: SerialUART
    public var usb: ChipUSB
    public var entropy: ChipEntropy
    public var watchdog: WatchdogTimer<Peripheral>
    public let resetReason: ResetReason

    /// Starts them, outputs at their safe level. Call once, first of all.
    public init() {
        SystemControl.useVectors(at: Board.vectors)
        let clocks = startClocks()
        resetReason = takeResetReason()
        Board.configurePins()
        clock = SystemTimer(clock: clocks.system)
        serial = SerialUART(transmit: Board.serialTransmit, receive: Board.serialReceive, clock: clocks.system)
        usb = ChipUSB()
        entropy = CycleCounterMix(Peripheral(Base.sysTick), count: SysTickRegister.count)
        watchdog = WatchdogTimer(Peripheral(Base.watchdog))
    }
}
#endif
