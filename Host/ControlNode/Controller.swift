// A control node: its key, its sequence numbers and the devices that it owns.

/// What a control node keeps between programs.
public struct Controller: Sendable {
    public let key: ControllerKey
    public let sequence: SequenceClock
    public let book: DeviceBook
    /// Every receipt that was ever verified.
    public let log: DeviceLog

    public init(key: ControllerKey, sequence: SequenceClock, book: DeviceBook, log: DeviceLog) {
        self.key = key
        self.sequence = sequence
        self.book = book
        self.log = log
    }

    /// The controller that lives in `home`, with its key there or in `keyFile`.
    public init(_ home: Home, keyFile: PrivateFile? = nil, passphrase: () throws -> String?) throws {
        self.init(
            key: try ControllerKey.load(from: keyFile ?? home.controllerKey, passphrase: passphrase),
            sequence: home.sequenceClock,
            book: DeviceBook(home.deviceBook),
            log: try DeviceLog(home.deviceLog))
    }
}
