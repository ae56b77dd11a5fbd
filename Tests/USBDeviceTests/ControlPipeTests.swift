import Testing
import USBRig

@Suite struct ControlPipeTests {
    @Test(
        "Before it has an address the device answers the host's first look, of any length", arguments: Kind.allCases,
        [8, 18, 64] as [UInt16])
    func firstLook(kind: Kind, length: UInt16) throws {
        let host = kind.attached()
        let whole = try #require(try host.descriptor(1))
        let look = try #require(try host.descriptor(1, length: length))
        #expect(look == Array(whole.prefix(Int(length))))
        #expect(host.rig.violations == [])
    }

    @Test("An answer is cut to what the host asked for, whatever that is", arguments: Kind.allCases)
    func truncation(kind: Kind) throws {
        let host = try kind.configured()
        let whole = try #require(try host.control(0xC0, 2, index: 7, length: 1000))
        #expect(whole.count == 338)
        for length in [1, 2, 63, 64, 65, 127, 128, 129, 320, 337, 338, 339, 384, 65535] as [UInt16] {
            #expect(try host.control(0xC0, 2, index: 7, length: length) == Array(whole.prefix(Int(length))))
        }
        #expect(try host.control(0xC0, 2, index: 7, length: 0) == [], "no data stage, so the status stage is the device's")
        #expect(host.rig.violations == [])
    }

    @Test(
        "A shorter answer that fills its last packet ends with an empty one, and one as long as asked for does not",
        arguments: Kind.allCases)
    func emptyPacket(kind: Kind) throws {
        // 31 characters: a string descriptor of 64 bytes.
        let host = kind.attached(serial: String(repeating: "x", count: 31))
        #expect(try host.descriptor(3, 3, language: 0x0409, length: 255)?.count == 64)
        #expect(host.packets == 2)
        #expect(try host.descriptor(3, 3, language: 0x0409, length: 64)?.count == 64)
        #expect(host.packets == 1)
        #expect(try host.descriptor(3, 3, language: 0x0409, length: 65)?.count == 64)
        #expect(host.packets == 2)
    }

    @Test("Packets whose acknowledgement was lost are repeated with the same toggle", arguments: Kind.allCases)
    func lostAcknowledgements(kind: Kind) throws {
        let host = kind.attached()
        let whole = try #require(try host.control(0x80, 6, value: 0x0200, length: 255))
        #expect(try host.control(0x80, 6, value: 0x0200, length: 255, losing: true) == whole)
        #expect(try host.control(0x00, 5, value: 3, losing: true) == [])
        #expect(host.rig.address == 3)
    }

    @Test("A host that ends the data stage early, or repeats its end, is understood", arguments: Kind.allCases)
    func earlyEnd(kind: Kind) throws {
        let host = try kind.configured()
        #expect(host.rig.setup(USBHost.bytes(0xC0, 2, 0, 7, 338)) == .ack)
        #expect(try host.controlPacket(toggle: 1)?.count == 64)
        try host.status()
        #expect(try host.control(0x80, 0, length: 2) == [0, 0])
        try host.status()  // its acknowledgement was lost: the device sees a repetition
        #expect(try host.control(0x80, 0, length: 2) == [0, 0])
        #expect(host.rig.violations == [])
    }

    @Test("A new SETUP packet ends whatever was under way", arguments: Kind.allCases)
    func superseded(kind: Kind) throws {
        let host = try kind.configured()
        let device = try #require(try host.descriptor(1))
        #expect(host.rig.setup(USBHost.bytes(0xC0, 2, 0, 7, 338)) == .ack)
        #expect(try host.controlPacket(toggle: 1)?.count == 64)
        #expect(try host.descriptor(1) == device)
        #expect(host.rig.setup(USBHost.bytes(0x00, 9, 0, 0, 0)) == .ack)
        #expect(try host.descriptor(1) == device)
        #expect(host.rig.setup(USBHost.bytes(0x80, 6, 0x0600, 0, 10)) == .ack)
        #expect(host.rig.setup(USBHost.bytes(0x80, 6, 0x0600, 0, 10)) == .ack)
        #expect(try host.descriptor(1) == device)
        #expect(host.rig.violations == [])
    }
}
