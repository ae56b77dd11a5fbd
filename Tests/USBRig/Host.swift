// The host's side of transfers, strict: toggles, packet sizes and ends are checked (USB 2.0, 5.5, 5.8 and 8.5).

/// What the device did against the specification.
public struct USBViolation: Error, CustomStringConvertible {
    public let description: String
}

/// One host on one rig.
public final class USBHost {
    public let rig: any SimulatedBus
    /// Packets that each control transfer took, for tests of their number.
    public private(set) var packets = 0
    private var toggles: [UInt8: UInt8] = [:]

    public init(_ rig: any SimulatedBus) { self.rig = rig }

    /// The host and the device forget the toggles of an endpoint.
    public func resetToggle(_ endpoint: UInt8) { toggles[endpoint] = 0 }

    public static func bytes(_ requestType: UInt8, _ request: UInt8, _ value: UInt16, _ index: UInt16, _ length: UInt16)
        -> [UInt8]
    {
        [
            requestType, request, UInt8(value & 0xFF), UInt8(value >> 8), UInt8(index & 0xFF), UInt8(index >> 8),
            UInt8(length & 0xFF), UInt8(length >> 8),
        ]
    }

    /// A control transfer without data or with data for the host. Nil: the device refused it.
    ///
    /// - Parameter losing: acknowledgements that get lost, one for each packet of data at most.
    public func control(
        _ requestType: UInt8, _ request: UInt8, value: UInt16 = 0, index: UInt16 = 0, length: UInt16 = 0, losing: Bool = false
    ) throws -> [UInt8]? {
        packets = 0
        guard rig.setup(Self.bytes(requestType, request, value, index, length)) == .ack else {
            throw USBViolation(description: "SETUP was not acknowledged")
        }
        if length == 0 {
            guard let status = try controlPacket(toggle: 1, losing: losing) else { return nil }
            guard status.isEmpty else { throw USBViolation(description: "the status stage brought \(status.count) bytes") }
            return []
        }
        var data: [UInt8] = []
        var toggle: UInt8 = 1
        while data.count < Int(length) {
            guard let packet = try controlPacket(toggle: toggle, losing: losing) else {
                guard data.isEmpty else { throw USBViolation(description: "STALL in the middle of the data") }
                return nil
            }
            data += packet
            toggle ^= 1
            if packet.count < 64 { break }
        }
        guard data.count <= Int(length) else { throw USBViolation(description: "\(data.count) bytes, asked for \(length)") }
        try status()
        return data
    }

    /// The host's side of the status stage after data.
    public func status() throws {
        let handshake = rig.out(0, toggle: 1, [])
        guard handshake == .ack else { throw USBViolation(description: "status stage: \(handshake)") }
    }

    /// One packet from endpoint 0; nil for STALL.
    public func controlPacket(toggle: UInt8, losing: Bool = false) throws -> [UInt8]? {
        packets += 1
        if losing, case .data = rig.in(0x80, acknowledges: false) {}
        switch rig.in(0x80) {
        case .handshake(.stall): return nil
        case .handshake(let other): throw USBViolation(description: "IN of endpoint 0: \(other)")
        case .data(let theirs, let bytes):
            guard theirs == toggle else { throw USBViolation(description: "DATA\(theirs) instead of DATA\(toggle)") }
            guard bytes.count <= 64 else { throw USBViolation(description: "a packet of \(bytes.count) bytes") }
            return bytes
        }
    }

    /// One packet of a bulk endpoint. A packet with the wrong toggle is a repetition: acknowledged and dropped, and nil as for NAK.
    public func bulkIn(_ endpoint: UInt8 = 0x81, acknowledges: Bool = true) throws -> [UInt8]? {
        switch rig.in(endpoint, acknowledges: acknowledges) {
        case .handshake(.nak): return nil
        case .handshake(let other): throw USBViolation(description: "IN of \(endpoint): \(other)")
        case .data(let toggle, let bytes):
            guard bytes.count <= 64 else { throw USBViolation(description: "a packet of \(bytes.count) bytes") }
            let expected = toggles[endpoint, default: 0]
            if toggle != expected { return nil }
            toggles[endpoint] = expected ^ 1
            return bytes
        }
    }

    /// A transfer until a short packet; nil when the device has not ended it.
    public func bulkTransferIn(_ endpoint: UInt8 = 0x81) throws -> [UInt8]? {
        var data: [UInt8] = []
        while let packet = try bulkIn(endpoint) {
            data += packet
            if packet.count < 64 { return data }
        }
        return nil
    }

    /// Sends one packet; the toggle moves on when it was acknowledged.
    public func bulkOut(_ bytes: [UInt8], _ endpoint: UInt8 = 0x01, acknowledgeIsLost: Bool = false) -> Handshake {
        let toggle = toggles[endpoint, default: 0]
        let handshake = rig.out(endpoint, toggle: toggle, bytes)
        if handshake == .ack && !acknowledgeIsLost { toggles[endpoint] = toggle ^ 1 }
        return handshake
    }

    // MARK: Usual sequences

    /// Resets the bus, gives the device an address and configures it.
    public func enumerate(address: UInt16 = 5) throws {
        reset()
        guard try control(0x00, 5, value: address) != nil, try control(0x00, 9, value: 1) != nil else {
            throw USBViolation(description: "the device refuses its address or configuration")
        }
    }

    public func reset() {
        toggles = [:]
        rig.reset()
    }

    public func descriptor(_ type: UInt8, _ index: UInt8 = 0, language: UInt16 = 0, length: UInt16 = 1024) throws -> [UInt8]? {
        try control(0x80, 6, value: UInt16(type) << 8 | UInt16(index), index: language, length: length)
    }

    public func string(_ index: UInt8) throws -> String? {
        guard let bytes = try descriptor(3, index, language: 0x0409) else { return nil }
        guard bytes.count >= 2, Int(bytes[0]) == bytes.count, bytes[1] == 3, bytes.count % 2 == 0 else {
            throw USBViolation(description: "string \(index) is malformed: \(bytes)")
        }
        let units = stride(from: 2, to: bytes.count, by: 2).map { UInt16(bytes[$0]) | UInt16(bytes[$0 + 1]) << 8 }
        return String(decoding: units, as: UTF16.self)
    }
}
