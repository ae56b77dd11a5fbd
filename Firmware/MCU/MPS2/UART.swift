// CMSDK APB UARTs (CMSDK 4.3), receiving by interrupt. UART0 is the board's serial connector.

#if hasFeature(Embedded)
import HAL

private enum UART0 {
    static let base: UInt = 0x4000_4000
    static let data = Register(base + 0x00)
    static let state = Register(base + 0x04)  // bit 0 TX full, 1 RX full, 2 TX overrun, 3 RX overrun
    static let control = Register(base + 0x08)  // bit 0 TX enable, 1 RX enable, 3 RX interrupt
    static let interruptClear = Register(base + 0x0C)  // INTCLEAR: bit 0 TX, 1 RX, 2 TX overrun, 3 RX overrun
    static let baudDivisor = Register(base + 0x10)
    static let receiveInterrupt: UInt32 = 0
}

nonisolated(unsafe) var received = ByteRing<1024>()

/// UART0 receive.
@c(IRQ0_Handler)
public func uartInterrupt() {
    UART0.interruptClear.store(1 << 1)
    if UART0.state.load() & (1 << 3) != 0 {
        UART0.state.store(1 << 3)
        received.countLoss()
    }
    while UART0.state.load() & (1 << 1) != 0 {
        received.push(UInt8(truncatingIfNeeded: UART0.data.load()))
    }
}

/// UART0 at 115200 baud, 8N1, no flow control.
public struct SerialUART: SerialPort {
    /// Starts the UART and its receive interrupt, which fills a ring of bytes from then on.
    public init() {
        UART0.baudDivisor.store(clockHertz / 115_200)
        UART0.control.store(1 << 0 | 1 << 1 | 1 << 3)
        NVIC.enable(UART0.receiveInterrupt)
    }

    // Only in this module: what is inlined into a client drags a second copy of `received` into it.
    @export(interface) public mutating func readByte() -> UInt8? { received.pop() }

    /// Sends while the line has room: one byte takes 87 µs.
    public mutating func writeByte(_ byte: UInt8) {
        while UART0.state.load() & 1 != 0 {}
        UART0.data.store(UInt32(byte))
    }

    @export(interface) public var overruns: UInt32 { received.overruns }
    /// True when there is nothing to read: the main loop may sleep.
    @export(interface) public var isIdle: Bool { received.isEmpty }
}
#endif
