// usbredir's messages: numbers, layouts, and the stream of them (usb-redirection-protocol, version 0.7).

/// Message types.
enum RedirectionType: UInt32 {
    case hello = 0, deviceConnect, deviceDisconnect, reset, interfaceInfo, endpointInfo, setConfiguration, getConfiguration
    case configurationStatus, setAlternate, getAlternate, alternateStatus, startIsochronous, stopIsochronous, isochronousStatus
    case startInterrupt, stopInterrupt, interruptStatus, allocateStreams, freeStreams, streamsStatus, cancel, filterReject, filter
    case disconnectAck, startBulkReceiving, stopBulkReceiving, bulkReceivingStatus
    case control = 100, bulk, isochronous, interrupt, bufferedBulk
}

/// Capabilities, as bits.
struct RedirectionCapabilities: OptionSet {
    let rawValue: UInt32
    static let connectDeviceVersion = RedirectionCapabilities(rawValue: 1 << 1)
    static let disconnectAck = RedirectionCapabilities(rawValue: 1 << 3)
    /// Without this and the next QEMU's xHCI refuses the device.
    static let maxPacketSize = RedirectionCapabilities(rawValue: 1 << 4)
    static let wideIDs = RedirectionCapabilities(rawValue: 1 << 5)
    static let longBulk = RedirectionCapabilities(rawValue: 1 << 6)
    static let ours: RedirectionCapabilities = [.connectDeviceVersion, .disconnectAck, .maxPacketSize, .wideIDs, .longBulk]
}

/// One message: header, then what belongs to its type, then data.
struct RedirectionMessage {
    var type: UInt32
    var id: UInt64
    var body: [UInt8]
}

struct MalformedRedirection: Error {
    let text: String
    init(_ text: String) { self.text = text }
}

/// Cuts a byte stream into messages. Every byte of it is hostile.
struct RedirectionStream {
    /// A header announces at most so many bytes.
    static let largest = 1 << 20
    private var buffer: [UInt8] = []
    /// True once both sides have said that they know 64-bit ids; the hello has 32 bits always.
    var hasWideIDs = false

    mutating func push(_ bytes: some Sequence<UInt8>) { buffer += bytes }

    mutating func next() throws(MalformedRedirection) -> RedirectionMessage? {
        let head = hasWideIDs ? 16 : 12
        guard buffer.count >= head else { return nil }
        var fields = FieldReader(buffer)
        let type = try fields.u32()
        let length = Int(try fields.u32())
        guard length <= Self.largest else { throw MalformedRedirection("a message of \(length) bytes is announced") }
        let id = hasWideIDs ? try fields.u64() : UInt64(try fields.u32())
        guard buffer.count >= head + length else { return nil }
        let body = Array(buffer[head..<head + length])
        buffer.removeFirst(head + length)
        return RedirectionMessage(type: type, id: id, body: body)
    }
}

/// Little-endian fields of a message's body.
struct FieldReader {
    private let bytes: [UInt8]
    private var offset = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    private mutating func take(_ count: Int) throws(MalformedRedirection) -> UInt64 {
        guard bytes.count - offset >= count else { throw MalformedRedirection("a message of \(bytes.count) bytes is too short") }
        defer { offset += count }
        return (0..<count).reduce(0) { $0 | UInt64(bytes[offset + $1]) << (8 * UInt64($1)) }
    }

    mutating func u8() throws(MalformedRedirection) -> UInt8 { UInt8(try take(1)) }
    mutating func u16() throws(MalformedRedirection) -> UInt16 { UInt16(try take(2)) }
    mutating func u32() throws(MalformedRedirection) -> UInt32 { UInt32(try take(4)) }
    mutating func u64() throws(MalformedRedirection) -> UInt64 { try take(8) }
    mutating func skip(_ count: Int) throws(MalformedRedirection) {
        guard bytes.count - offset >= count else { throw MalformedRedirection("a message of \(bytes.count) bytes is too short") }
        offset += count
    }
    var rest: [UInt8] { Array(bytes[offset...]) }
}

extension [UInt8] {
    /// Appends little-endian fields.
    mutating func put(_ value: some FixedWidthInteger & UnsignedInteger) {
        for shift in stride(from: 0, to: value.bitWidth, by: 8) { append(UInt8(truncatingIfNeeded: value >> shift)) }
    }
}
