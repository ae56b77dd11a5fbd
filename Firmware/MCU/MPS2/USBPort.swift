// The board's virtual USB: the controller of VirtualUSB.swift on UART1 (CMSDK 4.3), all of it in that UART's interrupts.

#if hasFeature(Embedded)
import HAL
import Startup
import USBDevice

private var uart: Peripheral { Peripheral(Base.uart1) }
private let receiveInterrupt: UInt32 = 2
private let transmitInterrupt: UInt32 = 3

/// Values of CTRL.
private enum Control {
    static var receiving: UInt32 { 1 << 0 | 1 << 1 | 1 << 3 }
    static var congested: UInt32 { receiving | 1 << 2 }
}

/// UART1 as both of its interrupts see it. What the line does not take at once waits in a ring.
struct USBLine: VirtualUSBLine, ~Copyable {
    private var waiting = ByteRing<1024>()

    mutating func readByte() -> UInt8? {
        uart.load(UARTRegister.state) & (1 << 1) != 0 ? UInt8(truncatingIfNeeded: uart.load(UARTRegister.data)) : nil
    }

    mutating func writeByte(_ byte: UInt8) { waiting.push(byte) }

    var room: Int { waiting.room }

    /// Sends what the line takes. The transmit interrupt is asked for only while it takes no more.
    mutating func drain() {
        uart.store(UARTRegister.control, Control.receiving)
        while !waiting.isEmpty {
            if uart.load(UARTRegister.state) & 1 != 0 {
                uart.store(UARTRegister.control, Control.congested)
                if uart.load(UARTRegister.state) & 1 != 0 { return }
            }
            if let byte = waiting.pop() { uart.store(UARTRegister.data, UInt32(byte)) }
        }
        uart.store(UARTRegister.control, Control.receiving)
    }
}

nonisolated(unsafe) private var usb = USBDevice(VirtualUSB(USBLine()), NodeFunctions())

/// UART1 has received a byte, or the main loop has requested this interrupt.
@c(IRQ2_Handler)
public func uart1ReceiveInterrupt() { serviceUSB() }

/// UART1 has room again, after it had none.
@c(IRQ3_Handler)
public func uart1TransmitInterrupt() { serviceUSB() }

/// Both interrupts have one priority, so that neither breaks into the other.
@inline(never)
private func serviceUSB() {
    uart.store(UARTRegister.interruptClear, 1 << 0 | 1 << 1)
    usb.controller.line.drain()
    repeat {
        usb.service()
        usb.controller.line.drain()
    } while usb.controller.mayHear && uart.load(UARTRegister.state) & (1 << 1) != 0
}

/// The main loop's half.
public struct VirtualUSBPort: USBPort {
    /// Call once, before `attach`. The host is told that the chip was reset: the device may have been on the bus before.
    public init(board: StaticString) {
        let version = lightnode_image_header.version
        usb.functions.identify(board: board, version: (version.0, version.1, version.2))
        usb.controller.start()
        uart.store(UARTRegister.baudDivisor, 16)
        uart.store(UARTRegister.control, Control.receiving)
        NVIC.enable(receiveInterrupt)
        NVIC.enable(transmitInterrupt)
        notify()
    }

    public static var isPresent: Bool { true }

    /// Lets the interrupt see to what the main loop has changed.
    private func notify() { NVIC.request(receiveInterrupt) }

    @export(interface) public mutating func attach(serial: RawSpan) {
        usb.functions.pipe.attach(serial: serial)
        notify()
    }

    @export(interface) public mutating func detach() {
        usb.functions.pipe.detach()
        notify()
    }

    @export(interface) public mutating func readByte() -> UInt8? {
        let (byte, isRoomAwaited) = usb.functions.pipe.readByte()
        if isRoomAwaited { notify() }
        return byte
    }

    @export(interface) public mutating func writeByte(_ byte: UInt8) { usb.functions.pipe.outgoing.push(byte) }
    @export(interface) public var room: Int { usb.functions.pipe.isConfigured ? usb.functions.pipe.outgoing.room : 0 }
    @export(interface) public mutating func flush() { notify() }
    @export(interface) public var isIdle: Bool { usb.functions.pipe.incoming.isEmpty }
    @export(interface) public var overruns: UInt32 { usb.functions.pipe.incoming.overruns }
    @export(interface) public var isBootloaderWanted: Bool { usb.functions.pipe.isBootloaderWanted }
    /// The board has no bootloader.
    @export(interface) public mutating func enterBootloader() { startup_reset() }
}
#endif
