// Enumeration by the virtual host controller: what the operating systems ask a new device, and some that only a careful reader of chapter 9 asks.
import Foundation

/// Why enumeration ended early; the complaint is in the list already.
private struct Unusable: Error {}

extension VirtualHostController {
    /// Resets the device, gives it an address, reads and checks its descriptors, and configures it.
    /// - Returns: nil when that fails; the reason is in `violations`, or the device is gone.
    func enumerate() -> DeviceDescription? {
        condition.withLock {
            parked = []
            ready = []
            isSuspended = false
            alternates = [:]
        }
        pipes = [0: BusPipe(maxPacketSize: 8)]
        device.reset()
        var reader = DescriptorReader()
        defer { for complaint in reader.complaints { complain(complaint, endpoint: 0) } }
        do {
            let head = try descriptor(DescriptorType.device, length: 8, atLeast: 8)
            reader.check(maxPacketSize0: head[7])
            pipes[0] = BusPipe(maxPacketSize: [8, 16, 32, 64].contains(head[7]) ? Int(head[7]) : 8)
            address = address % 127 + 1
            try require(SetupPacket(requestType: 0, request: StandardRequest.setAddress, value: UInt16(address)), "SET_ADDRESS")
            let device = try descriptor(DescriptorType.device, length: 18, atLeast: 18)
            reader.expect(head == Array(device.prefix(8)), "the first 8 bytes of the device descriptor changed")
            let configuration = try configurationDescriptor(&reader)
            guard var description = reader.description(device: device, configuration: configuration) else { throw Unusable() }
            try readStrings(&description, &reader)
            try readBOS(description, &reader)
            try askUnanswerable(description)
            try configure(description, &reader)
            return description
        } catch {
            return nil
        }
    }

    // MARK: What is asked

    private func configurationDescriptor(_ reader: inout DescriptorReader) throws -> [UInt8] {
        let head = try descriptor(DescriptorType.configuration, length: 9, atLeast: 9)
        let total = Int(word(head, 2))
        let whole = try descriptor(DescriptorType.configuration, length: total, atLeast: total)
        reader.expect(Array(whole.prefix(9)) == head, "the head of the configuration descriptor changed")
        // More than there is: the answer ends with a short packet, an empty one if the last was full.
        let longer = try descriptor(DescriptorType.configuration, length: total + 64, atLeast: 9)
        reader.expect(longer == whole, "asked for more than there is of the configuration, it sent something else (9.4.3)")
        return whole
    }

    private func readStrings(_ description: inout DeviceDescription, _ reader: inout DescriptorReader) throws {
        let indices = [description.device[14], description.device[15], description.device[16]]
        guard indices.contains(where: { $0 != 0 }) else { return }
        let languages = try descriptor(DescriptorType.string, length: 255, atLeast: 4)
        reader.expect(
            Int(languages[0]) == languages.count && languages.count % 2 == 0, "the list of languages has a wrong length (9.6.7)")
        let language = word(languages, 2)
        func text(_ index: UInt8) throws -> String? {
            guard index != 0 else { return nil }
            let whole = try descriptor(DescriptorType.string, index: index, language: language, length: 255, atLeast: 2)
            let head = try descriptor(DescriptorType.string, index: index, language: language, length: 2, atLeast: 2)
            reader.expect(Array(whole.prefix(2)) == head, "the head of string descriptor \(index) changed")
            return reader.string(whole, index: index)
        }
        description.manufacturer = try text(indices[0])
        description.product = try text(indices[1])
        description.serialNumber = try text(indices[2])
        let others = description.configurationStrings.subtracting(indices)
        for index in others.sorted() { _ = try text(index) }
    }

    private func readBOS(_ description: DeviceDescription, _ reader: inout DescriptorReader) throws {
        guard word(description.device, 2) >= 0x0201 else { return }
        let head = try descriptor(DescriptorType.bos, length: 5, atLeast: 5)
        reader.check(bos: try descriptor(DescriptorType.bos, length: Int(word(head, 2)) + 64, atLeast: 5))
    }

    /// What a device without high speed must refuse (9.6.2), and what every device must know (9.4.5).
    private func askUnanswerable(_ description: DeviceDescription) throws {
        let qualifier = perform(.descriptor(DescriptorType.deviceQualifier, length: 10))
        if qualifier.status != .stall {
            complain(
                "a full-speed device answers GET_DESCRIPTOR(device qualifier) with STALL, not \(qualifier.status) (9.6.2)",
                endpoint: 0)
        }
        let status = perform(SetupPacket(requestType: 0x80, request: StandardRequest.getStatus, length: 2))
        guard status.status == .success, status.data.count == 2 else {
            complain("GET_STATUS came to \(status.status) with \(status.data.count) bytes, two are due (9.4.5)", endpoint: 0)
            throw Unusable()
        }
        if status.data[0] & 1 != description.configuration[7] >> 6 & 1 {
            complain("GET_STATUS and the configuration differ on whether the device is self-powered (9.4.5)", endpoint: 0)
        }
        if status.data[0] & 0xFE != 0 || status.data[1] != 0 {
            complain("GET_STATUS has bits set that are 0 after reset (9.4.5)", endpoint: 0)
        }
    }

    private func configure(_ description: DeviceDescription, _ reader: inout DescriptorReader) throws {
        reader.expect(try configurationNow() == 0, "a device is not configured after reset (9.1.1)")
        try require(.setConfiguration(description.configurationValue), "SET_CONFIGURATION")
        activate(description)
        reader.expect(
            try configurationNow() == description.configurationValue, "GET_CONFIGURATION does not say what was set (9.4.2)")
    }

    private func configurationNow() throws -> UInt8 {
        let result = perform(SetupPacket(requestType: 0x80, request: StandardRequest.getConfiguration, length: 1))
        guard result.status == .success, result.data.count == 1 else {
            complain(
                "GET_CONFIGURATION came to \(result.status) with \(result.data.count) bytes, one is due (9.4.2)", endpoint: 0)
            throw Unusable()
        }
        return result.data[0]
    }

    // MARK: Requests of the host itself

    private func descriptor(
        _ type: UInt8, index: UInt8 = 0, language: UInt16 = 0, length: Int, atLeast: Int
    ) throws -> [UInt8] {
        let result = perform(.descriptor(type, index: index, language: language, length: UInt16(min(length, 0xFFFF))))
        guard result.status == .success, result.data.count >= atLeast else {
            if result.status != .ioError || isThere {
                complain(
                    "GET_DESCRIPTOR(type \(type), index \(index), length \(length)) came to \(result.status) with \(result.data.count) bytes (9.4.3)",
                    endpoint: 0)
            }
            throw Unusable()
        }
        return result.data
    }

    private func require(_ setup: SetupPacket, _ name: String) throws {
        let result = perform(setup)
        guard result.status == .success else {
            if isThere { complain("\(name) came to \(result.status)", endpoint: 0) }
            throw Unusable()
        }
    }

    /// The device is there and is not about to be taken away.
    private var isThere: Bool { condition.withLock { isPlugged && isPullUpOn && !isLeaving && !isClosed } }

    /// Does a control transfer without letting anything else on the bus. Runs on the bus's thread.
    private func perform(_ setup: SetupPacket) -> TransferResult {
        let transfer = Transfer(id: 0, control: setup, data: []) { _ in }
        condition.withLock { transferCount += 1 }
        let limit = Date().addingTimeInterval(patience)
        while true {
            guard isThere else { return TransferResult(status: .ioError, data: [], count: 0) }
            if let status = step(transfer) {
                return TransferResult(status: status, data: transfer.incoming, count: transfer.incoming.count)
            }
            let isReady = condition.withLock { () -> Bool in
                while parked.contains(0), !isClosed, !isLeaving {
                    guard condition.wait(until: limit) else { return false }
                }
                return !isClosed && !isLeaving
            }
            if !isReady {
                parked.remove(0)
                let isLate = Date() >= limit
                if isLate { complain("answered NAK in the stage \(transfer.stage) of \(setup) for \(patience) s", endpoint: 0) }
                return TransferResult(status: isLate ? .timeout : .ioError, data: [], count: 0)
            }
        }
    }

    /// A disconnection waits to be handled.
    private var isLeaving: Bool {
        commands.contains {
            switch $0 {
            case .connectionChanged(false), .unplug: true
            default: false
            }
        }
    }

    // MARK: What requests change at the host's end

    /// Notices the requests that change toggles and alternate settings, the controller's own and its clients'.
    func notice(_ setup: SetupPacket) {
        guard let description else { return }
        switch (setup.requestType, setup.request) {
        case (0x00, StandardRequest.setConfiguration):
            condition.withLock { alternates = [:] }
            if setup.value == description.configurationValue {
                activate(description)
            } else {
                pipes = pipes.filter { $0.key == 0 }
            }
        case (0x01, StandardRequest.setInterface):
            condition.withLock { alternates[UInt8(truncatingIfNeeded: setup.index)] = UInt8(truncatingIfNeeded: setup.value) }
            let own = description.endpoints.filter { $0.interface == UInt8(truncatingIfNeeded: setup.index) }
            for endpoint in own { pipes[endpoint.address] = nil }
            for endpoint in description.activeEndpoints(alternates) where own.contains(endpoint) { open(endpoint) }
        case (0x02, StandardRequest.clearFeature) where setup.value == 0:
            let endpoint = UInt8(truncatingIfNeeded: setup.index)
            pipes[endpoint]?.toggle = 0
            pipes[endpoint]?.repetition = nil
            condition.withLock { _ = parked.remove(endpoint) }
        default: break
        }
    }

    private func activate(_ description: DeviceDescription) {
        pipes = pipes.filter { $0.key == 0 }
        for endpoint in description.activeEndpoints(alternates) { open(endpoint) }
        condition.withLock { parked = parked.intersection([0]) }
    }

    private func open(_ endpoint: DeviceDescription.Endpoint) {
        pipes[endpoint.address] = BusPipe(maxPacketSize: endpoint.maxPacketSize & 0x7FF)
    }
}

extension SetupPacket {
    /// GET_DESCRIPTOR to the device (USB 2.0, section 9.4.3).
    /// - Parameters:
    ///   - index: which string or configuration; 0 for other types.
    ///   - language: LANGID of a string, else 0.
    ///   - length: bytes that the host takes at most.
    public static func descriptor(_ type: UInt8, index: UInt8 = 0, language: UInt16 = 0, length: UInt16) -> SetupPacket {
        SetupPacket(
            requestType: 0x80, request: StandardRequest.getDescriptor, value: UInt16(type) << 8 | UInt16(index), index: language,
            length: length)
    }

    /// SET_CONFIGURATION (USB 2.0, section 9.4.7); 0 brings the device back to the state Address.
    public static func setConfiguration(_ value: UInt8) -> SetupPacket {
        SetupPacket(requestType: 0, request: StandardRequest.setConfiguration, value: UInt16(value))
    }

    /// Clears the halt of an endpoint.
    public static func clearHalt(_ endpoint: UInt8) -> SetupPacket {
        SetupPacket(requestType: 2, request: StandardRequest.clearFeature, index: UInt16(endpoint))
    }
}
