import Testing
import USBRig

@Suite struct StandardRequestTests {
    @Test("The pull-up shows the device only once the main loop wants it, and hides it again", arguments: Kind.allCases)
    func attachment(kind: Kind) {
        let rig = kind.make()
        #expect(!rig.isConnected)
        rig.attach(serial: "1")
        #expect(rig.isConnected)
        #expect(rig.state == "powered")
        rig.detach()
        #expect(!rig.isConnected)
        #expect(rig.violations == [])
    }

    @Test("The address is taken after the status stage, not before", arguments: Kind.allCases)
    func address(kind: Kind) throws {
        let host = kind.attached()
        let rig = host.rig
        #expect(rig.state == "default" && rig.address == 0)
        #expect(rig.setup(USBHost.bytes(0x00, 5, 42, 0, 0)) == .ack)
        #expect(rig.state == "default")
        #expect(rig.in(0x80, acknowledges: false) == .data(toggle: 1, []))
        #expect(rig.state == "default")
        #expect(rig.in(0x80) == .data(toggle: 1, []))
        #expect(rig.state == "address" && rig.address == 42)
        #expect(try host.control(0x00, 5, value: 0) == [])
        #expect(rig.state == "default" && rig.address == 0)
        #expect(rig.violations == [])
    }

    @Test("An address above 127, and one for a configured device, are refused", arguments: Kind.allCases)
    func wrongAddress(kind: Kind) throws {
        let host = kind.attached()
        #expect(try host.control(0x00, 5, value: 128) == nil)
        try host.enumerate()
        #expect(try host.control(0x00, 5, value: 7) == nil)
        #expect(host.rig.state == "configured")
    }

    @Test("A configuration that does not exist is refused; 0 unconfigures", arguments: Kind.allCases)
    func configuration(kind: Kind) throws {
        let host = kind.attached()
        #expect(try host.control(0x00, 9, value: 1) == nil, "not before it has an address")
        #expect(try host.control(0x80, 8, length: 1) == nil)
        _ = try host.control(0x00, 5, value: 9)
        #expect(try host.control(0x80, 8, length: 1) == [0])
        #expect(try host.control(0x00, 9, value: 2) == nil)
        #expect(host.rig.in(0x81) == .handshake(.none), "no endpoint answers before the device is configured")
        #expect(try host.control(0x00, 9, value: 1) == [])
        #expect(try host.control(0x80, 8, length: 1) == [1])
        #expect(host.rig.in(0x81) == .handshake(.nak))
        #expect(try host.control(0x00, 9, value: 0) == [])
        #expect(host.rig.state == "address")
        #expect(host.rig.in(0x81) == .handshake(.none))
        #expect(host.rig.out(1, toggle: 0, [1]) == .none)
        #expect(host.rig.violations == [])
    }

    @Test("Status of device, interfaces and endpoints", arguments: Kind.allCases)
    func status(kind: Kind) throws {
        let host = kind.attached()
        #expect(try host.control(0x80, 0, length: 2) == nil, "not before it has an address")
        _ = try host.control(0x00, 5, value: 9)
        #expect(try host.control(0x80, 0, length: 2) == [0, 0])
        #expect(try host.control(0x82, 0, index: 0, length: 2) == [0, 0])
        #expect(try host.control(0x82, 0, index: 0x81, length: 2) == nil, "only once configured")
        #expect(try host.control(0x81, 0, index: 0, length: 2) == nil)
        _ = try host.control(0x00, 9, value: 1)
        for interface in [0, 1] as [UInt16] { #expect(try host.control(0x81, 0, index: interface, length: 2) == [0, 0]) }
        #expect(try host.control(0x81, 0, index: 2, length: 2) == nil)
        for endpoint in [0, 0x80, 1, 0x81] as [UInt16] {
            #expect(try host.control(0x82, 0, index: endpoint, length: 2) == [0, 0])
        }
        for endpoint in [2, 0x82, 0x101, 0x83] as [UInt16] {
            #expect(try host.control(0x82, 0, index: endpoint, length: 2) == nil)
        }
    }

    @Test("Remote wakeup is allowed and forbidden by the host, and forbidden after a reset", arguments: Kind.allCases)
    func remoteWakeup(kind: Kind) throws {
        let host = try kind.configured()
        let rig = host.rig
        #expect(try host.control(0x00, 3, value: 1) == [])
        #expect(try host.control(0x80, 0, length: 2) == [2, 0])
        rig.suspend()
        #expect(rig.isSuspended)
        #expect(rig.wakeups == 0, "it has nothing to say")
        rig.write([1, 2, 3])
        #expect(rig.wakeups == 1)
        rig.write([4])
        #expect(rig.wakeups == 1, "once is enough")
        rig.resume()
        #expect(try host.bulkTransferIn() == [1, 2, 3, 4])
        #expect(try host.control(0x00, 1, value: 1) == [])
        #expect(try host.control(0x80, 0, length: 2) == [0, 0])
        rig.suspend()
        rig.write([5])
        #expect(rig.wakeups == 1, "not allowed")
        rig.resume()
        #expect(try host.bulkTransferIn() == [5])
        #expect(try host.control(0x00, 3, value: 1) == [])
        try host.enumerate()
        #expect(try host.control(0x80, 0, length: 2) == [0, 0])
        #expect(rig.violations == [])
    }

    @Test(
        "A halted endpoint answers STALL until the halt is cleared, which resets its toggle and loses nothing",
        arguments: Kind.allCases)
    func halt(kind: Kind) throws {
        let host = try kind.configured()
        let rig = host.rig
        // An odd number of packets in each direction, so that both toggles stand at 1.
        #expect(host.bulkOut([1]) == .ack)
        rig.write([2])
        #expect(try host.bulkTransferIn() == [2])
        rig.write([3, 4])
        #expect(try host.control(0x02, 3, value: 0, index: 0x81) == [])
        #expect(try host.control(0x82, 0, index: 0x81, length: 2) == [1, 0])
        #expect(rig.in(0x81) == .handshake(.stall))
        #expect(try host.control(0x02, 3, value: 0, index: 0x01) == [])
        #expect(rig.out(1, toggle: 1, [9]) == .stall)
        #expect(try host.control(0x02, 1, value: 0, index: 0x81) == [])
        #expect(try host.control(0x02, 1, value: 0, index: 0x01) == [])
        #expect(try host.control(0x82, 0, index: 0x81, length: 2) == [0, 0])
        #expect(rig.in(0x81) == .data(toggle: 0, [3, 4]))
        #expect(rig.out(1, toggle: 0, [5]) == .ack)
        #expect(rig.read() == [1, 5])
        #expect(rig.violations == [])
    }

    @Test("Clearing a halt that is none resets the toggle as well", arguments: Kind.allCases)
    func clearing(kind: Kind) throws {
        let host = try kind.configured()
        #expect(host.bulkOut([1]) == .ack)
        #expect(try host.control(0x02, 1, value: 0, index: 0x01) == [])
        #expect(host.rig.out(1, toggle: 0, [2]) == .ack)
        #expect(host.rig.read() == [1, 2])
    }

    @Test("Choosing the configuration or the setting of an interface anew resets toggles and halts", arguments: Kind.allCases)
    func anew(kind: Kind) throws {
        let host = try kind.configured()
        let rig = host.rig
        for request in [(0x00, 9, 1, 0), (0x01, 11, 0, 0)] as [(UInt8, UInt8, UInt16, UInt16)] {
            #expect(rig.out(1, toggle: 0, [1]) == .ack)
            #expect(try host.control(0x02, 3, value: 0, index: 0x81) == [])
            #expect(try host.control(request.0, request.1, value: request.2, index: request.3) == [])
            #expect(try host.control(0x82, 0, index: 0x81, length: 2) == [0, 0])
            #expect(rig.out(1, toggle: 0, [2]) == .ack)
            #expect(rig.read() == [1, 2])
            #expect(try host.control(0x00, 9, value: 1) == [])
        }
    }

    @Test("Each interface has the one setting 0", arguments: Kind.allCases)
    func interface(kind: Kind) throws {
        let host = kind.attached()
        _ = try host.control(0x00, 5, value: 9)
        #expect(try host.control(0x81, 10, index: 0, length: 1) == nil)
        #expect(try host.control(0x01, 11, value: 0, index: 0) == nil)
        _ = try host.control(0x00, 9, value: 1)
        for interface in [0, 1] as [UInt16] {
            #expect(try host.control(0x81, 10, index: interface, length: 1) == [0])
            #expect(try host.control(0x01, 11, value: 0, index: interface) == [])
            #expect(try host.control(0x01, 11, value: 1, index: interface) == nil)
        }
        #expect(try host.control(0x81, 10, index: 2, length: 1) == nil)
        #expect(try host.control(0x01, 11, value: 0, index: 2) == nil)
    }

    @Test(
        "What a full-speed device need not have is refused, and the next request is served",
        arguments: Kind.allCases,
        [
            [0x80, 6, 0, 6, 0, 0, 10, 0],  // DEVICE_QUALIFIER
            [0x80, 6, 0, 7, 0, 0, 9, 0],  // OTHER_SPEED_CONFIGURATION
            [0x80, 6, 0, 5, 0, 0, 7, 0],  // an endpoint's descriptor alone
            [0x80, 6, 1, 2, 0, 0, 9, 0],  // a second configuration
            [0x80, 6, 0, 0x29, 0, 0, 9, 0],
            [0x82, 12, 0, 0, 0x81, 0, 2, 0],  // SYNCH_FRAME
            [0x00, 7, 0, 1, 0, 0, 18, 0],  // SET_DESCRIPTOR
            [0x00, 3, 2, 0, 0, 1, 0, 0],  // TEST_MODE
            [0x00, 1, 2, 0, 0, 0, 0, 0],
            [0x02, 3, 0, 0, 0, 0, 0, 0],  // halt of endpoint 0
            [0x02, 3, 0, 0, 5, 0, 0, 0],
            [0x01, 3, 0, 0, 0, 0, 0, 0],
            [0x03, 0, 0, 0, 0, 0, 0, 0],
            [0x80, 0xFF, 0, 0, 0, 0, 1, 0],
            [0x60, 0, 0, 0, 0, 0, 0, 0],  // reserved type
            [0xC0, 2, 0, 0, 8, 0, 10, 0], [0xC0, 1, 0, 0, 2, 0, 64, 0],  // vendor requests that mean nothing
        ] as [[UInt8]])
    func refused(kind: Kind, setup: [UInt8]) throws {
        let host = try kind.configured()
        #expect(host.rig.setup(setup) == .ack)
        #expect(host.rig.in(0x80) == .handshake(.stall))
        #expect(host.rig.in(0x80) == .handshake(.stall))
        #expect(host.rig.out(0, toggle: 1, [1]) == .stall)
        #expect(try host.control(0x80, 0, length: 2) == [0, 0])
        #expect(try host.control(0x02, 1, value: 0, index: 0) == [], "clearing the halt that endpoint 0 has not is no error")
        #expect(host.rig.state == "configured" && host.rig.violations == [])
    }

    @Test("A reset in any state makes the device anew", arguments: Kind.allCases, 0..<6)
    func reset(kind: Kind, stage: Int) throws {
        let host = stage == 0 ? kind.attached() : try kind.configured()
        let rig = host.rig
        switch stage {
        case 1: _ = rig.setup(USBHost.bytes(0x80, 6, 0x0200, 0, 255))  // a data stage that never came to be
        case 2:
            _ = rig.setup(USBHost.bytes(0xC0, 2, 0, 7, 338))
            _ = rig.in(0x80)
        case 3: _ = rig.setup(USBHost.bytes(0x00, 9, 0, 0, 0))
        case 4: rig.suspend()
        case 5: _ = try host.control(0x02, 3, value: 0, index: 0x81)
        default: break
        }
        host.reset()
        #expect(rig.state == "default" && rig.address == 0 && !rig.isSuspended)
        #expect(rig.in(0x81) == .handshake(.none))
        #expect(rig.in(0x80) == .handshake(.nak))
        try host.enumerate(address: 99)
        #expect(rig.address == 99)
        #expect(try host.control(0x82, 0, index: 0x81, length: 2) == [0, 0])
        #expect(host.bulkOut([1, 2]) == .ack && rig.read() == [1, 2])
        #expect(rig.violations == [])
    }

    @Test("An unplugged device is as new when it is plugged in again", arguments: Kind.allCases)
    func unplugged(kind: Kind) throws {
        let host = try kind.configured()
        host.rig.unplug()
        if kind == .virtual { #expect(host.rig.state == "powered") } else { #expect(host.rig.isSuspended) }
        #expect(host.rig.in(0x80) == .handshake(.none))
        try host.enumerate()
        #expect(host.rig.state == "configured" && host.rig.violations == [])
    }
}
