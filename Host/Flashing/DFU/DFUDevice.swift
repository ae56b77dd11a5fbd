// What the DFU client needs of USB: the interfaces that there are, and control transfers to one of them.
import Foundation

/// How a control transfer can fail.
public enum USBFault: Error, Equatable, Sendable {
    /// The device refused the request.
    case stalled
    case timedOut
    /// It is gone.
    case disconnected
    /// This user may not open it; the path of its device file.
    case denied(String)
    /// Another program has it.
    case busy
    case other(String)
}

/// Control transfers to one DFU interface, its alternate setting selected. Used by one thread.
public protocol DFUTransport: AnyObject {
    /// A class request with data from the device; up to `length` bytes.
    func receive(_ request: UInt8, value: UInt16, length: Int, timeout: Int) throws -> [UInt8]
    /// A class request with data to the device; `timeout` in milliseconds.
    func send(_ request: UInt8, value: UInt16, _ data: [UInt8], timeout: Int) throws
    /// A USB reset of the device.
    func reset() throws
    /// Lets time pass, in milliseconds.
    func wait(_ milliseconds: Int)
}

/// A DFU interface of a device that is plugged in.
public struct DFUInterface: Hashable, Codable, Sendable {
    public enum Mode: String, Codable, Sendable {
        /// The device runs its application and can be asked to detach.
        case runtime
        /// It waits for firmware.
        case dfu
    }

    public struct Alternate: Hashable, Codable, Sendable {
        public var number: Int
        public var name: String

        public init(number: Int, name: String) {
            self.number = number
            self.name = name
        }
    }

    public var vendor: UInt16
    public var product: UInt16
    public var serial: String
    /// Where it is plugged in, "1-2.3": bus and ports.
    public var port: String
    public var number: Int
    public var mode: Mode
    public var alternates: [Alternate]
    public var attributes: UInt8
    /// Milliseconds.
    public var detachTimeout: Int
    /// Bytes of a block.
    public var transferSize: Int
    public var version: UInt16
    /// Path of its device file when this user may not open it: names and serial are then unknown.
    public var denied: String?

    public init(
        vendor: UInt16, product: UInt16, serial: String, port: String, number: Int, mode: Mode, alternates: [Alternate],
        functional: DFUFunctional, denied: String? = nil
    ) {
        self.vendor = vendor
        self.product = product
        self.serial = serial
        self.port = port
        self.number = number
        self.mode = mode
        self.alternates = alternates
        attributes = functional.attributes
        detachTimeout = functional.detachTimeout
        transferSize = functional.transferSize
        version = functional.version
        self.denied = denied
    }

    public var identity: String { String(format: "%04x:%04x", vendor, product) }
}

/// The devices that are plugged in.
public protocol DFUBus: Sendable {
    func interfaces() throws -> [DFUInterface]
    /// Claims the interface and selects the alternate setting.
    /// - Throws: `USBFault`.
    func open(_ interface: DFUInterface, alternate: Int) throws -> any DFUTransport
    /// Lets time pass, in milliseconds.
    func wait(_ milliseconds: Int)
}
