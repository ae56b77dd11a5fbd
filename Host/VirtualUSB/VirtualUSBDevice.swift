// VirtualUSB: the host's side of a USB cable without a USB port. A strict host controller checks what a device does packet by packet
// (USB 2.0, chapters 8 and 9) and exports it by the usbredir protocol. It knows nothing of boards, QEMU or light nodes.

/// What a device answers to a token (USB 2.0, section 8.4.6).
public enum DeviceAnswer: Equatable, Sendable {
    /// A data packet; `toggle` is 0 for DATA0 and 1 for DATA1.
    case data(toggle: UInt8, [UInt8])
    case ack
    case nak
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
    func suspend()
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
    public var requestType: UInt8
    public var request: UInt8
    public var value: UInt16
    public var index: UInt16
    public var length: UInt16

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

    public var bytes: [UInt8] {
        [requestType, request] + [value, index, length].flatMap { [UInt8($0 & 0xFF), UInt8($0 >> 8)] }
    }
    public var isDeviceToHost: Bool { requestType & 0x80 != 0 }
}

/// Standard requests (section 9.4), as far as the host sends them itself or must notice them.
public enum StandardRequest {
    public static let getStatus: UInt8 = 0
    public static let clearFeature: UInt8 = 1
    public static let setFeature: UInt8 = 3
    public static let setAddress: UInt8 = 5
    public static let getDescriptor: UInt8 = 6
    public static let getConfiguration: UInt8 = 8
    public static let setConfiguration: UInt8 = 9
    public static let getInterface: UInt8 = 10
    public static let setInterface: UInt8 = 11
}

/// Descriptor types (table 9-5; BOS: USB 3.2, table 9-6).
public enum DescriptorType {
    public static let device: UInt8 = 1
    public static let configuration: UInt8 = 2
    public static let string: UInt8 = 3
    public static let interface: UInt8 = 4
    public static let endpoint: UInt8 = 5
    public static let deviceQualifier: UInt8 = 6
    public static let bos: UInt8 = 15
    public static let deviceCapability: UInt8 = 16
}
