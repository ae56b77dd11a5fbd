// A USB bus with a light node's device on it, seen from the host: one token at a time. What stands behind it is a controller's driver and
// whatever the driver runs on in a test.

import USBDevice

/// What a device answers, or `none` where a real one would keep silent.
public enum Handshake: Equatable, Sendable {
    case ack, nak, stall, none
}

/// The answer to an IN token.
public enum InAnswer: Equatable, Sendable {
    case data(toggle: UInt8, [UInt8])
    case handshake(Handshake)
}

/// The bus and the main loop's side of the device.
public protocol SimulatedBus: AnyObject {
    /// The pull-up that shows the device.
    var isConnected: Bool { get }
    func reset()
    func suspend()
    func resume()
    func unplug()
    func setup(_ bytes: [UInt8]) -> Handshake
    func out(_ endpoint: UInt8, toggle: UInt8, _ bytes: [UInt8]) -> Handshake
    /// - Parameter acknowledges: false when the host's acknowledgement is lost.
    func `in`(_ endpoint: UInt8, acknowledges: Bool) -> InAnswer
    /// The device's address as its controller has it.
    var address: UInt8 { get }
    /// Times that the device has asked the host to wake up.
    var wakeups: Int { get }
    /// What the driver did against the rules of what it runs on.
    var violations: [String] { get }

    /// Lets `body` see to the main loop's half of the device.
    func withPipe<Result>(_ body: (inout USBPipe) -> Result) -> Result
    /// Runs the device's interrupt until it has nothing more to do.
    func settle()
    /// "powered", "default", "address" or "configured".
    var state: String { get }
    var isSuspended: Bool { get }
}

/// The main loop.
extension SimulatedBus {
    public func attach(serial: String) {
        let bytes = Array(serial.utf8)
        withPipe { $0.attach(serial: bytes.span.bytes) }
        settle()
    }
    public func detach() {
        withPipe { $0.detach() }
        settle()
    }
    /// All that has come from the host.
    public func read(atMost count: Int) -> [UInt8] {
        var bytes: [UInt8] = []
        while bytes.count < count {
            let (byte, isRoomAwaited) = withPipe { $0.readByte() }
            if isRoomAwaited { settle() }
            guard let byte else { break }
            bytes.append(byte)
        }
        return bytes
    }
    public func write(_ bytes: [UInt8]) {
        for byte in bytes { withPipe { $0.outgoing.push(byte) } }
        settle()
    }
    public var isBootloaderWanted: Bool { withPipe { $0.isBootloaderWanted } }
}

extension SimulatedBus {
    public func `in`(_ endpoint: UInt8) -> InAnswer { `in`(endpoint, acknowledges: true) }
    public func read() -> [UInt8] { read(atMost: .max) }
}
