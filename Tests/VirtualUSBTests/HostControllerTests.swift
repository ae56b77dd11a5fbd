import SimulatedUSB
import Testing
import VirtualUSB

@Suite("The virtual host controller")
struct HostControllerTests {
    private func plugged(_ device: EchoDevice) throws -> VirtualHostController {
        let controller = VirtualHostController(device, patience: 20)
        _ = try #require(controller.waitForDevice(), "\(controller.violations)")
        return controller
    }

    private func plugged() throws -> (EchoDevice, VirtualHostController) {
        let device = EchoDevice()
        return (device, try plugged(device))
    }

    private func pattern(_ count: Int) -> [UInt8] { (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ $0 >> 6) } }

    @Test("It enumerates a device that keeps to the specification, and finds nothing to complain of")
    func enumerates() throws {
        let controller = try plugged(EchoDevice())
        let description = try #require(controller.description)
        #expect(description.vendorID == 0x1209 && description.productID == 2)
        #expect(description.manufacturer == "lightnode" && description.product == "Echo" && description.serialNumber == "E0001")
        #expect(description.endpoints.map(\.address) == [0x01, 0x81])
        #expect(controller.violations.isEmpty, "\(controller.violations)")
        controller.close()
    }

    @Test(
        "Transfers of every length around the packet size come back whole",
        arguments: [0, 1, 63, 64, 65, 127, 128, 129, 1000, 4096])
    func lengths(length: Int) throws {
        let controller = try plugged(EchoDevice())
        let data = pattern(length)
        #expect(controller.write(0x01, data).count == length)
        if length % 64 == 0, length > 0 { #expect(controller.write(0x01, []).status == .success) }
        #expect(controller.read(0x81, length: 8192) == TransferResult(status: .success, data: data, count: length))
        let store = SetupPacket(requestType: 0x40, request: 1, length: UInt16(length))
        #expect(controller.control(store, data: data).status == .success)
        for wanted in [length, length + 1, length + 64] {
            let load = SetupPacket(requestType: 0xC0, request: 1, length: UInt16(wanted))
            #expect(controller.control(load).data == data)
        }
        #expect(controller.violations.isEmpty, "\(controller.violations)")
    }

    @Test(
        "Each thing that a device does wrong is listed",
        arguments: [
            (EchoDevice.Fault.toggleStuck(0x80), "DATA1 was due"), (.toggleStuck(0x81), "DATA1 was due"),
            (.longPackets(0x80), "8 at most"), (.longPackets(0x81), "64 at most"), (.noZeroLengthPacket, "zero-length packet"),
            (.forgetsUnacknowledged, "the same packet had to come again"), (.refusesSetup, "only ACK is allowed"),
            (.talkativeStatus, "status stage"), (.ignoresLength, "wLength is 9"), (.silent(0x81), "no answer, three times"),
            (.silent(0x80), "no answer, three times"), (.keepsToggleOnClearHalt, "DATA0 was due"),
        ])
    func listed(fault: EchoDevice.Fault, complaint: String) throws {
        let device = EchoDevice(faults: [fault])
        let controller = VirtualHostController(device, patience: 2)
        if controller.waitForDevice(timeout: 0.5) != nil {
            if fault == .forgetsUnacknowledged {
                controller.inject(BusFault(.lostHandshake, at: .transaction(1), endpoint: 0x81))
            }
            #expect(controller.write(0x01, pattern(100)).status == .success)
            _ = controller.read(0x81, length: 128, timeout: 5)
            #expect(controller.write(0x01, pattern(256)).status == .success)
            #expect(controller.write(0x01, []).status == .success)
            _ = controller.read(0x81, length: 512, timeout: fault == .noZeroLengthPacket ? 0.3 : 5)
            #expect(controller.control(.clearHalt(0x81)).status == .success)
            #expect(controller.write(0x01, [1]).status == .success)
            _ = controller.read(0x81, length: 64, timeout: 0.3)
        }
        #expect(controller.violations.contains { $0.text.contains(complaint) }, "\(controller.violations)")
    }

    @Test(
        "Malformed descriptors are listed",
        arguments: [
            (0, 17, UInt8(0), "no configuration"), (0, 7, 63, "bMaxPacketSize0"), (1, 2, 31, "something else"),
            (1, 4, 2, "bNumInterfaces"),
            (1, 7, 0, "bmAttributes"), (1, 13, 3, "says 3 endpoints"), (1, 22, 63, "bulk packets of 63"),
            (1, 20, 0x71, "no endpoint address"), (2, 2, 11, "wTotalLength"), (2, 4, 2, "bNumDeviceCaps"),
        ] as [(Int, Int, UInt8, String)])
    func descriptors(which: Int, offset: Int, value: UInt8, complaint: String) {
        let device = EchoDevice()
        switch which {
        case 0: device.descriptors.device[offset] = value
        case 1: device.descriptors.configuration[offset] = value
        default: device.descriptors.bos[offset] = value
        }
        let controller = VirtualHostController(device, patience: 2)
        _ = controller.waitForDevice(timeout: 2)
        let texts = controller.violations.map(\.text)
        #expect(texts.contains { $0.contains(complaint) }, "\(texts)")
    }

    @Test("NAK holds a transfer up until the endpoint is ready; nothing is sent meanwhile")
    func flowControl() throws {
        let (device, controller) = try plugged()
        device.isAccepting = false
        let before = controller.transactions
        #expect(controller.write(0x01, [1], timeout: 0.2).status == .timeout)
        #expect(controller.transactions == before + 1)
        device.isAccepting = true
        #expect(controller.write(0x01, [2]).status == .success)
        #expect(controller.read(0x81, length: 64).data == [2])
        #expect(controller.violations.isEmpty, "\(controller.violations)")
    }

    @Test("A halted endpoint stalls until its halt is cleared, and starts with DATA0 again")
    func halt() throws {
        let (_, controller) = try plugged()
        #expect(controller.write(0x01, [1]).status == .success)
        #expect(
            controller.control(SetupPacket(requestType: 2, request: StandardRequest.setFeature, index: 0x81)).status == .success)
        #expect(controller.read(0x81, length: 64).status == .stall)
        #expect(controller.control(SetupPacket(requestType: 0x82, request: 0, index: 0x81, length: 2)).data == [1, 0])
        #expect(controller.control(.clearHalt(0x81)).status == .success)
        #expect(controller.read(0x81, length: 64).data == [1])
        #expect(controller.violations.isEmpty, "\(controller.violations)")
    }

    @Test("Lost handshakes, NAKs, a stall and babble cost time, never a byte", arguments: 1...12)
    func faults(at moment: Int) throws {
        let (device, controller) = try plugged()
        let data = pattern(300)
        for kind in [BusFault.Kind.lostHandshake, .nak(times: 5)] {
            controller.inject(BusFault(kind, at: .transaction(moment)))
            #expect(controller.write(0x01, data).count == 300)
            #expect(controller.read(0x81, length: 512).data == data)
            let store = SetupPacket(requestType: 0x40, request: 1, length: 300)
            #expect(controller.control(store, data: data).status == .success)
            #expect(controller.control(SetupPacket(requestType: 0xC0, request: 1, length: 512)).data == data)
            controller.withdrawFaults()
        }
        #expect(device.heard == data + data)
        #expect(controller.violations.isEmpty, "\(controller.violations)")

        controller.inject(BusFault(.stall, at: .transaction(1), endpoint: 0x01))
        #expect(controller.write(0x01, data).status == .stall)
        #expect(controller.control(.clearHalt(0x01)).status == .success)
        #expect(controller.write(0x01, data).count == 300)
        controller.inject(BusFault(.babble, at: .transaction(1), endpoint: 0x81))
        #expect(controller.read(0x81, length: 512).status == .babble)
        #expect(controller.read(0x81, length: 512).data == data)
        #expect(controller.violations.isEmpty, "\(controller.violations)")
    }

    @Test("Pulled out at any packet, transfers fail; plugged in again, the device works", arguments: [false, true])
    func unplug(deviceSawPacket: Bool) throws {
        let (_, controller) = try plugged()
        for moment in 1...11 {
            controller.inject(BusFault(.unplug(deviceSawPacket: deviceSawPacket), at: .transaction(moment)))
            let sent = controller.write(0x01, pattern(300))
            let received = controller.read(0x81, length: 512)
            if moment < 11 { #expect(sent.status == .ioError || received.status == .ioError) }
            controller.withdrawFaults()
            if moment == 11 { controller.unplug() }
            #expect(controller.waitForDeparture())
            #expect(controller.write(0x01, [1]).status == .ioError)
            controller.plug()
            #expect(controller.waitForDevice() != nil)
            #expect(controller.write(0x01, [9]).status == .success)
            #expect(controller.read(0x81, length: 64).data == [9])
        }
        #expect(controller.violations.isEmpty, "\(controller.violations)")
    }

    @Test("After a port reset the same device goes on; one with other descriptors counts as new")
    func reset() throws {
        let (device, controller) = try plugged()
        #expect(controller.write(0x01, [1]).status == .success)
        #expect(controller.reset())
        #expect(controller.read(0x81, length: 64, timeout: 0.1).status == .timeout)
        #expect(controller.write(0x01, [2]).status == .success)
        #expect(controller.read(0x81, length: 64).data == [2])
        device.descriptors.device[10] = 3
        #expect(!controller.reset())
        #expect(try #require(controller.waitForDevice()).productID == 3)
        device.setConnected(false)
        #expect(controller.waitForDeparture())
        device.setConnected(true)
        #expect(controller.waitForDevice() != nil)
        #expect(controller.violations.isEmpty, "\(controller.violations)")
    }
}
