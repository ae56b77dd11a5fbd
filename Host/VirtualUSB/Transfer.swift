// One transfer under way on the virtual bus.

/// How a transfer ended. The raw values are usbredir's.
public enum TransferStatus: UInt8, Sendable, Codable {
    /// All went over, or a short packet ended it.
    case success
    /// Ended by `cancel` or by a reset of the port.
    case cancelled
    /// There is no such endpoint in the present configuration.
    case invalid
    /// The device is gone, gave no answer, or answered against the specification.
    case ioError
    /// The endpoint is halted, or the request was refused.
    case stall
    /// The device answered NAK until enumeration gave up.
    case timeout
    /// More bytes came than fit.
    case babble
}

/// The end of a transfer.
public struct TransferResult: Equatable, Sendable {
    /// Why it ended; `data` and `count` tell what went over before that.
    public let status: TransferStatus
    /// What came in; empty for OUT.
    public let data: [UInt8]
    /// Bytes that went over, either way.
    public let count: Int

    /// - Parameter count: bytes that went over; for IN those of `data`.
    public init(status: TransferStatus, data: [UInt8], count: Int) {
        self.status = status
        self.data = data
        self.count = count
    }
}

/// A transfer that was submitted and has not ended. Touched by the bus's thread alone once it has begun.
final class Transfer {
    enum Stage { case setup, dataIn, dataOut, statusIn, statusOut, bulkIn, bulkOut }

    let id: Int
    /// bEndpointAddress; 0 for control transfers.
    let endpoint: UInt8
    let setup: SetupPacket?
    /// What goes out.
    let outgoing: [UInt8]
    /// How many bytes may come in.
    let wanted: Int
    let completion: @Sendable (TransferResult) -> Void
    var stage: Stage
    var incoming: [UInt8] = []
    var sent = 0
    /// Of the next data packet of a control transfer.
    var toggle: UInt8 = 1
    var hasBegun = false
    /// Answers that did not come, in a row.
    var silences = 0
    private var hasEnded = false

    init(id: Int, control setup: SetupPacket, data: [UInt8], completion: @escaping @Sendable (TransferResult) -> Void) {
        self.id = id
        self.endpoint = 0
        self.setup = setup
        self.outgoing = data
        self.wanted = Int(setup.length)
        self.stage = .setup
        self.completion = completion
    }

    init(id: Int, in endpoint: UInt8, length: Int, completion: @escaping @Sendable (TransferResult) -> Void) {
        self.id = id
        self.endpoint = endpoint
        self.setup = nil
        self.outgoing = []
        self.wanted = length
        self.stage = .bulkIn
        self.completion = completion
    }

    init(id: Int, out endpoint: UInt8, data: [UInt8], completion: @escaping @Sendable (TransferResult) -> Void) {
        self.id = id
        self.endpoint = endpoint
        self.setup = nil
        self.outgoing = data
        self.wanted = 0
        self.stage = .bulkOut
        self.completion = completion
    }

    /// Calls the completion, once: a cable that is pulled ends the transfer under way before its own transaction is over.
    func end(_ status: TransferStatus) {
        guard !hasEnded else { return }
        hasEnded = true
        let count = setup.map { $0.isDeviceToHost } ?? (endpoint & 0x80 != 0) ? incoming.count : sent
        completion(TransferResult(status: status, data: incoming, count: count))
    }
}

/// The host's end of an endpoint: what it keeps between transfers.
struct BusPipe {
    let maxPacketSize: Int
    /// Toggle of the next data packet.
    var toggle: UInt8 = 0
    /// Set when the host's handshake was lost: the device has to send this packet again.
    var repetition: (toggle: UInt8, data: [UInt8])?
}
