// The chip as boards use it: its peripherals at their addresses, interrupt handlers, reset reason, serial number.

#if hasFeature(Embedded)
import HAL
import Synchronization

extension Base {
    /// GPIOA (RM 8), and each further port 0x400 higher; clock: AHB1ENR bit 0 and up.
    public static var gpioA: UInt { 0x4002_0000 }
}

/// An output of this chip; boards name it by this on every chip.
public typealias Output = PortOutput<Peripheral>
/// An input of this chip; boards name it by this on every chip.
public typealias Input = PortInput<Peripheral>

/// GPIO port 0 is A, 1 B, 2 C, 3 D, 4 E.
@inline(__always) public func port(_ number: UInt) -> Port<Peripheral> { Port(Peripheral(Base.gpioA + number * 0x400)) }

extension PortOutput where Registers == Peripheral {
    /// By a board's number of it: 16 times the port's (A is 0) and the pin's.
    @inline(__always) public init(_ place: UInt32) { self.init(MCU.port(UInt(place >> 4)), place & 15) }
}

extension PortInput where Registers == Peripheral {
    /// By a board's number of it: 16 times the port's (A is 0) and the pin's.
    @inline(__always) public init(_ place: UInt32) { self.init(MCU.port(UInt(place >> 4)), place & 15) }
}

/// Hands the pin at `place` to a peripheral: see `Port.configureAlternate`.
func handOver(_ place: UInt32, function: UInt32, pull: Pull = .none, openDrain: Bool = false) {
    port(UInt(place >> 4)).configureAlternate(place & 15, function: function, pull: pull, openDrain: openDrain)
}

/// Starts clocks and interrupts. `vectors` is where the image's vector table lies.
public func startChip(crystalHertz: UInt32, vectors: UInt32) -> ClockTree {
    SystemControl.useVectors(at: vectors)
    let rcc = Peripheral(Base.rcc)
    let clocks = ClockTree.start(
        crystalHertz: crystalHertz, rcc: rcc, flash: Peripheral(Base.flash), power: Peripheral(Base.power))
    for port in UInt32(0)..<5 { ClockGate.ahb1(port, rcc: rcc) }
    ClockGate.apb1(1, rcc: rcc)  // TIM3
    ClockGate.apb1(2, rcc: rcc)  // TIM4
    ClockGate.apb1(3, rcc: rcc)  // TIM5
    ClockGate.apb1(21, rcc: rcc)  // I2C1
    ClockGate.apb2(4, rcc: rcc)  // USART1
    ClockGate.apb2(8, rcc: rcc)  // ADC1
    ClockGate.apb2(14, rcc: rcc)  // SYSCFG
    return clocks
}

/// Gives the pin at `place` to its timer's channel, at 1 kHz.
public func startPWM(_ pin: TimerPin, place: UInt32, _ clocks: ClockTree) -> PWM<Peripheral> {
    handOver(place, function: pin.function)
    var channel = PWM(pin, clock: clocks.timers1)
    channel.configure(hertz: 1000)
    return channel
}

/// I2C1 on these pins, whose speed depends on the clock that the chip got.
public func startI2C1(clock: UInt32, data: UInt32, _ clocks: ClockTree) -> I2C<Peripheral> {
    handOver(clock, function: 4, openDrain: true)
    handOver(data, function: 4, openDrain: true)
    let bus = I2C(Peripheral(Base.i2c1), busHertz: clocks.apb1)
    bus.configure()
    return bus
}

/// Gives the pin at `place` to the converter.
public func configureAnalog(place: UInt32, channel: UInt32) {
    port(UInt(place >> 4)).configureAnalog(place & 15)
    ADCInput(Peripheral(Base.adc1), channel: channel).configure()
}

private let halfPeriods = Atomic<UInt32>(0)

/// TIM5.
@c(IRQ50_Handler)
public func tim5Interrupt() {
    let timer = Peripheral(Base.tim5)
    let status = timer.load(TIM5Register.status)
    timer.store(TIM5Register.status, ~status)
    if status & 3 != 0 { halfPeriods.store(halfPeriods.load(ordering: .relaxed) &+ 1, ordering: .releasing) }
}

/// Microseconds since `init`.
public struct TIM5Clock: MonotonicClock {
    /// `clock`: the timers' clock in hertz.
    public init(clock: UInt32) {
        let timer = Peripheral(Base.tim5)
        timer.store(TIM5Register.prescaler, clock / 1_000_000 - 1)
        timer.store(TIM5Register.reload, .max)
        timer.store(TIM5Register.compare1, 0x8000_0000)
        timer.store(TIM5Register.generate, 1)
        timer.store(TIM5Register.status, 0)
        timer.store(TIM5Register.interruptEnable, 1 << 0 | 1 << 1 | 1 << 2)
        timer.store(TIM5Register.control1, 1)
        NVIC.enable(50)
    }

    @export(interface) public mutating func microseconds() -> UInt64 {
        while true {
            let before = halfPeriods.load(ordering: .acquiring)
            let count = Peripheral(Base.tim5).load(TIM5Register.count)
            if halfPeriods.load(ordering: .acquiring) == before { return extendedTime(halfPeriods: before, count: count) }
        }
    }

    /// Wakes the CPU from `wfi` in `microseconds` (at least 10) unless another interrupt does so first.
    public mutating func wake(inMicroseconds microseconds: UInt32) {
        let timer = Peripheral(Base.tim5)
        timer.store(TIM5Register.compare2, timer.load(TIM5Register.count) &+ max(microseconds, 10))
    }
}

nonisolated(unsafe) var received = ByteRing<1024>()

/// USART1.
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

/// Reads the reason once and forgets it (RM 6.3.20, RCC_CSR), so that the next reset tells its own.
public func takeResetReason() -> ResetReason {
    let rcc = Peripheral(Base.rcc)
    let bits = rcc.load(0x74)
    rcc.modify(0x74, set: 1 << 24)  // RMVF
    return resetReason(bits)
}

/// The chip's 96 identity bits (RM 24.1) in 64: the third word is mixed into the first.
public func hardwareSerialNumber() -> UInt64 {
    let identity = Peripheral(0x1FFF_7A10)
    return UInt64(identity.load(4)) << 32 | UInt64(identity.load(0) ^ identity.load(8))
}

/// True at level 1 or 2 (RM 3.6.3), as FLASH_OPTCR says.
public func isFlashReadbackProtected() -> Bool { ReadProtection(registers: Peripheral(Base.flash)).isSet }
/// Sets level 1, if no level is set; in force from the next power-on. Going back erases the whole flash (RM 3.6.3).
public func protectFlashReadback() {
    var protection = ReadProtection(registers: Peripheral(Base.flash))
    protection.set()
}
#endif
