import BootloaderModel
import Foundation
import Reporting
import Testing
import VirtualUSB

@testable import Flashing

/// The virtual host controller as a bus for the client: every packet of the model is checked against USB 2.0.
final class ControllerBus: DFUBus, @unchecked Sendable {
    let controller: VirtualHostController
    let serial: String
    init(_ controller: VirtualHostController, serial: String) {
        self.controller = controller
        self.serial = serial
    }

    func interfaces() throws -> [DFUInterface] {
        guard let found = controller.waitForDevice(timeout: 0.01) else { return [] }
        let isRunning = found.vendorID == 0x1209
        guard let functional = DFUFunctional(descriptors: found.configuration) else { return [] }
        return [
            DFUInterface(
                vendor: found.vendorID, product: found.productID, serial: found.serialNumber ?? "", port: "1-1",
                number: isRunning ? 1 : 0,
                mode: isRunning ? .runtime : .dfu,
                alternates: isRunning
                    ? [.init(number: 0, name: "bootloader")]
                    : STM32Bootloader.alternateNames.enumerated().map { .init(number: $0.offset, name: $0.element) },
                functional: functional)
        ]
    }

    func open(_ interface: DFUInterface, alternate: Int) throws -> any DFUTransport {
        if interface.mode == .dfu {
            let setup = SetupPacket(requestType: 1, request: StandardRequest.setInterface, value: UInt16(alternate), index: 0)
            _ = try ControllerTransport(controller, 0).carry(setup, [])
        }
        return ControllerTransport(controller, UInt16(interface.number))
    }

    /// The model lets a host that waits as told pass on, at most as fast as it did; tests do not wait as long.
    func wait(_ milliseconds: Int) { usleep(UInt32(min(milliseconds, 1) * 1000)) }
}

final class ControllerTransport: DFUTransport {
    let controller: VirtualHostController
    let index: UInt16
    init(_ controller: VirtualHostController, _ index: UInt16) {
        self.controller = controller
        self.index = index
    }

    func carry(_ setup: SetupPacket, _ data: [UInt8]) throws -> [UInt8] {
        let result = controller.control(setup, data: data, timeout: 20)
        switch result.status {
        case .success: return result.data
        case .stall: throw USBFault.stalled
        case .timeout: throw USBFault.timedOut
        default: throw USBFault.disconnected
        }
    }

    func receive(_ request: UInt8, value: UInt16, length: Int, timeout: Int) throws -> [UInt8] {
        try carry(SetupPacket(requestType: 0xA1, request: request, value: value, index: index, length: UInt16(length)), [])
    }

    func send(_ request: UInt8, value: UInt16, _ data: [UInt8], timeout: Int) throws {
        _ = try carry(
            SetupPacket(requestType: 0x21, request: request, value: value, index: index, length: UInt16(data.count)), data)
    }

    func reset() throws { _ = controller.reset() }
    func wait(_ milliseconds: Int) { usleep(UInt32(min(milliseconds, 1) * 1000)) }
}

@Suite("The bootloader's model on the virtual bus") struct VirtualBusTests {
    @Test("it is enumerated, flashed and leaves without a violation of USB 2.0")
    func flashes() throws {
        let it = try Attempt()
        let controller = VirtualHostController(BootloaderDevice(it.device))
        defer { controller.close() }
        let found = try #require(controller.waitForDevice(timeout: 20))
        #expect(found.vendorID == 0x0483 && found.productID == 0xDF11 && found.release == 0x2200 && found.interfaces.count == 4)
        let way = DFUWay(bus: ControllerBus(controller, serial: it.device.serial))
        let device = try #require(try way.candidates(for: it.board).first)
        let report = try way.flash(try it.job(), device, progress: SilentProgress(), cancellation: Cancellation())
        #expect(report.outcome == .written && it.holdsImage && it.keysAreThere && it.device.hasLeft)
        #expect(controller.waitForDeparture(timeout: 20))
        #expect(controller.violations.isEmpty, "\(controller.violations)")
    }

    @Test("a running node is asked for its bootloader, leaves the bus, comes back as another device, and is flashed")
    func detaches() throws {
        let it = try Attempt(size: 0x2801)
        let controller = VirtualHostController(BootloaderDevice(it.device, nodeSerial: "NODE1"))
        defer { controller.close() }
        #expect(try #require(controller.waitForDevice(timeout: 20)).vendorID == 0x1209)
        let way = DFUWay(bus: ControllerBus(controller, serial: "NODE1"))
        let device = try #require(try way.candidates(for: it.board).first)
        #expect(device.serial == "NODE1")
        let report = try way.flash(try it.job(), device, progress: SilentProgress(), cancellation: Cancellation())
        #expect(report.outcome == .written && it.holdsImage && it.keysAreThere)
        #expect(controller.violations.isEmpty, "\(controller.violations)")
    }

    @Test("the cable is pulled in the middle: the failure says so")
    func unplugged() throws {
        let it = try Attempt()
        it.device.faults.unplugsAtBlock = 3
        let controller = VirtualHostController(BootloaderDevice(it.device))
        defer { controller.close() }
        _ = try #require(controller.waitForDevice(timeout: 20))
        let way = DFUWay(bus: ControllerBus(controller, serial: it.device.serial))
        let device = try #require(try way.candidates(for: it.board).first)
        let found = failure { _ = try way.flash(try it.job(), device, progress: SilentProgress(), cancellation: Cancellation()) }
        #expect(
            found?.kind == .notFlashed && found?.what.contains("was unplugged, writing 0x080") == true,
            "\(found?.description ?? "")")
    }
}
