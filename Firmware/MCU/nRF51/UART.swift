// The UART (RM 29), receiving by interrupt so that nothing is lost while the CPU verifies a signature.

#if hasFeature(Embedded)
import HAL

private enum UART {
    static let base: UInt = 0x4000_2000
    static let taskStartReceive = Register(base + 0x000)  // STARTRX
    static let taskStartTransmit = Register(base + 0x008)  // STARTTX
    static let receiveReady = Register(base + 0x108)  // RXDRDY
    static let transmitReady = Register(base + 0x11C)  // TXDRDY
    static let error = Register(base + 0x124)  // ERROR
    static let interruptEnableSet = Register(base + 0x304)  // INTENSET
    static let errorSource = Register(base + 0x480)  // ERRORSRC
    static let enable = Register(base + 0x500)
    static let pinTransmit = Register(base + 0x50C)  // PSELTXD
    static let pinReceive = Register(base + 0x514)  // PSELRXD
    static let receiveData = Register(base + 0x518)  // RXD
    static let transmitData = Register(base + 0x51C)  // TXD
    static let baudRate = Register(base + 0x524)  // BAUDRATE
    static let configuration = Register(base + 0x56C)  // CONFIG
    static let interrupt: UInt32 = 2
}

/// 1 KB: at 115200 baud 89 ms worth of bytes; a request is at most one CoAP message, which fits whole.
nonisolated(unsafe) var received = ByteRing<1024>()

/// RXDRDY, ERROR. The receiver buffers six bytes; RXDRDY is raised again for each one that is left (RM 29.4).
@c(IRQ2_Handler)
public
    func uartInterrupt()
{
    if UART.receiveReady.isSet {
        UART.receiveReady.clear()
        received.push(UInt8(truncatingIfNeeded: UART.receiveData.load()))
    }
    if UART.error.isSet {
        UART.error.clear()
        let source = UART.errorSource.load()
        UART.errorSource.store(source)
        if source & 1 != 0 { received.countLoss() }  // OVERRUN
    }
}

/// The chip's one UART at 115200 baud, 8N1, no flow control.
public struct SerialUART: SerialPort {
    private var isSending = false

    /// `transmit` and `receive` are GPIO numbers. Configure the pins' directions first (RM 29.2): `transmit` an output that is
    /// high, `receive` an input.
    public init(transmit: UInt32, receive: UInt32) {
        UART.pinTransmit.store(transmit)
        UART.pinReceive.store(receive)
        UART.baudRate.store(0x01D7_E000)  // 115200 (RM 29.10.10)
        UART.configuration.store(0)
        UART.enable.store(4)
        UART.receiveReady.clear()
        UART.transmitReady.clear()
        UART.interruptEnableSet.store(1 << 2 | 1 << 9)  // RXDRDY, ERROR
        NVIC.enable(UART.interrupt)
        UART.taskStartReceive.trigger()
        UART.taskStartTransmit.trigger()
    }

    // Only in this module: what is inlined into a client drags a second copy of `received` into it.
    @export(interface) public mutating func readByte() -> UInt8? { received.pop() }

    /// Sends while the line has room: one byte takes 87 µs.
    public mutating func writeByte(_ byte: UInt8) {
        if isSending { while !UART.transmitReady.isSet {} }
        UART.transmitReady.clear()
        UART.transmitData.store(UInt32(byte))
        isSending = true
    }

    @export(interface) public var overruns: UInt32 { received.overruns }
    /// True when there is nothing to read: the main loop may sleep.
    @export(interface) public var isIdle: Bool { received.isEmpty }
}
#endif
