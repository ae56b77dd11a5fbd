// The chip's USB: the controller of OTGDevice.swift, all of it in its interrupt.

#if hasFeature(Embedded)
import HAL
import Startup
import USBDevice

nonisolated(unsafe) private var usb = USBDevice(OTGDevice(Peripheral(Base.otg)), NodeFunctions())

private let otgInterruptNumber: UInt32 = 67

/// OTG_FS.
@c(IRQ67_Handler)
public func otgInterrupt() { usb.service() }

/// The main loop's half.
public struct OTGPort: USBPort {
    /// Call once, before `attach`. The pins must have been handed over. Without the crystal there is no USB: its clock must be right to
    /// 0.25 % (USB 2.0, 7.1.11), which the internal oscillator is not.
    public init(board: StaticString, clocks: ClockTree) {
        let version = lightnode_image_header.version
        usb.functions.identify(board: board, version: (version.0, version.1, version.2))
        guard clocks.source == .crystal else { return }
        ClockGate.ahb2(7, rcc: Peripheral(Base.rcc))
        guard usb.controller.start() else { return }
        // Below the serial port, which loses bytes when it waits, and has nobody to send them again.
        NVIC.setPriority(otgInterruptNumber, 0x80)
        NVIC.enable(otgInterruptNumber)
    }

    public static var isPresent: Bool { true }

    /// Lets the interrupt see to what the main loop has changed.
    private func notify() { NVIC.request(otgInterruptNumber) }

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

    @export(interface) public mutating func enterBootloader() {
        bootloaderRequest.make()
        startup_reset()
    }
}
#endif
