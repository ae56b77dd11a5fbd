// VirtualUSB: the host's side of a USB cable without a USB port. A strict host controller checks what a device does packet by packet
// (USB 2.0, chapters 8 and 9) and exports it by the usbredir protocol. It knows nothing of boards, QEMU or light nodes.

/// What a device answers to a token (USB 2.0, section 8.4.6).
public enum DeviceAnswer: Equatable, Sendable {
    /// A data packet; `toggle` is 0 for DATA0 and 1 for DATA1.
    case data(toggle: UInt8, [UInt8])
    /// The packet was taken.
    case ack
    /// Not now: the host asks again, here once the device has reported `ready`.
    case nak
    /// Halted, or the request is refused.
    case stall
    /// No packet comes: the endpoint is not there, or what the host sent was no packet for this state.
    case silence
}

/// What a device says without being asked. A real device cannot speak first; these stand for what a host sees on its wires or finds by polling.
public enum DeviceEvent: Equatable, Sendable {
    /// An endpoint that answered NAK can make progress now. Bit 7 is the direction; endpoint 0 may be given either way.
    case ready(endpoint: UInt8)
    /// The pull-up was switched on or off.
    case connected(Bool)
    /// The device drives resume signalling.
    case remoteWakeup
}

/// A device at the other end of the cable, at packet level: an emulated board, or a model in this process.
///
/// The host controller calls it from one thread, one packet at a time. Full speed.
public protocol VirtualUSBDevice: AnyObject, Sendable {
    /// The cable is plugged in. `report` may be called from any thread until `detach`, the first time to say whether the pull-up is on.
    func attach(_ report: @escaping @Sendable (DeviceEvent) -> Void)
    /// The cable is pulled: no power from it any more.
    func detach()
    /// Bus reset: back to the state Default (section 9.1.1).
    func reset()
    /// The bus is quiet: the device may draw suspend current only (section 7.2.3).
    func suspend()
    /// The bus talks again after `suspend`.
    func resume()
    /// SETUP and its data packet, always DATA0 and 8 bytes, to endpoint 0.
    func handleSetup(_ packet: [UInt8]) -> DeviceAnswer
    /// OUT and its data packet.
    func handleOut(endpoint: UInt8, toggle: UInt8, data: [UInt8]) -> DeviceAnswer
    /// IN. After `.data` follows `handleAck`, unless the handshake was lost.
    func handleIn(endpoint: UInt8) -> DeviceAnswer
    /// The host has received the data that the last `handleIn` of `endpoint` answered.
    func handleAck(endpoint: UInt8)
}

/// The eight bytes of a control request (section 9.3).
public struct SetupPacket: Hashable, Sendable {
    /// bmRequestType: bit 7 direction, bits 6 and 5 type (0 standard, 1 class, 2 vendor), lower bits the recipient.
    public var requestType: UInt8
    /// bRequest; its meaning depends on the type.
    public var request: UInt8
    /// wValue; its meaning is the request's.
    public var value: UInt16
    /// wIndex: an interface or an endpoint, where the request is for one.
    public var index: UInt16
    /// wLength: bytes of the data stage; at most as many come from the device.
    public var length: UInt16

    /// A request by the names of table 9-2, shortened; not checked.
    public init(requestType: UInt8, request: UInt8, value: UInt16 = 0, index: UInt16 = 0, length: UInt16 = 0) {
        self.requestType = requestType
        self.request = request
        self.value = value
        self.index = index
        self.length = length
    }

    /// - Returns: nil unless there are eight bytes.
    public init?(_ bytes: [UInt8]) {
        guard bytes.count == 8 else { return nil }
        func word(_ at: Int) -> UInt16 { UInt16(bytes[at]) | UInt16(bytes[at + 1]) << 8 }
        self.init(requestType: bytes[0], request: bytes[1], value: word(2), index: word(4), length: word(6))
    }

    /// As they go over the wire: eight bytes, numbers little-endian.
    public var bytes: [UInt8] {
        [requestType, request] + [value, index, length].flatMap { [UInt8($0 & 0xFF), UInt8($0 >> 8)] }
    }
    /// Bit 7 of bmRequestType: the data stage, if there is one, comes from the device.
    public var isDeviceToHost: Bool { requestType & 0x80 != 0 }
}

/// Standard requests (section 9.4), as far as the host sends them itself or must notice them.
public enum StandardRequest {
    /// Two bytes: is it self-powered or wakes the host, or is an endpoint halted.
    public static let getStatus: UInt8 = 0
    /// With value 0 to an endpoint: ends its halt and sets its toggle to DATA0.
    public static let clearFeature: UInt8 = 1
    /// With value 0 to an endpoint: halts it.
    public static let setFeature: UInt8 = 3
    /// The new address is in force from the end of the status stage.
    public static let setAddress: UInt8 = 5
    /// Type in the upper byte of the value, index in the lower.
    public static let getDescriptor: UInt8 = 6
    /// One byte, 0 while not configured.
    public static let getConfiguration: UInt8 = 8
    /// Also ends every halt and sets every toggle to DATA0.
    public static let setConfiguration: UInt8 = 9
    /// One byte: the alternate setting of the interface in the index.
    public static let getInterface: UInt8 = 10
    /// Chooses an alternate setting; the toggles of the interface's endpoints become DATA0.
    public static let setInterface: UInt8 = 11
}

/// Descriptor types (table 9-5; BOS: USB 3.2, table 9-6).
public enum DescriptorType {
    /// 18 bytes; every device has one.
    public static let device: UInt8 = 1
    /// 9 bytes and, asked for with enough length, all that belongs to it.
    public static let configuration: UInt8 = 2
    /// Text in UTF-16; index 0 is the list of languages.
    public static let string: UInt8 = 3
    /// 9 bytes, only inside a configuration.
    public static let interface: UInt8 = 4
    /// 7 bytes, only inside a configuration.
    public static let endpoint: UInt8 = 5
    /// Refused by a device without high speed (9.6.2).
    public static let deviceQualifier: UInt8 = 6
    /// Head of the device capabilities; asked for when bcdUSB is 2.01 or more.
    public static let bos: UInt8 = 15
    /// 3 bytes or more, only inside a BOS descriptor.
    public static let deviceCapability: UInt8 = 16
}
