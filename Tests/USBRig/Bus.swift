// A USB bus with a light node's device on it, seen from the host: one token at a time. What stands behind it is a controller's driver and
// whatever the driver runs on in a test.

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

    // The main loop.
    func attach(serial: String)
    func detach()
    /// All that has come from the host.
    func read(atMost count: Int) -> [UInt8]
    func write(_ bytes: [UInt8])
    var isBootloaderWanted: Bool { get }
    /// "powered", "default", "address" or "configured".
    var state: String { get }
    var isSuspended: Bool { get }
}

extension SimulatedBus {
    public func `in`(_ endpoint: UInt8) -> InAnswer { `in`(endpoint, acknowledges: true) }
    public func read() -> [UInt8] { read(atMost: .max) }
}
