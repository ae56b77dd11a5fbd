import Testing
import USBRig

@Suite struct BulkTests {
    @Test(
        "Bytes of any number go to the host in one transfer that ends", arguments: Kind.allCases,
        [1, 63, 64, 65, 127, 128, 192, 1000, 4095])
    func toHost(kind: Kind, count: Int) throws {
        let host = try kind.configured()
        host.rig.write(pattern(count))
        #expect(try host.bulkTransferIn() == pattern(count))
        #expect(host.rig.in(0x81) == .handshake(.nak), "and there is no more, not even an empty packet")
        #expect(host.rig.violations == [])
    }

    @Test("Bytes of any number come from the host, empty packets among them", arguments: Kind.allCases, [0, 1, 63, 64, 65, 200])
    func fromHost(kind: Kind, count: Int) throws {
        let host = try kind.configured()
        var rest = pattern(count)[...]
        repeat {
            #expect(host.bulkOut(Array(rest.prefix(64))) == .ack)
            rest = rest.dropFirst(64)
        } while !rest.isEmpty
        #expect(host.bulkOut([]) == .ack)
        #expect(host.rig.read() == pattern(count))
        #expect(host.rig.violations == [])
    }

    @Test("A host that sends faster than the main loop reads is held with NAK, and nothing is lost", arguments: Kind.allCases)
    func pressure(kind: Kind) throws {
        let host = try kind.configured()
        let sent = pattern(8000)
        var at = 0, naks = 0
        var received: [UInt8] = []
        while at < sent.count {
            let packet = Array(sent[at..<min(at + 64, sent.count)])
            switch host.bulkOut(packet) {
            case .ack: at += packet.count
            case .nak:
                naks += 1
                received += host.rig.read(atMost: 100)
            default: Issue.record("neither ACK nor NAK")
            }
        }
        received += host.rig.read()
        #expect(received == sent)
        #expect(naks > 10)
        #expect(host.rig.violations == [])
    }

    @Test("Lost acknowledgements in both directions repeat packets, and the bytes arrive once", arguments: Kind.allCases)
    func lostAcknowledgements(kind: Kind) throws {
        let host = try kind.configured()
        for round in 0..<5 {
            let bytes = [UInt8(round)] + pattern(40)
            #expect(host.bulkOut(bytes, acknowledgeIsLost: true) == .ack)
            #expect(host.bulkOut(bytes) == .ack)
            #expect(host.rig.read() == bytes)
            host.rig.write(bytes)
            #expect(try host.bulkIn(acknowledges: false) == bytes)
            #expect(try host.bulkIn() == nil, "the repetition")
            #expect(host.rig.in(0x81) == .handshake(.nak))
        }
        #expect(host.rig.violations == [])
    }

    @Test("What was meant for one host is not told to the next", arguments: Kind.allCases)
    func nextHost(kind: Kind) throws {
        let host = try kind.configured()
        host.rig.write(pattern(200))
        _ = try host.bulkIn()
        try host.enumerate()
        #expect(host.rig.in(0x81) == .handshake(.nak))
        host.rig.write([7])
        #expect(try host.bulkTransferIn() == [7])
    }

    @Test("The bootloader's interface tells its state, and goes only after DETACH was acknowledged", arguments: Kind.allCases)
    func bootloader(kind: Kind) throws {
        let host = try kind.configured()
        #expect(try host.control(0xA1, 3, index: 1, length: 6) == [0, 0, 0, 0, 0, 0])
        #expect(try host.control(0xA1, 5, index: 1, length: 1) == [0])
        for refused in [1, 2, 4, 6] as [UInt8] { #expect(try host.control(0x21, refused, index: 1) == nil) }
        #expect(try host.control(0x21, 0, value: 1000, index: 0) == nil, "the other interface")
        #expect(host.rig.setup(USBHost.bytes(0x21, 0, 1000, 1, 0)) == .ack)
        #expect(!host.rig.isBootloaderWanted)
        #expect(host.rig.in(0x80) == .data(toggle: 1, []))
        #expect(host.rig.isBootloaderWanted)
        #expect(try host.control(0xA1, 3, index: 1, length: 6) == [0, 0, 0, 0, 1, 0])
    }

    @Test("A device that is not configured does not leave for the bootloader", arguments: Kind.allCases)
    func unconfiguredBootloader(kind: Kind) throws {
        let host = kind.attached()
        _ = try host.control(0x00, 5, value: 1)
        #expect(try host.control(0x21, 0, value: 1000, index: 1) == nil)
        #expect(!host.rig.isBootloaderWanted)
    }
}
