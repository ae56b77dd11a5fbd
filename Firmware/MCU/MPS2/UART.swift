// CMSDK APB UARTs (CMSDK 4.3), receiving by interrupt. UART0 is the board's serial connector.

#if hasFeature(Embedded)
import HAL

private var uart: Peripheral { Peripheral(Base.uart0) }
private let receiveInterrupt: UInt32 = 0

nonisolated(unsafe) var received = ByteRing<1024>()

/// UART0 receive.
@c(IRQ0_Handler)
public func uartInterrupt() {
    uart.store(UARTRegister.interruptClear, 1 << 1)
    if uart.load(UARTRegister.state) & (1 << 3) != 0 {
        uart.store(UARTRegister.state, 1 << 3)
        received.countLoss()
    }
    while uart.load(UARTRegister.state) & (1 << 1) != 0 {
        received.push(UInt8(truncatingIfNeeded: uart.load(UARTRegister.data)))
    }
}

/// UART0 at 115200 baud, 8N1, no flow control.
public struct SerialUART: SerialPort {
    /// Starts the UART and its receive interrupt, which fills a ring of bytes from then on.
    public init() {
        uart.store(UARTRegister.baudDivisor, clockHertz / 115_200)
        uart.store(UARTRegister.control, 1 << 0 | 1 << 1 | 1 << 3)
        NVIC.enable(receiveInterrupt)
    }

    // Only in this module: what is inlined into a client drags a second copy of `received` into it.
    @export(interface) public mutating func readByte() -> UInt8? { received.pop() }

    /// Sends while the line has room: one byte takes 87 µs.
    public mutating func writeByte(_ byte: UInt8) {
        while uart.load(UARTRegister.state) & 1 != 0 {}
        uart.store(UARTRegister.data, UInt32(byte))
    }

    @export(interface) public var overruns: UInt32 { received.overruns }
    /// True when there is nothing to read: the main loop may sleep.
    @export(interface) public var isIdle: Bool { received.isEmpty }
}
#endif
