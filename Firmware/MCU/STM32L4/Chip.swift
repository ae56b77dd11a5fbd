// The chip as boards use it: its peripherals at their addresses, interrupt handlers, reset reason, serial number.

#if hasFeature(Embedded)
import HAL
import Synchronization

extension Base {
    /// SYSCFG; clock: APB2ENR bit 0.
    public static var syscfg: UInt { 0x4001_0000 }
    /// EXTI (RM 14): interrupts from pins.
    public static var exti: UInt { 0x4001_0400 }
    /// GPIOA (RM 8), and each further port 0x400 higher; clock: AHB2ENR bit 0 and up.
    public static var gpioA: UInt { 0x4800_0000 }
}

/// An output of this chip; boards name it by this on every chip.
public typealias Output = PortOutput<Peripheral>
/// An input of this chip; boards name it by this on every chip.
public typealias Input = PortInput<Peripheral>

/// GPIO port 0 is A, 1 B, 2 C, 3 D.
@inline(__always) public func port(_ number: UInt) -> Port<Peripheral> { Port(Peripheral(Base.gpioA + number * 0x400)) }

extension PortOutput where Registers == Peripheral {
    /// By a board's number of it: 16 times the port's (A is 0) and the pin's.
    @inline(__always) public init(_ place: UInt32) { self.init(MCU.port(UInt(place >> 4)), place & 15) }
}

extension PortInput where Registers == Peripheral {
    /// By a board's number of it: 16 times the port's (A is 0) and the pin's.
    @inline(__always) public init(_ place: UInt32) { self.init(MCU.port(UInt(place >> 4)), place & 15) }
}

/// Starts the clocks, those of ports A to E, SYSCFG and USART1 among them. May be called again.
public func startClocks() -> ClockTree {
    let rcc = Peripheral(Base.rcc)
    let clocks = ClockTree.start(rcc: rcc, flash: Peripheral(Base.flash))
    for port in UInt32(0)..<5 { ClockGate.ahb2(port, rcc: rcc) }
    ClockGate.apb2(0, rcc: rcc)  // SYSCFG
    ClockGate.apb2(14, rcc: rcc)  // USART1
    return clocks
}

/// Hands the pin at `place` to a peripheral: see `Port.configureAlternate`.
func handOver(_ place: UInt32, function: UInt32, pull: Pull = .none) {
    port(UInt(place >> 4)).configureAlternate(place & 15, function: function, pull: pull)
}

/// The pages of the part's own flash from `firstPage`, 2048 bytes each.
public func partFlash(firstPage: Int, count: Int) -> PageFlash<Peripheral, Peripheral> {
    let interface = Peripheral(Base.flash)
    let kilobytes = Peripheral(0x1FFF_75E0).load(0) & 0xFFFF  // RM 49.2
    return PageFlash(
        registers: interface, memory: Peripheral(0x0800_0000), firstPage: firstPage, count: count,
        pagesPerBank: FlashInterface.pagesPerBank(interface, kilobytes: kilobytes))
}

nonisolated(unsafe) var received = ByteRing<1024>()

/// USART1 (RM 13.3, table 57).
@c(IRQ37_Handler)
public func usart1Interrupt() {
    let (byte, lostOne) = USART(Peripheral(Base.usart1)).receive()
    if lostOne { received.countLoss() }
    if let byte { received.push(byte) }
}

/// USART1 at 115200 baud, 8N1.
public struct SerialUART: SerialPort {
    /// The pins are among those that reach it by alternate function 7. `clock`: the APB2 clock in hertz.
    public init(transmit: UInt32, receive: UInt32, clock: UInt32) {
        handOver(transmit, function: 7)
        handOver(receive, function: 7, pull: .up)
        USART(Peripheral(Base.usart1)).configure(clock: clock)
        NVIC.enable(37)
    }

    @export(interface) public mutating func readByte() -> UInt8? { received.pop() }
    public mutating func writeByte(_ byte: UInt8) { USART(Peripheral(Base.usart1)).write(byte) }
    @export(interface) public var overruns: UInt32 { received.overruns }
    /// True when there is nothing to read: the main loop may sleep.
    @export(interface) public var isIdle: Bool { received.isEmpty }
}

/// Edges of one pin, counted by its interrupt: EXTI lines 10 to 15 share one (RM 13.3, table 57).
private let presses = Atomic<UInt32>(0)
private let countedLine = Atomic<UInt32>(16)

/// An edge on one of EXTI lines 10 to 15: counts that of the configured line.
@c(IRQ40_Handler)
public func exti15to10Interrupt() {
    let line = countedLine.load(ordering: .relaxed)
    if line < 16, EXTI(Peripheral(Base.exti), syscfg: Peripheral(Base.syscfg)).take(line: line) {
        presses.store(presses.load(ordering: .relaxed) &+ 1, ordering: .releasing)
    }
}

/// Counts edges of pin 10…15 of a port without the main loop's help: one pin of a chip.
public struct PinCounter: EdgeCounter, BitwiseCopyable, Sendable {
    /// Touches nothing: `configure` starts counting. All of these share one count.
    @inline(__always) public init() {}

    /// Starts counting. The pin must be an input.
    public func configure(pin: UInt32, port: UInt32, edge: Edge) {
        countedLine.store(pin, ordering: .relaxed)
        EXTI(Peripheral(Base.exti), syscfg: Peripheral(Base.syscfg)).configure(line: pin, port: port, edge: edge)
        NVIC.enable(40)
    }
    /// Starts counting on a pin by a board's number of it.
    public func configure(place: UInt32, edge: Edge) { configure(pin: place & 15, port: place >> 4, edge: edge) }

    /// Edges since reset; wraps.
    @export(interface) public var count: UInt32 { presses.load(ordering: .acquiring) }
}

/// Reads the reason once and forgets it (RM 6.4.29, RCC_CSR), so that the next reset tells its own.
public func takeResetReason() -> ResetReason {
    let rcc = Peripheral(Base.rcc)
    let bits = rcc.load(RCC.status)
    rcc.modify(RCC.status, set: 1 << 23)  // RMVF
    return resetReason(bits)
}

/// The chip's 96 identity bits (RM 49.1) in 64: the third word is mixed into the first.
public func hardwareSerialNumber() -> UInt64 {
    let identity = Peripheral(0x1FFF_7590)
    return UInt64(identity.load(4)) << 32 | UInt64(identity.load(0) ^ identity.load(8))
}

/// True at level 1 or 2 (RM 3.5.1), as OPTR says.
public func isFlashReadbackProtected() -> Bool { ReadProtection(registers: Peripheral(Base.flash)).isSet }
/// Sets level 1, if no level is set; in force from the next power-on. Going back erases the whole flash (RM 3.5.1).
public func protectFlashReadback() {
    var protection = ReadProtection(registers: Peripheral(Base.flash))
    protection.set()
}
#endif
