import Foundation
import Testing
import USBRig

/// `make soak` sets more.
private let seeds = UInt64(ProcessInfo.processInfo.environment["LIGHTNODE_USB_SEEDS"] ?? "") ?? 20

/// Marsaglia's xorshift: the same seed, the same run.
struct Random: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
        state ^= state << 13
        state ^= state >> 7
        state ^= state << 17
        return state
    }
}

@Suite struct RandomTests {
    /// Bytes of a SETUP packet, half of them near what means something.
    private func setup(_ random: inout Random) -> [UInt8] {
        var bytes = (0..<8).map { _ in UInt8.random(in: 0...255, using: &random) }
        if Bool.random(using: &random) {
            bytes[0] = [0x00, 0x01, 0x02, 0x80, 0x81, 0x82, 0x21, 0xA1, 0xC0].randomElement(using: &random)!
            bytes[1] = UInt8.random(in: 0...12, using: &random)
            bytes[2] = UInt8.random(in: 0...4, using: &random)
            bytes[3] = [0, 0, 1, 2, 3, 6, 15].randomElement(using: &random)!
            bytes[4] = [0, 1, 7, 0x80, 0x81].randomElement(using: &random)!
            bytes[5] = [0, 0, 0, 4].randomElement(using: &random)!
            bytes[7] = [0, 0, 1].randomElement(using: &random)!
        }
        // It would leave for good, or answer under another address.
        if bytes[0] == 0x21 && bytes[1] == 0 { bytes[1] = 3 }
        return bytes
    }

    private func disturb(_ host: USBHost, _ random: inout Random) {
        let rig = host.rig
        switch Int.random(in: 0..<12, using: &random) {
        case 0...3: _ = rig.setup(setup(&random))
        case 4...5: _ = rig.in(0x80, acknowledges: Bool.random(using: &random))
        case 6: _ = rig.in(0x81, acknowledges: Bool.random(using: &random))
        case 7: _ = rig.in(UInt8.random(in: 0x80...0x8F, using: &random))
        case 8:
            let bytes = [UInt8](repeating: 7, count: Int.random(in: 0...64, using: &random))
            _ = rig.out(UInt8.random(in: 0...3, using: &random), toggle: UInt8.random(in: 0...1, using: &random), bytes)
        case 9: rig.write(pattern(Int.random(in: 0...200, using: &random)))
        case 10: _ = rig.read(atMost: Int.random(in: 0...300, using: &random))
        default:
            rig.suspend()
            rig.resume()
        }
    }

    @Test(
        "Whatever packets come, the device breaks no rule, and after a reset it is as good as new", arguments: Kind.allCases,
        1...seeds)
    func chaos(kind: Kind, seed: UInt64) throws {
        let host = kind.attached()
        let device = try #require(try host.descriptor(1))
        var random = Random(state: seed &* 0x9E37_79B9_7F4A_7C15)
        for _ in 0..<10 {
            try host.enumerate()
            for _ in 0..<200 { disturb(host, &random) }
            try #require(host.rig.violations == [])
            host.reset()
            #expect(try host.descriptor(1) == device)
        }
        try host.enumerate()
        _ = host.rig.read()
        host.rig.write([1, 2, 3])
        #expect(try host.bulkTransferIn() == [1, 2, 3])
        #expect(host.bulkOut([4, 5]) == .ack && host.rig.read() == [4, 5])
        #expect(host.rig.violations == [])
    }

    @Test(
        "A SETUP packet is served whatever came before it, without a reset", arguments: Kind.allCases,
        1...seeds)
    func persistence(kind: Kind, seed: UInt64) throws {
        let host = try kind.configured()
        var random = Random(state: seed &* 0xD134_2543_DE82_EF95)
        for _ in 0..<300 {
            for _ in 0..<Int.random(in: 0...5, using: &random) { disturb(host, &random) }
            let bytes = try #require(try host.descriptor(1))
            #expect(bytes.count == 18)
            try #require(host.rig.violations == [])
        }
    }

    @Test("Bytes that are no frames disturb the virtual wire no longer than they take", arguments: 1...seeds)
    func noise(seed: UInt64) throws {
        var random = Random(state: seed &* 0x2545_F491_4F6C_DD1D)
        let rig = VirtualRig()
        let host = USBHost(rig)
        rig.attach(serial: "1")
        try host.enumerate()
        for _ in 0..<20 {
            rig.usb.controller.line.toDevice += (0..<Int.random(in: 1...50, using: &random)).map { _ in
                UInt8.random(in: 0...255, using: &random)
            }
            rig.step()
            // No frame is longer than this.
            rig.usb.controller.line.toDevice += [UInt8](repeating: 0xFF, count: 1031)
            rig.step()
        }
        #expect(rig.violations == [])
        rig.unplug()
        rig.attach(serial: "1")
        try host.enumerate()
        #expect(rig.state == "configured")
    }

    @Test("A host that does not take its answers makes the virtual controller wait, and loses none")
    func congestion() throws {
        let rig = VirtualRig()
        rig.attach(serial: "1")
        try USBHost(rig).enumerate()
        rig.usb.controller.line.capacity = 200
        for _ in 0..<100 { rig.usb.controller.line.toDevice += [0x04, 0x81, 0, 0, 0xA5] }
        rig.usb.service()
        #expect(rig.usb.controller.line.toHost.count <= 200)
        #expect(rig.usb.controller.line.toDevice.count > 200)
        var answers = 0
        for _ in 0..<100 { answers += rig.step().count }
        #expect(answers == 100 && rig.violations == [])
    }

    @Test("Whatever a reset has left on the wire, zeros and SYNC bring device and host into step", arguments: 0..<100)
    func cutFrames(seed: Int) {
        var random = Random(state: UInt64(seed) &* 0x9E37_79B9_7F4A_7C15 | 1)
        let rig = VirtualRig()
        rig.attach(serial: "1234")
        // The end of a frame and the beginning of another, or anything at all.
        rig.usb.controller.line.toDevice = (0..<Int.random(in: 1...80, using: &random)).map { _ in
            Bool.random(using: &random) ? UInt8.random(in: 0...12, using: &random) : UInt8.random(in: 0...255, using: &random)
        }
        rig.usb.controller.line.toDevice += [UInt8](repeating: 0, count: 1029) + [0x0A, 0, 0, 0, 0xA5]
        while !rig.usb.controller.line.toDevice.isEmpty { rig.usb.service() }
        #expect(rig.usb.controller.line.toHost.suffix(6) == [0x87, 0, 1, 0, 1, 0xA5])
        rig.usb.controller.line.toHost = []
        rig.reset()
        #expect(rig.setup([0x80, 6, 0, 1, 0, 0, 18, 0]) == .ack)
        guard case .data(1, let device) = rig.in(0x80, acknowledges: true) else { return #expect(Bool(false), "no descriptor") }
        #expect(device.count == 18 && rig.violations.isEmpty, "\(rig.violations)")
    }
}
