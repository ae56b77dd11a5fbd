// The USB of a board that runs under a name: its host controller, and the socket that virtual machines plug it in from.
import Foundation
import Reporting
import VirtualUSB

/// What is to be known of a named board's USB.
public struct USBState: Codable, Sendable {
    /// The device behind the cable.
    public struct Device: Codable, Sendable {
        /// "1209:0001".
        public var identity: String
        /// Foreign text; nil when the device has none.
        public var manufacturer: String?
        /// Foreign text; nil when the device has none.
        public var product: String?
        /// Foreign text; nil when the device has none.
        public var serialNumber: String?
    }

    /// usbredir socket.
    public var socket: String
    /// The cable is plugged in.
    public var isPlugged: Bool
    /// As enumerated; nil when the device does not show itself.
    public var device: Device?
    /// What the device did against the specification since the board was started.
    public var violations: [String]
    /// Packets so far.
    public var transactions: Int
}

final class SupervisedUSB: @unchecked Sendable {
    let socket: String
    private let cable: BoardCable
    private let controller: VirtualHostController
    private let server: RedirectionServer
    private var isPlugged = true

    init(_ cable: BoardCable, socket: String) throws {
        self.cable = cable
        self.socket = socket
        controller = VirtualHostController(cable)
        server = try RedirectionServer(path: socket, controller: controller)
    }

    /// Called by the supervisor's queue alone.
    func plug(_ isPlugged: Bool) {
        self.isPlugged = isPlugged
        if isPlugged { controller.plug() } else { controller.unplug() }
    }

    func stateText() throws -> String {
        let device = controller.description.map { found in
            USBState.Device(
                identity: String(format: "%04x:%04x", found.vendorID, found.productID), manufacturer: found.manufacturer,
                product: found.product, serialNumber: found.serialNumber)
        }
        let state = USBState(
            socket: socket, isPlugged: isPlugged, device: device,
            violations: cable.complaints + controller.violations.map(\.description), transactions: controller.transactions)
        return String(decoding: try JSONEncoder().encode(state), as: UTF8.self)
    }

    func close() {
        server.close()
        controller.close()
    }
}
