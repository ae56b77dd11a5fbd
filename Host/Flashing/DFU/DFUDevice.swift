// What the DFU client needs of USB: the interfaces that there are, and control transfers to one of them.
import Foundation

/// How a control transfer can fail.
public enum USBFault: Error, Equatable, Sendable {
    /// The device refused the request.
    case stalled
    /// No answer within the time that was given to the request.
    case timedOut
    /// It is gone.
    case disconnected
    /// This user may not open it; the path of its device file.
    case denied(String)
    /// Another program has it.
    case busy
    /// Anything else; libusb's name of the error, or how much of the data went.
    case other(String)
}

/// Control transfers to one DFU interface, its alternate setting selected. Used by one thread.
public protocol DFUTransport: AnyObject {
    /// A class request with data from the device; up to `length` bytes.
    /// - Throws: `USBFault`.
    func receive(_ request: UInt8, value: UInt16, length: Int, timeout: Int) throws -> [UInt8]
    /// A class request with data to the device; `timeout` in milliseconds.
    /// - Throws: `USBFault`; the device may have taken the request then.
    func send(_ request: UInt8, value: UInt16, _ data: [UInt8], timeout: Int) throws
    /// A USB reset of the device.
    /// - Throws: `USBFault`, but not when the device is another one afterwards.
    func reset() throws
    /// Lets time pass, in milliseconds.
    func wait(_ milliseconds: Int)
}

/// A DFU interface of a device that is plugged in.
public struct DFUInterface: Hashable, Codable, Sendable {
    /// What the device is doing, by the protocol of its DFU interface (DFU 1.1, 4.1.2 and 4.2.3).
    public enum Mode: String, Codable, Sendable {
        /// The device runs its application and can be asked to detach.
        case runtime
        /// It waits for firmware.
        case dfu
    }

    /// One memory of the device: an alternate setting of the interface (DFU 1.1, 4.2.3).
    public struct Alternate: Hashable, Codable, Sendable {
        /// bAlternateSetting: what `DFUBus.open` takes.
        public var number: Int
        /// The text of iInterface, foreign; a DfuSe device describes the memory in it (`DfuSeLayout`). Empty when it could not be
        /// read.
        public var name: String

        /// A memory by its number and the text in which the device describes it.
        public init(number: Int, name: String) { (self.number, self.name) = (number, name) }
    }

    /// idVendor of the device (USB 2.0, table 9-8).
    public var vendor: UInt16
    /// idProduct of the device (USB 2.0, table 9-8).
    public var product: UInt16
    /// The text of iSerialNumber, foreign; empty when it has none or could not be read. Two devices may have the same.
    public var serial: String
    /// Where it is plugged in, "1-2.3": bus and ports.
    public var port: String
    /// bInterfaceNumber: where requests go.
    public var number: Int
    /// What the device was doing when it was listed.
    public var mode: Mode
    /// In the order of the configuration descriptor, one at least.
    public var alternates: [Alternate]
    /// bmAttributes of the functional descriptor: see `DFUFunctional.attributes`.
    public var attributes: UInt8
    /// Milliseconds.
    public var detachTimeout: Int
    /// Bytes of a block.
    public var transferSize: Int
    /// bcdDFUVersion of the functional descriptor: see `DFUFunctional.version`.
    public var version: UInt16
    /// Path of its device file when this user may not open it: names and serial are then unknown.
    public var denied: String?

    /// An interface as its descriptors give it.
    /// - Parameters:
    ///   - port: bus and ports, "1-2.3".
    ///   - functional: taken apart into the four fields of that descriptor.
    ///   - denied: path of the device file, when this user may not open it.
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

    /// Vendor and product as four hexadecimal digits each, "0483:df11": as lsusb writes them.
    public var identity: String { String(format: "%04x:%04x", vendor, product) }
}

/// The devices that are plugged in.
public protocol DFUBus: Sendable {
    /// The DFU interfaces of all devices that are plugged in now, looked up anew at each call.
    /// - Throws: `USBFault` when the bus cannot be listed. A device that may not be opened is no error: it has `denied`.
    func interfaces() throws -> [DFUInterface]
    /// Claims the interface and selects the alternate setting.
    /// - Throws: `USBFault`.
    func open(_ interface: DFUInterface, alternate: Int) throws -> any DFUTransport
    /// Lets time pass, in milliseconds.
    func wait(_ milliseconds: Int)
}
