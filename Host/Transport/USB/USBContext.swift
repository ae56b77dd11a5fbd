// The process's one libusb context, its event thread, and what is plugged in.
import CLibUSB
import Foundation
import Reporting
import Synchronization
import USBStrings

/// What a light node shows of itself on USB: interface class, subclass and protocol (Firmware/USBDevice/NodeDescriptors.swift).
enum NodeInterface {
    static let `class`: UInt8 = 0xFF
    static let subclass: UInt8 = 0x4C
    static let `protocol`: UInt8 = 1
}

/// A light node on USB, as found without talking to it.
public struct USBNode: Hashable, Sendable {
    /// Where it is plugged in: bus, then the port of each hub on the way, as Linux writes it ("1-4.2").
    public let port: String
    /// idVendor (USB 2.0, table 9-8).
    public let vendor: UInt16
    /// idProduct (USB 2.0, table 9-8).
    public let product: UInt16
    /// As the device tells it: its address, or the chip's number before it is provisioned. Nil if it has none, or could not be asked.
    public let serialNumber: String?
    /// The product's name; nil if it could not be asked.
    public let productName: String?
    /// Why it cannot be opened, nil when it can.
    public let obstacle: Failure?
    /// bInterfaceNumber of the interface that carries slipmux.
    let interface: UInt8
    let bulkIn: UInt8
    let bulkOut: UInt8

    /// How it is named on a command line when no other node has its name.
    public var locator: NodeLocator { .usb(serialNumber: serialNumber ?? port) }

    /// How it is named among `nodes`, and no other: by its serial number if that is its alone, else by its port.
    func locator(among nodes: [USBNode]) -> NodeLocator {
        guard let serialNumber, Quoted.isPlain(serialNumber), nodes.count(where: { $0.isCalled(serialNumber) }) == 1 else {
            return .usb(serialNumber: port)
        }
        return locator
    }

    /// The board's name: the last word of the product's.
    public var board: String? { productName?.split(separator: " ").last.map(String.init) }

    func isCalled(_ name: String) -> Bool { serialNumber?.lowercased() == name.lowercased() || port == name }
}

/// Finds devices, and runs libusb's event loop in a thread of its own for as long as the process lives.
final class USBContext: Sendable {
    /// The process's context.
    /// - Throws: `Failure` of kind `environment` when there is no USB here.
    static func shared() throws -> USBContext { try instance.get() }
    private static let instance = Result { try USBContext() }

    nonisolated(unsafe) let raw: OpaquePointer
    private let changes = Mutex(0)

    private init() throws {
        var context: OpaquePointer?
        let code = libusb_init(&context)
        guard code == 0, let context else { throw USBError.start(code) }
        raw = context
        if libusb_has_capability(UInt32(LIBUSB_CAP_HAS_HOTPLUG.rawValue)) != 0 {
            let both = Int32(LIBUSB_HOTPLUG_EVENT_DEVICE_ARRIVED.rawValue | LIBUSB_HOTPLUG_EVENT_DEVICE_LEFT.rawValue)
            let any = Int32(LIBUSB_HOTPLUG_MATCH_ANY)
            libusb_hotplug_register_callback(
                context, both, 0, any, any, any,
                { _, _, _, user in
                    if let user { Unmanaged<USBContext>.fromOpaque(user).takeUnretainedValue().noteChange() }
                    return 0
                }, Unmanaged.passUnretained(self).toOpaque(), nil)
        }
        let thread = Thread { [self] in
            while true {
                var limit = timeval(tv_sec: 60, tv_usec: 0)
                // An error here has been reported to the transfers; without the pause it could spin.
                if libusb_handle_events_timeout_completed(raw, &limit, nil) != 0 { usleep(10_000) }
            }
        }
        thread.name = "lightnode-usb"
        thread.start()
    }

    private func noteChange() { changes.withLock { $0 += 1 } }

    /// Waits until something was plugged in or out, at most `limit`. Where the system tells nothing, that is a poll.
    func waitForChange(since seen: Int, limit: Duration) async throws {
        let end = ContinuousClock.now + limit
        while changes.withLock({ $0 }) == seen, ContinuousClock.now < end { try await Task.sleep(for: .milliseconds(20)) }
    }

    /// Counts arrivals and departures.
    var changeCount: Int { changes.withLock { $0 } }

    /// The light nodes that are plugged in now.
    func nodes() throws -> [USBNode] {
        try withDevices { device in Self.node(device) }
    }

    /// Opens the node that is called so, with its description.
    /// - Throws: `Failure` of kind `usage` when several are.
    func open(called name: String) throws -> (handle: OpaquePointer, node: USBNode)? {
        let named = try nodes().filter { $0.isCalled(name) }
        guard named.count < 2 else {
            throw Failure(
                .usage, "\(named.count) light nodes are called usb:\(name)", about: "\(named.count)",
                remedy: .nameNode(named.map { .init("usb:\($0.port)") }.sorted { $0.value < $1.value }))
        }
        guard let port = named.first?.port else { return nil }
        return try open { $0.port == port }
    }

    /// Opens the first node that fits, with its description.
    func open(_ fits: (USBNode) -> Bool) throws -> (handle: OpaquePointer, node: USBNode)? {
        let found: [(OpaquePointer, USBNode)] = try withDevices(limit: 1) { device in
            guard let node = Self.node(device), fits(node) else { return nil }
            if let obstacle = node.obstacle { throw obstacle }
            var handle: OpaquePointer?
            let code = libusb_open(device, &handle)
            guard code == 0, let handle else { throw USBError.failure(code, node.locator.description) }
            return (handle, node)
        }
        return found.first
    }

    private func withDevices<Found>(limit: Int = .max, _ body: (OpaquePointer) throws -> Found?) throws -> [Found] {
        var list: UnsafeMutablePointer<OpaquePointer?>?
        let count = libusb_get_device_list(raw, &list)
        guard count >= 0, let list else { throw USBError.failure(Int32(count), "USB") }
        defer { libusb_free_device_list(list, 1) }
        var found: [Found] = []
        for index in 0..<count where found.count < limit {
            if let device = list[index], let one = try body(device) { found.append(one) }
        }
        return found
    }

    // MARK: One device

    private static func node(_ device: OpaquePointer) -> USBNode? {
        var descriptor = libusb_device_descriptor()
        guard libusb_get_device_descriptor(device, &descriptor) == 0, let place = interface(device) else { return nil }
        var serial: String?
        var product: String?
        var obstacle: Failure?
        var handle: OpaquePointer?
        let code = libusb_open(device, &handle)
        if code == 0, let handle {
            serial = string(handle, descriptor.iSerialNumber)
            product = string(handle, descriptor.iProduct)
            libusb_close(handle)
        } else {
            // The kernel has asked already, and tells everybody.
            serial = attribute("serial", of: device)
            product = attribute("product", of: device)
            obstacle = USBError.failure(code, "usb:\(serial ?? port(device))")
        }
        return USBNode(
            port: port(device), vendor: descriptor.idVendor, product: descriptor.idProduct, serialNumber: serial,
            productName: product,
            obstacle: obstacle, interface: place.number, bulkIn: place.bulkIn, bulkOut: place.bulkOut)
    }

    /// The interface that carries slipmux: by class, subclass and protocol, with one bulk endpoint each way.
    private static func interface(_ device: OpaquePointer) -> (number: UInt8, bulkIn: UInt8, bulkOut: UInt8)? {
        var configuration: UnsafeMutablePointer<libusb_config_descriptor>?
        guard libusb_get_active_config_descriptor(device, &configuration) == 0, let configuration else { return nil }
        defer { libusb_free_config_descriptor(configuration) }
        for index in 0..<Int(configuration.pointee.bNumInterfaces) {
            let interface = configuration.pointee.interface[index]
            guard interface.num_altsetting > 0 else { continue }
            let setting = interface.altsetting[0]
            guard setting.bInterfaceClass == NodeInterface.class, setting.bInterfaceSubClass == NodeInterface.subclass,
                setting.bInterfaceProtocol == NodeInterface.protocol
            else { continue }
            let endpoints = (0..<Int(setting.bNumEndpoints)).map { setting.endpoint[$0] }.filter { $0.bmAttributes & 3 == 2 }
            if let input = endpoints.first(where: { $0.bEndpointAddress & 0x80 != 0 }),
                let output = endpoints.first(where: { $0.bEndpointAddress & 0x80 == 0 })
            {
                return (setting.bInterfaceNumber, input.bEndpointAddress, output.bEndpointAddress)
            }
        }
        return nil
    }

    private static func port(_ device: OpaquePointer) -> String {
        var ports = [UInt8](repeating: 0, count: 8)
        let count = libusb_get_port_numbers(device, &ports, Int32(ports.count))
        guard count > 0 else { return "\(libusb_get_bus_number(device))-\(libusb_get_device_address(device))" }
        return "\(libusb_get_bus_number(device))-" + ports.prefix(Int(count)).map(String.init).joined(separator: ".")
    }

    private static func string(_ handle: OpaquePointer, _ index: UInt8) -> String? {
        USBString.read(handle, index)
    }

    private static func attribute(_ name: String, of device: OpaquePointer) -> String? {
        let file = "/sys/bus/usb/devices/\(port(device))/\(name)"
        guard let bytes = FileManager.default.contents(atPath: file) else { return nil }
        let text = Quoted.line(String(decoding: bytes, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines))
        return text.isEmpty ? nil : text
    }
}

/// What libusb's error codes mean to a person.
enum USBError {
    /// libusb cannot be used in this process.
    static func start(_ code: Int32) -> Failure {
        Failure(
            .environment, "USB cannot be used here: libusb did not start (\(String(cString: libusb_strerror(code))))",
            advice: "LIBUSB_DEBUG=4 makes it say why: a sandbox without /dev/bus/usb or netlink, or too few files (ulimit -n)")
    }

    static func failure(_ code: Int32, _ name: String) -> Failure {
        let reason = String(cString: libusb_strerror(code))
        switch code {
        case LIBUSB_ERROR_ACCESS.rawValue:
            return Failure(
                .environment, "\(name) may not be opened: permission denied", about: "\(name)",
                remedy: .permitUSB)
        case LIBUSB_ERROR_BUSY.rawValue:
            return Failure(
                .unreachable, "\(name) is in use by another program", about: "\(name)",
                advice: "Close it (a console?) and try again")
        case LIBUSB_ERROR_NO_DEVICE.rawValue, LIBUSB_ERROR_NOT_FOUND.rawValue:
            return Failure(
                .unreachable, "\(name) was unplugged", about: "\(name)", advice: "Plug it in again, then repeat the command")
        default:
            return Failure(
                .unreachable, "\(name) failed: \(reason)", about: "\(name)",
                advice: "Unplug it, plug it in again, then repeat the command")
        }
    }
}
