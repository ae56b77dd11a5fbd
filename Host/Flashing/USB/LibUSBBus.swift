// DFU interfaces over libusb: what is plugged in, and control transfers to it.
import CLibUSB
import Foundation
import USBStrings

/// The computer's USB devices.
public final class LibUSBBus: DFUBus, @unchecked Sendable {
    let context: OpaquePointer

    /// - Throws: `USBFault` when libusb finds no USB at all.
    public init() throws {
        var context: OpaquePointer?
        let result = libusb_init(&context)
        guard result == 0, let context else { throw USBFault(result, path: "/dev/bus/usb") }
        self.context = context
    }

    deinit { libusb_exit(context) }

    /// Sleeps in the calling thread.
    public func wait(_ milliseconds: Int) { usleep(UInt32(clamping: milliseconds * 1000)) }

    /// All DFU interfaces, the texts of those that this user may open.
    /// - Throws: `USBFault` when libusb cannot list devices.
    public func interfaces() throws -> [DFUInterface] {
        try withDevices { devices in devices.flatMap { Self.interfaces(of: $0) } }
    }

    /// Opens the device that is at the interface's port now, whichever device that is, and claims it from a kernel driver. Closed
    /// when the transport goes away.
    /// - Throws: `USBFault`, `disconnected` when nothing is at that port.
    public func open(_ interface: DFUInterface, alternate: Int) throws -> any DFUTransport {
        try withDevices { devices in
            for device in devices where Self.port(of: device) == interface.port {
                return try LibUSBTransport(
                    self, device, interface: interface.number, alternate: interface.alternates.count > 1 ? alternate : nil)
            }
            throw USBFault.disconnected
        }
    }

    private func withDevices<R>(_ body: ([OpaquePointer]) throws -> R) throws -> R {
        var list: UnsafeMutablePointer<OpaquePointer?>?
        let count = libusb_get_device_list(context, &list)
        guard count >= 0, let list else { throw USBFault(Int32(count), path: "/dev/bus/usb") }
        defer { libusb_free_device_list(list, 1) }
        return try body((0..<count).compactMap { list[$0] })
    }

    // MARK: Descriptors

    /// "1-2.3": bus and ports.
    static func port(of device: OpaquePointer) -> String {
        var ports = [UInt8](repeating: 0, count: 8)
        let count = max(0, Int(libusb_get_port_numbers(device, &ports, Int32(ports.count))))
        let path =
            count == 0 ? "\(libusb_get_device_address(device))" : ports.prefix(count).map(String.init).joined(separator: ".")
        return "\(libusb_get_bus_number(device))-\(path)"
    }

    static func path(of device: OpaquePointer) -> String {
        String(format: "/dev/bus/usb/%03d/%03d", libusb_get_bus_number(device), libusb_get_device_address(device))
    }

    private static func interfaces(of device: OpaquePointer) -> [DFUInterface] {
        var descriptor = libusb_device_descriptor()
        var found: UnsafeMutablePointer<libusb_config_descriptor>?
        guard libusb_get_device_descriptor(device, &descriptor) == 0,
            libusb_get_active_config_descriptor(device, &found) == 0 || libusb_get_config_descriptor(device, 0, &found) == 0,
            let configuration = found
        else { return [] }
        defer { libusb_free_config_descriptor(configuration) }
        let settings = (0..<Int(configuration.pointee.bNumInterfaces)).flatMap { index in
            let interface = configuration.pointee.interface[index]
            return (0..<Int(interface.num_altsetting)).map { interface.altsetting[$0] }
        }
        // Application specific, Device Firmware Upgrade; protocol 1 runs its application, 2 waits for firmware (DFU 1.1, 4.1.2 and 4.2.3).
        let dfu = settings.filter { $0.bInterfaceClass == 0xFE && $0.bInterfaceSubClass == 1 && 1...2 ~= $0.bInterfaceProtocol }
        guard !dfu.isEmpty else { return [] }
        var handle: OpaquePointer?
        let opened = libusb_open(device, &handle)
        defer { if let handle { libusb_close(handle) } }
        let denied = opened == LIBUSB_ERROR_ACCESS.rawValue ? path(of: device) : nil
        return Dictionary(grouping: dfu, by: \.bInterfaceNumber).sorted { $0.key < $1.key }.compactMap { number, settings in
            let extras =
                settings.map { bytes($0.extra, $0.extra_length) } + [
                    bytes(configuration.pointee.extra, configuration.pointee.extra_length)
                ]
            guard let functional = extras.lazy.compactMap({ DFUFunctional(descriptors: $0) }).first else { return nil }
            return DFUInterface(
                vendor: descriptor.idVendor, product: descriptor.idProduct, serial: text(handle, descriptor.iSerialNumber),
                port: port(of: device), number: Int(number), mode: settings[0].bInterfaceProtocol == 1 ? .runtime : .dfu,
                alternates: settings.map {
                    DFUInterface.Alternate(number: Int($0.bAlternateSetting), name: text(handle, $0.iInterface))
                }, functional: functional, denied: denied)
        }
    }

    private static func bytes(_ start: UnsafePointer<UInt8>?, _ count: Int32) -> [UInt8] {
        start.map { Array(UnsafeBufferPointer(start: $0, count: Int(max(0, count)))) } ?? []
    }

    private static func text(_ handle: OpaquePointer?, _ index: UInt8) -> String {
        handle.flatMap { USBString.read($0, index) } ?? ""
    }
}

/// One claimed interface.
final class LibUSBTransport: DFUTransport {
    /// bmRequestType of class requests to an interface (USB 2.0, 9.3.1).
    private static let toDevice: UInt8 = 0x21, fromDevice: UInt8 = 0xA1
    private let bus: LibUSBBus
    private let handle: OpaquePointer
    private let number: Int
    private let path: String

    init(_ bus: LibUSBBus, _ device: OpaquePointer, interface: Int, alternate: Int?) throws {
        self.bus = bus
        path = LibUSBBus.path(of: device)
        var opened: OpaquePointer?
        let result = libusb_open(device, &opened)
        guard result == 0, let opened else { throw USBFault(result, path: path) }
        number = interface
        handle = opened
        _ = libusb_set_auto_detach_kernel_driver(opened, 1)
        try check(libusb_claim_interface(opened, Int32(interface)))
        if let alternate {
            let result = libusb_set_interface_alt_setting(opened, Int32(interface), Int32(alternate))
            // libusb has no code for the stall of this request.
            if result == LIBUSB_ERROR_OTHER.rawValue { throw USBFault.stalled }
            try check(result)
        }
    }

    deinit {
        libusb_release_interface(handle, Int32(number))
        libusb_close(handle)
    }

    @discardableResult
    private func check(_ result: Int32) throws -> Int {
        guard result >= 0 else { throw USBFault(result, path: path) }
        return Int(result)
    }

    func receive(_ request: UInt8, value: UInt16, length: Int, timeout: Int) throws -> [UInt8] {
        var buffer = [UInt8](repeating: 0, count: length)
        let count = try check(
            libusb_control_transfer(
                handle, Self.fromDevice, request, value, UInt16(number), &buffer, UInt16(length), UInt32(timeout)))
        return Array(buffer.prefix(count))
    }

    func send(_ request: UInt8, value: UInt16, _ data: [UInt8], timeout: Int) throws {
        var buffer = data
        let count = try check(
            libusb_control_transfer(
                handle, Self.toDevice, request, value, UInt16(number), &buffer, UInt16(data.count), UInt32(timeout)))
        guard count == data.count else { throw USBFault.other("\(count) of \(data.count) bytes sent") }
    }

    func reset() throws {
        let result = libusb_reset_device(handle)
        // A device that is another one afterwards is what was wanted.
        guard result != LIBUSB_ERROR_NOT_FOUND.rawValue else { return }
        try check(result)
    }

    func wait(_ milliseconds: Int) { bus.wait(milliseconds) }
}

extension USBFault {
    init(_ result: Int32, path: String) {
        switch result {
        case LIBUSB_ERROR_PIPE.rawValue: self = .stalled
        case LIBUSB_ERROR_TIMEOUT.rawValue: self = .timedOut
        case LIBUSB_ERROR_NO_DEVICE.rawValue, LIBUSB_ERROR_NOT_FOUND.rawValue: self = .disconnected
        case LIBUSB_ERROR_ACCESS.rawValue: self = .denied(path)
        case LIBUSB_ERROR_BUSY.rawValue: self = .busy
        default: self = .other(String(cString: libusb_error_name(result)))
        }
    }
}

/// libusb, started when a way asks for it: other ways work where there is no USB.
public final class LazyBus: DFUBus, @unchecked Sendable {
    private let lock = NSLock()
    private var started: LibUSBBus?

    /// Starts nothing: libusb is started by the first call that needs it.
    public init() {}

    private func bus() throws -> LibUSBBus {
        try lock.withLock {
            if let started { return started }
            let bus = try LibUSBBus()
            started = bus
            return bus
        }
    }

    /// None where there is no USB: libusb cannot be started then, and is tried again at the next call.
    public func interfaces() throws -> [DFUInterface] {
        // A computer without USB has no device, which is said as for any other.
        guard let bus = try? bus() else { return [] }
        return try bus.interfaces()
    }

    /// - Throws: `USBFault`, also that of starting libusb.
    public func open(_ interface: DFUInterface, alternate: Int) throws -> any DFUTransport {
        try bus().open(interface, alternate: alternate)
    }

    /// Sleeps in the calling thread; libusb is not needed for it.
    public func wait(_ milliseconds: Int) { usleep(UInt32(clamping: milliseconds * 1000)) }
}
