// Descriptors as the host reads them, and what is wrong with them (USB 2.0, section 9.6).

/// A device as enumeration found it.
public struct DeviceDescription: Equatable, Sendable {
    /// An endpoint descriptor (USB 2.0, table 9-13) with the interface that it stands behind.
    public struct Endpoint: Equatable, Sendable {
        /// bEndpointAddress; bit 7 is IN.
        public let address: UInt8
        /// bmAttributes: transfer type in the lower two bits.
        public let attributes: UInt8
        /// wMaxPacketSize as it is, all 16 bits; the lower 11 are the bytes of a packet.
        public let maxPacketSize: Int
        /// bInterval: frames of 1 ms between two polls of an interrupt endpoint.
        public let interval: UInt8
        /// bInterfaceNumber of the interface descriptor before it.
        public let interface: UInt8
        /// bAlternateSetting of that interface descriptor: the endpoint is there only while this setting is chosen.
        public let alternate: UInt8

        /// 0 control, 1 isochronous, 2 bulk, 3 interrupt.
        public var type: UInt8 { attributes & 3 }
        /// The host reads from it: bit 7 of the address.
        public var isIn: Bool { address & 0x80 != 0 }
    }

    /// An interface descriptor (USB 2.0, table 9-12); one for each alternate setting.
    public struct Interface: Equatable, Sendable {
        /// bInterfaceNumber; several settings share it.
        public let number: UInt8
        /// bAlternateSetting; 0 is the setting after SET_CONFIGURATION.
        public let alternate: UInt8
        /// bInterfaceClass; 0xFF: the vendor's own.
        public let `class`: UInt8
        /// bInterfaceSubClass; its meaning is the class's.
        public let subclass: UInt8
        /// bInterfaceProtocol; its meaning is the class's.
        public let `protocol`: UInt8
        /// bNumEndpoints as it is; a violation is listed when as many endpoint descriptors do not follow.
        public let endpointCount: Int
    }

    /// 18 bytes.
    public let device: [UInt8]
    /// The first configuration with all that belongs to it.
    public let configuration: [UInt8]
    /// In the order of the configuration descriptor.
    public let interfaces: [Interface]
    /// In the order of the configuration descriptor, those of all alternate settings.
    public let endpoints: [Endpoint]
    /// In the first language that the device lists, foreign text; nil when it has none, or none that can be read.
    public internal(set) var manufacturer: String?
    /// In the first language that the device lists, foreign text; nil when it has none, or none that can be read.
    public internal(set) var product: String?
    /// In the first language that the device lists, foreign text; nil when it has none, or none that can be read.
    public internal(set) var serialNumber: String?

    /// idVendor (USB 2.0, table 9-8).
    public var vendorID: UInt16 { word(device, 8) }
    /// idProduct (USB 2.0, table 9-8).
    public var productID: UInt16 { word(device, 10) }
    /// bcdDevice: the maker's release, binary-coded decimal.
    public var release: UInt16 { word(device, 12) }
    /// bConfigurationValue: what SET_CONFIGURATION takes; never 0 in a device without violations.
    public var configurationValue: UInt8 { configuration[5] }

    /// Indices of the strings that name the configuration and its interfaces.
    var configurationStrings: Set<UInt8> {
        var indices: Set<UInt8> = [configuration[6]]
        var offset = 9
        while offset + 2 <= configuration.count, configuration[offset] >= 2 {
            let length = Int(configuration[offset])
            if configuration[offset + 1] == DescriptorType.interface, length >= 9, offset + 9 <= configuration.count {
                indices.insert(configuration[offset + 8])
            }
            offset += length
        }
        return indices.subtracting([0])
    }

    /// Endpoints while every interface has the alternate setting that `alternates` names (0 if it names none).
    func activeEndpoints(_ alternates: [UInt8: UInt8]) -> [Endpoint] {
        endpoints.filter { $0.alternate == alternates[$0.interface, default: 0] }
    }
}

func word(_ bytes: [UInt8], _ at: Int) -> UInt16 { UInt16(bytes[at]) | UInt16(bytes[at + 1]) << 8 }

/// Reads descriptors and collects complaints.
struct DescriptorReader {
    private(set) var complaints: [String] = []

    mutating func expect(_ holds: Bool, _ complaint: @autoclosure () -> String) { if !holds { complaints.append(complaint()) } }

    /// - Returns: nil when they cannot be used at all.
    mutating func description(device: [UInt8], configuration: [UInt8]) -> DeviceDescription? {
        check(device: device)
        guard device.count == 18, configuration.count >= 9 else { return nil }
        expect(
            configuration[0] == 9 && configuration[1] == DescriptorType.configuration,
            "the configuration descriptor has a wrong head (9.6.3)")
        expect(
            Int(word(configuration, 2)) == configuration.count,
            "wTotalLength is \(word(configuration, 2)), \(configuration.count) bytes came (9.6.3)")
        expect(configuration[7] & 0x9F == 0x80, "bmAttributes 0x\(hex(configuration[7])): bit 7 is 1, bits 0 to 4 are 0 (9.6.3)")
        expect(configuration[8] <= 250, "bMaxPower asks for more than 500 mA (9.6.3)")
        expect(configuration[5] != 0, "bConfigurationValue is 0 (9.6.3)")
        var interfaces: [DeviceDescription.Interface] = []
        var endpoints: [DeviceDescription.Endpoint] = []
        var offset = 9
        while offset < configuration.count {
            let length = Int(configuration[offset])
            guard length >= 2, offset + length <= configuration.count else {
                complaints.append("a descriptor of \(length) bytes at offset \(offset) does not fit the configuration (9.5)")
                break
            }
            let bytes = Array(configuration[offset..<offset + length])
            switch bytes[1] {
            case DescriptorType.interface: interface(bytes, &interfaces, endpoints)
            case DescriptorType.endpoint: endpoint(bytes, interfaces.last, &endpoints)
            default: break
            }
            offset += length
        }
        interfaceEnds(interfaces.last, endpoints)
        let numbers = Set(interfaces.map(\.number))
        expect(
            numbers.count == Int(configuration[4]), "bNumInterfaces is \(configuration[4]), there are \(numbers.count) (9.6.3)")
        expect(numbers == Set((0..<numbers.count).map(UInt8.init)), "interfaces are not numbered from 0 (9.6.5)")
        expect(
            Set(interfaces.map { [$0.number, $0.alternate] }).count == interfaces.count,
            "two interfaces have one number and setting (9.6.5)")
        return DeviceDescription(device: device, configuration: configuration, interfaces: interfaces, endpoints: endpoints)
    }

    mutating func check(maxPacketSize0 size: UInt8) {
        expect([8, 16, 32, 64].contains(size), "bMaxPacketSize0 is \(size): 8, 16, 32 or 64 (9.6.1)")
    }

    private mutating func check(device: [UInt8]) {
        expect(device.count == 18, "the device descriptor has \(device.count) bytes, not 18 (9.6.1)")
        guard device.count >= 18 else { return }
        expect(device[0] == 18 && device[1] == DescriptorType.device, "the device descriptor has a wrong head (9.6.1)")
        expect(device[17] >= 1, "the device has no configuration (9.6.1)")
        for at in [2, 12] {
            let digits = [device[at] & 15, device[at] >> 4, device[at + 1] & 15, device[at + 1] >> 4]
            expect(digits.allSatisfy { $0 < 10 }, "a release number is not binary-coded decimal (9.6.1)")
        }
    }

    private mutating func interface(
        _ bytes: [UInt8], _ interfaces: inout [DeviceDescription.Interface], _ endpoints: [DeviceDescription.Endpoint]
    ) {
        interfaceEnds(interfaces.last, endpoints)
        expect(bytes.count == 9, "an interface descriptor has \(bytes.count) bytes, not 9 (9.6.5)")
        guard bytes.count >= 9 else { return }
        interfaces.append(
            .init(
                number: bytes[2], alternate: bytes[3], class: bytes[5], subclass: bytes[6], protocol: bytes[7],
                endpointCount: Int(bytes[4])))
    }

    private mutating func interfaceEnds(_ interface: DeviceDescription.Interface?, _ endpoints: [DeviceDescription.Endpoint]) {
        guard let interface else { return }
        let own = endpoints.filter { $0.interface == interface.number && $0.alternate == interface.alternate }
        expect(
            own.count == interface.endpointCount,
            "interface \(interface.number) says \(interface.endpointCount) endpoints and has \(own.count) (9.6.5)")
    }

    private mutating func endpoint(
        _ bytes: [UInt8], _ interface: DeviceDescription.Interface?, _ endpoints: inout [DeviceDescription.Endpoint]
    ) {
        expect(bytes.count >= 7, "an endpoint descriptor has \(bytes.count) bytes, not 7 (9.6.6)")
        guard bytes.count >= 7, let interface else {
            complaints.append("an endpoint descriptor stands before any interface (9.4.3)")
            return
        }
        let found = DeviceDescription.Endpoint(
            address: bytes[2], attributes: bytes[3], maxPacketSize: Int(word(bytes, 4)), interval: bytes[6],
            interface: interface.number, alternate: interface.alternate)
        let name = "endpoint 0x\(hex(found.address))"
        expect(found.address & 0x70 == 0 && found.address & 15 != 0, "\(name) is no endpoint address (9.6.6)")
        switch found.type {
        case 2:
            expect(
                [8, 16, 32, 64].contains(found.maxPacketSize), "\(name): bulk packets of \(found.maxPacketSize) bytes (5.8.3)")
        case 3:
            expect(found.maxPacketSize <= 64, "\(name): interrupt packets of \(found.maxPacketSize) bytes (5.7.3)")
            expect(found.interval >= 1, "\(name): bInterval is 0 (9.6.6)")
        default: break
        }
        let taken = endpoints.contains { $0.address == found.address && $0.interface != found.interface }
        expect(!taken, "\(name) belongs to two interfaces (9.6.5)")
        endpoints.append(found)
    }

    /// The text of a string descriptor (9.6.7).
    mutating func string(_ bytes: [UInt8], index: UInt8) -> String? {
        guard bytes.count >= 2, bytes.count % 2 == 0, Int(bytes[0]) == bytes.count, bytes[1] == DescriptorType.string else {
            complaints.append("string descriptor \(index) has a wrong length or head (9.6.7)")
            return nil
        }
        return String(decoding: stride(from: 2, to: bytes.count, by: 2).map { word(bytes, $0) }, as: UTF16.self)
    }

    /// BOS and its device capabilities (USB 3.2, section 9.6.2).
    mutating func check(bos: [UInt8]) {
        expect(
            bos.count >= 5 && bos[0] == 5 && bos[1] == DescriptorType.bos, "the BOS descriptor has a wrong head (USB 3.2, 9.6.2)")
        guard bos.count >= 5 else { return }
        expect(Int(word(bos, 2)) == bos.count, "the BOS descriptor's wTotalLength is \(word(bos, 2)), \(bos.count) bytes came")
        var offset = 5
        var count = 0
        while offset < bos.count {
            let length = Int(bos[offset])
            guard length >= 3, offset + length <= bos.count, bos[offset + 1] == DescriptorType.deviceCapability else {
                complaints.append("a device capability at offset \(offset) of the BOS descriptor is malformed")
                return
            }
            count += 1
            offset += length
        }
        expect(count == Int(bos[4]), "bNumDeviceCaps is \(bos[4]), there are \(count)")
    }
}
