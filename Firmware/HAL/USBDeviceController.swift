// What the USB device stack needs of a full-speed device controller, and nothing about any chip. Numbers are sections and tables of
// the Universal Serial Bus Specification, Revision 2.0.

/// The eight bytes of a SETUP packet (9.3, table 9-2).
public struct USBSetup: Equatable, Sendable {
    /// bmRequestType: bit 7 set when data go to the host, 6:5 standard, class or vendor, 4:0 device, interface or endpoint.
    public var requestType: UInt8
    /// bRequest: its meaning depends on type and recipient in `requestType` (tables 9-3 and 9-4 for standard requests).
    public var request: UInt8
    /// wValue: an argument of the request, such as descriptor type (high byte) and index (low byte) of GET_DESCRIPTOR (9.4.3).
    public var value: UInt16
    /// wIndex: for a request to an interface or an endpoint its number or address (9.3.4).
    public var index: UInt16
    /// Bytes of the data stage at most; 0: there is none.
    public var length: UInt16

    /// From the packet's fields as they are; nothing is checked.
    public init(requestType: UInt8, request: UInt8, value: UInt16, index: UInt16, length: UInt16) {
        self.requestType = requestType
        self.request = request
        self.value = value
        self.index = index
        self.length = length
    }

    /// From its two words as they lie in a FIFO, low byte first.
    public init(low: UInt32, high: UInt32) {
        requestType = UInt8(truncatingIfNeeded: low)
        request = UInt8(truncatingIfNeeded: low >> 8)
        value = UInt16(truncatingIfNeeded: low >> 16)
        index = UInt16(truncatingIfNeeded: high)
        length = UInt16(truncatingIfNeeded: high >> 16)
    }
}

/// The kinds of endpoints that a full-speed device here may have besides endpoint 0 (table 9-13, bmAttributes).
public enum USBTransferType: UInt8, Sendable {
    case bulk = 2
    case interrupt = 3
}

/// An endpoint other than 0.
public struct USBEndpoint: Equatable, Sendable {
    /// bEndpointAddress: 1…15, and bit 7 set for IN, that is to the host.
    public let address: UInt8
    /// bmAttributes bits 1:0 (table 9-13).
    public let type: USBTransferType
    /// wMaxPacketSize: 8, 16, 32 or 64 for bulk, 1…64 for interrupt.
    public let packetSize: UInt16

    /// Neither address nor size is checked; they must be as the properties say.
    @inline(__always)
    public init(_ address: UInt8, _ type: USBTransferType, packetSize: UInt16) {
        self.address = address
        self.type = type
        self.packetSize = packetSize
    }
}

/// What happened on the bus.
public enum USBEvent: Equatable, Sendable {
    /// The host reset the bus. The controller has address 0 again, endpoint 0 open and nothing else, nothing loaded and nothing armed.
    case reset
    /// The bus has been idle for 3 ms.
    case suspended
    /// The bus is no longer idle.
    case resumed
    /// The cable was pulled, as far as the board can see that.
    case detached
    /// A SETUP packet came. What was loaded or armed on endpoint 0 is forgotten, and so is a stall; its next packets are DATA1.
    case setup(USBSetup)
    /// A packet came on the OUT endpoint of this address: `read` it before the next event is asked for.
    case received(UInt8)
    /// The packet loaded into the IN endpoint of this address was acknowledged.
    case sent(UInt8)
}

/// A full-speed device controller. It keeps the data toggles, repeats what the host did not acknowledge, drops what the host repeated, and
/// answers NAK for an endpoint that has nothing loaded or armed. Everything here is called from one context: its interrupt handler.
public protocol USBDeviceController: ~Copyable {
    /// Largest packet of endpoint 0, in bytes: 8, 16, 32 or 64.
    static var controlPacketSize: UInt8 { get }

    /// Shows the device to the host: pulls D+ up (7.1.5).
    mutating func connect()
    /// Takes the device off the bus, powered as it is.
    mutating func disconnect()

    /// The next thing that happened, nil when there is none.
    mutating func nextEvent() -> USBEvent?

    /// Takes this address once the host has acknowledged the status stage that follows (9.4.6).
    mutating func setAddress(_ address: UInt8)

    /// Makes an endpoint ready as after a reset: DATA0, not halted, nothing loaded and nothing armed. Also one that was open.
    mutating func open(_ endpoint: USBEndpoint)
    /// The endpoint answers no more.
    mutating func close(_ address: UInt8)
    /// The endpoint answers STALL until it is opened again; what was loaded or armed is forgotten. For 0x00 and 0x80, which are one: until
    /// the next SETUP packet.
    mutating func stall(_ address: UInt8)

    /// Loads one packet, at most of the endpoint's packet size, into an IN endpoint that has nothing loaded. `sent` follows.
    mutating func send(_ address: UInt8, _ packet: RawSpan)
    /// Lets an OUT endpoint take one packet. `received` follows.
    mutating func accept(_ address: UInt8)
    /// Takes the packet that `received` told of. Bytes beyond the buffer are dropped.
    ///
    /// - Returns: bytes copied into `packet`.
    mutating func read(_ address: UInt8, into packet: inout MutableRawSpan) -> Int

    /// Signals remote wakeup on a suspended bus (7.1.7.7). `resumed` follows.
    mutating func wakeHost()
}
