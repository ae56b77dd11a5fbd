// A light node's image on an emulated board with a USB cable: in a virtual host controller, and from there in programs on libusb.
import Emulation
import Foundation
import Provisioning
import Reporting
import SimulatedUSB
import Testing
import Transport
import VirtualUSB

/// A board whose USB is plugged in. All is gone with the object.
final class USBRig: @unchecked Sendable {
    let scratch: Scratch
    let board: EmulatedBoard
    let bus: ExportedDevice
    var home: String { scratch.url.path + "/home" }

    /// Powers a blank board on and waits until it is enumerated.
    init() throws {
        scratch = try Scratch()
        var configuration = EmulatedBoard.Configuration(
            image: try checkedImage("mps2-an386"),
            flashFile: scratch.url.appendingPathComponent("flash.bin"))
        configuration.startTimeout = 60
        configuration.usb = true
        board = try EmulatedBoard(configuration)
        bus = try ExportedDevice(try #require(board.usb, "mps2-an386 has no USB"))
        try board.start()
        _ = try #require(bus.controller.waitForDevice(timeout: 60), "\(complaints)")
    }

    deinit { board.close() }

    var controller: VirtualHostController { bus.controller }
    /// What the board did against the specification.
    var complaints: [String] { (board.usb?.complaints ?? []) + controller.violations.map(\.description) }

    /// Waits until the board shows itself under its address, which it does some time after it was provisioned.
    func waitForAddress() -> Bool {
        for _ in 0..<1200 {
            if controller.description?.serialNumber?.hasPrefix("node1") == true { return true }
            usleep(50_000)
        }
        return false
    }

    /// Plugs the cable in again.
    func replug() throws {
        controller.withdrawFaults()
        controller.unplug()
        _ = controller.waitForDeparture()
        controller.plug()
        _ = try #require(controller.waitForDevice(timeout: 60), "\(complaints)")
    }

    /// A client of this process on the bus, without an operating system in between.
    func client() -> CoAPClient { CoAPClient(VirtualBusPipe(controller), name: "usb", timing: .init(total: .seconds(60))) }

    /// Runs `lightnode` with the board as the only USB device.
    func lightnode(_ arguments: String..., denied: Bool = false) throws -> ExportedDevice.Result {
        try run(arguments, denied: denied)
    }

    func run(_ arguments: [String], denied: Bool = false) throws -> ExportedDevice.Result {
        try bus.run(
            [Program.beside("lightnode").path] + arguments, denied: denied,
            environment: ["LIGHTNODE_HOME": denied ? "/tmp/none-\(getpid())" : home])
    }
}

/// A byte pipe over the bulk endpoints of the virtual bus.
final class VirtualBusPipe: BytePipe, @unchecked Sendable {
    let incoming: AsyncThrowingStream<[UInt8], any Error>
    private let continuation: AsyncThrowingStream<[UInt8], any Error>.Continuation
    private let controller: VirtualHostController
    private let lock = NSLock()
    private var reading: Int?
    private static let gone = Failure(.unreachable, "the node was unplugged", advice: "Plug it in again")

    init(_ controller: VirtualHostController) {
        self.controller = controller
        (incoming, continuation) = AsyncThrowingStream<[UInt8], any Error>.makeStream()
        read()
    }

    private func read() {
        let id = controller.submit(in: 0x81, length: 512) { [weak self] result in
            guard let self else { return }
            if !result.data.isEmpty { continuation.yield(result.data) }
            switch result.status {
            case .success: read()
            case .cancelled: continuation.finish()
            default: continuation.finish(throwing: Self.gone)
            }
        }
        lock.withLock { reading = id }
    }

    func send(_ bytes: [UInt8]) async throws {
        let status = await withCheckedContinuation { done in
            _ = controller.submit(out: 0x01, data: bytes) { done.resume(returning: $0.status) }
        }
        guard status == .success else { throw Self.gone }
    }

    func close() { if let reading = lock.withLock({ reading }) { controller.cancel(reading) } }
}
