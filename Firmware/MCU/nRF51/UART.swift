// The UART (RM 29), receiving by interrupt so that nothing is lost while the CPU verifies a signature.

#if hasFeature(Embedded)
import HAL

/// Further registers of the UART (RM 29).
private enum Offset {
    static var receiveReady: UInt32 { 0x108 }  // EVENTS_RXDRDY
    static var transmitReady: UInt32 { 0x11C }  // EVENTS_TXDRDY
    static var error: UInt32 { 0x124 }  // EVENTS_ERROR
    static var interruptEnableSet: UInt32 { 0x304 }  // INTENSET: bit 2 RXDRDY, 9 ERROR
    static var errorSource: UInt32 { 0x480 }  // ERRORSRC: bit 0 OVERRUN
    static var pinTransmit: UInt32 { 0x50C }  // PSELTXD
    static var pinReceive: UInt32 { 0x514 }  // PSELRXD
    static var configuration: UInt32 { 0x56C }  // CONFIG
}

extension Base {
    /// UART0 (RM 29).
    public static var uart: UInt { 0x4000_2000 }
}

private var uart: Peripheral { Peripheral(Base.uart) }
private let interrupt: UInt32 = 2

/// 1 KB: at 115200 baud 89 ms worth of bytes; a request is at most one CoAP message, which fits whole.
nonisolated(unsafe) var received = ByteRing<1024>()

/// RXDRDY, ERROR. The receiver buffers six bytes; RXDRDY is raised again for each one that is left (RM 29.4).
@c(IRQ2_Handler)
public func uartInterrupt() {
    if uart.hasHappened(Offset.receiveReady) {
        uart.forget(Offset.receiveReady)
        received.push(UInt8(truncatingIfNeeded: uart.load(SerialRegister.received)))
    }
    if uart.hasHappened(Offset.error) {
        uart.forget(Offset.error)
        let source = uart.load(Offset.errorSource)
        uart.store(Offset.errorSource, source)
        if source & 1 != 0 { received.countLoss() }  // OVERRUN
    }
}

/// The chip's one UART at 115200 baud, 8N1, no flow control.
public struct SerialUART: SerialPort {
    private var isSending = false

    /// `transmit` and `receive` are GPIO numbers. Configure the pins' directions first (RM 29.2): `transmit` an output that is
    /// high, `receive` an input.
    public init(transmit: UInt32, receive: UInt32) {
        uart.store(Offset.pinTransmit, transmit)
        uart.store(Offset.pinReceive, receive)
        uart.store(SerialRegister.frequency, 0x01D7_E000)  // 115200 (RM 29.10.10)
        uart.store(Offset.configuration, 0)
        uart.store(SerialRegister.enable, 4)
        uart.forget(Offset.receiveReady)
        uart.forget(Offset.transmitReady)
        uart.store(Offset.interruptEnableSet, 1 << 2 | 1 << 9)  // RXDRDY, ERROR
        NVIC.enable(interrupt)
        uart.trigger(SerialRegister.startReceive)
        uart.trigger(SerialRegister.startTransmit)
    }

    // Only in this module: what is inlined into a client drags a second copy of `received` into it.
    @export(interface) public mutating func readByte() -> UInt8? { received.pop() }

    /// Sends while the line has room: one byte takes 87 µs.
    public mutating func writeByte(_ byte: UInt8) {
        if isSending { while !uart.hasHappened(Offset.transmitReady) {} }
        uart.forget(Offset.transmitReady)
        uart.store(SerialRegister.sent, UInt32(byte))
        isSending = true
    }

    @export(interface) public var overruns: UInt32 { received.overruns }
    /// True when there is nothing to read: the main loop may sleep.
    @export(interface) public var isIdle: Bool { received.isEmpty }
}
#endif
