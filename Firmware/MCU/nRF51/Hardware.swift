// The chip as its boards start it: what they tell it, and the peripherals that each of them has.

#if hasFeature(Embedded)
import HAL

/// What the start asks of a board, whose board.json says it.
public protocol ChipBoard: BoardFacts {
    /// The pins of the serial line: P0.n is n.
    static var serialTransmit: UInt32 { get }
    static var serialReceive: UInt32 { get }
}

public typealias ChipFlash = CodeFlash
/// The chip has no USB.
public typealias ChipUSB = NoUSB
public typealias ChipEntropy = RandomNumberGenerator

/// A store in the chip's flash: `address` is a multiple of 1024.
@inline(__always) public func chipFlash(address: UInt, bytes: Int) -> ChipFlash {
    CodeFlash(address: address, pageCount: bytes / 1024)
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
        Output(Board.serialTransmit).configure(high: true)
        Input(Board.serialReceive).configure(pull: .up)
        usb = ChipUSB()
        serial = SerialUART(transmit: Board.serialTransmit, receive: Board.serialReceive)
        entropy = RandomNumberGenerator()
        watchdog = WatchdogTimer()
    }
}
#endif
