import Testing
import USBRig

@Suite struct DescriptorTests {
    private func word(_ bytes: [UInt8], _ at: Int) -> UInt16 { UInt16(bytes[at]) | UInt16(bytes[at + 1]) << 8 }

    @Test("The device descriptor tells version, ids and that there is a serial number")
    func device() throws {
        let host = Kind.virtual.attached()
        let bytes = try #require(try host.descriptor(1))
        #expect(bytes.count == 18 && bytes[0] == 18 && bytes[1] == 1)
        #expect(word(bytes, 2) == 0x0210, "2.1: hosts ask for the BOS")
        #expect(bytes[7] == 64 && bytes[17] == 1)
        #expect(word(bytes, 8) == 0x1209 && word(bytes, 10) == 0x0001)
        #expect(word(bytes, 12) == 0x0123, "firmware 1.2.3")
        #expect(try host.string(bytes[14]) == "lightnode")
        #expect(try host.string(bytes[15]) == "Light node test-board")
        #expect(try host.string(bytes[16]) == "00C0FFEE00C0FFEE")
    }

    @Test("A device without a number of its own says that it has none")
    func anonymous() throws {
        let host = Kind.virtual.attached(serial: "")
        #expect(try #require(try host.descriptor(1))[16] == 0)
        #expect(try host.string(3) == nil)
    }

    @Test("The serial number may be an address; it takes two packets")
    func address() throws {
        let address = "node1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqq2ejklm"
        let host = Kind.virtual.attached(serial: address)
        #expect(try host.string(3) == address)
        #expect(host.packets == 2)
    }

    @Test("The configuration's descriptors have the lengths that they claim, and its interfaces the endpoints that they count")
    func configuration() throws {
        let host = Kind.virtual.attached()
        let bytes = try #require(try host.descriptor(2))
        #expect(word(bytes, 2) == UInt16(bytes.count) && bytes[4] == 2 && bytes[5] == 1 && bytes[7] == 0xA0)
        var interfaces: [[UInt8]] = []
        var endpoints: [[UInt8]] = []
        var at = 0
        while at < bytes.count {
            let descriptor = Array(bytes[at..<at + Int(bytes[at])])
            switch descriptor[1] {
            case 4: interfaces.append(descriptor)
            case 5:
                #expect(descriptor.count == 7 && descriptor[3] == 2 && word(descriptor, 4) == 64)
                endpoints.append(descriptor)
            default: break
            }
            at += descriptor.count
        }
        #expect(at == bytes.count)
        #expect(interfaces.map { Array($0[2...7]) } == [[0, 0, 2, 0xFF, 0x4C, 1], [1, 0, 0, 0xFE, 1, 1]])
        #expect(endpoints.map { $0[2] } == [0x01, 0x81])
        #expect(try interfaces.map { try host.string($0[8]) } == ["slipmux", "bootloader"])
        #expect(Array(bytes.suffix(9)) == [9, 0x21, 0x0B, 255, 0, 0, 8, 0x10, 1])
    }

    @Test("Strings exist in English alone")
    func languages() throws {
        let host = Kind.virtual.attached()
        #expect(try host.descriptor(3, 0) == [4, 3, 0x09, 0x04])
        #expect(try host.descriptor(3, 1, language: 0x0407) == nil)
        #expect(try host.descriptor(3, 6, language: 0x0409) == nil)
        #expect(try host.descriptor(3, 0xEE, language: 0) == nil, "Microsoft OS 1.0 is not spoken")
    }

    @Test("The BOS holds a WebUSB and a Microsoft OS 2.0 capability, and the latter's set is as long as promised")
    func capabilities() throws {
        let host = Kind.virtual.attached()
        let bytes = try #require(try host.descriptor(15))
        #expect(bytes[0] == 5 && word(bytes, 2) == UInt16(bytes.count) && bytes[4] == 2)
        let web = Array(bytes[5..<29]), microsoft = Array(bytes[29...])
        #expect(web[0] == 24 && Array(web[1...3]) == [16, 5, 0] && word(web, 20) == 0x0100 && web[23] == 0)
        #expect(microsoft[0] == 28 && microsoft.count == 28)
        _ = try host.control(0x00, 5, value: 1)
        let set = try #require(try host.control(0xC0, microsoft[26], index: 7, length: 4096))
        #expect(Int(word(microsoft, 24)) == set.count && Int(word(set, 8)) == set.count)
        #expect(Int(word(set, 16)) == set.count - 10)
        var at = 18
        for interface in [0, 1] as [UInt8] {
            #expect(word(set, at) == 8 && word(set, at + 2) == 2 && set[at + 4] == interface)
            let end = at + Int(word(set, at + 6))
            at += 8
            #expect(word(set, at) == 20 && Array(set[at + 4..<at + 10]) == Array("WINUSB".utf8))
            at += 20
            #expect(word(set, at) == 132 && word(set, at + 4) == 7)
            let name = Int(word(set, at + 6)), data = Int(word(set, at + 8 + name))
            #expect(10 + name + data == 132)
            let text = stride(from: at + 10 + name, to: at + 132, by: 2).map { word(set, $0) }
            #expect(String(decoding: text.prefix(38), as: UTF16.self).wholeMatch(of: /\{[0-9A-F-]{36}\}/) != nil)
            #expect(Array(text.suffix(2)) == [0, 0])
            at += 132
            #expect(at == end)
        }
        #expect(at == set.count)
    }
}
