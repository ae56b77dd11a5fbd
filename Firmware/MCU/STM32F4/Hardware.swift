// The chip as its boards start it: what they tell it, and the peripherals that each of them has.

#if hasFeature(Embedded)
import HAL

extension Base {
    /// IWDG (RM 15), the independent watchdog; it has its own oscillator.
    public static var watchdog: UInt { 0x4000_3000 }
}

/// What the start asks of a board, whose board.json says it. Pins are numbered 16 times the port's (A is 0) and the pin's.
public protocol ChipBoard: BoardFacts {
    /// Hertz of the crystal, whole megahertz from 4 to 26.
    static var crystalHertz: UInt32 { get }
    /// The pins of USART1 and of OTG_FS.
    static var serialTransmit: UInt32 { get }
    static var serialReceive: UInt32 { get }
    static var usbMinus: UInt32 { get }
    static var usbPlus: UInt32 { get }
    /// Starts devices whose parts depend on the clock that the chip got.
    static func startDevices(_ clocks: ClockTree)
}

extension ChipBoard {
    @inline(__always) public static func startDevices(_ clocks: ClockTree) {}
}

public typealias ChipFlash = SectorFlash<Peripheral, Peripheral>
public typealias ChipUSB = OTGPort
public typealias ChipEntropy = ConverterNoise<ADCInput<Peripheral>>

/// A store in the chip's flash: whole sectors from the one that begins at `address`.
@inline(__always) public func chipFlash(address: UInt, bytes: Int) -> ChipFlash {
    let start: UInt = 0x0800_0000
    let first = FlashInterface.sector(at: Int(address - start)), end = FlashInterface.sector(at: Int(address - start) + bytes)
    return SectorFlash(registers: Peripheral(Base.flash), memory: Peripheral(start), firstSector: first, count: end - first)
}

/// The chip's peripherals.
public struct ChipHardware<Board: ChipBoard> {
    public var clock: TIM5Clock
    public var serial: SerialUART
    public var usb: ChipUSB
    public var entropy: ChipEntropy
    public var watchdog: WatchdogTimer<Peripheral>
    public let resetReason: ResetReason
    /// What the chip runs on: tells a dead crystal.
    public let clocks: ClockTree

    /// Starts them, outputs at their safe level. Call once, first of all.
    public init() {
        enterBootloaderIfAsked()
        resetReason = takeResetReason()
        clocks = startChip(crystalHertz: Board.crystalHertz, vectors: Board.vectors)
        Board.configurePins()
        clock = TIM5Clock(clock: clocks.timers1)
        serial = SerialUART(transmit: Board.serialTransmit, receive: Board.serialReceive, clock: clocks.apb2)
        handOver(Board.usbMinus, function: 10)
        handOver(Board.usbPlus, function: 10)
        usb = OTGPort(board: Board.name, clocks: clocks)
        let die = ADCInput(Peripheral(Base.adc1), channel: 18)
        die.configure()
        entropy = ConverterNoise(die)
        watchdog = WatchdogTimer(Peripheral(Base.watchdog))
        Board.startDevices(clocks)
    }
}
#endif
