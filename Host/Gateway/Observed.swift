// One resource of one node that clients observe: asked for once, told to all of them.
import CoAP
import Reporting
import Transport

/// What is observed at a node, for any number of clients.
struct Observed {
    /// The resource: the node, and the path and query below it.
    struct Key: Hashable {
        let node: String
        let path: String
        let query: [String]
    }

    struct Observer {
        /// The size of blocks that it takes (RFC 7959), as an exponent.
        var sizeExponent: UInt8
        let since: ContinuousClock.Instant
    }

    var latest: Response
    /// Counts the representations; clients see its lower 24 bits.
    var number: UInt32
    var observers: [ObserverID: Observer] = [:]
    /// What brings the representations.
    var source: Task<Void, Never>?

    /// The present representation, whole.
    var reply: Reply {
        var options: [Message.Option] = [.init(CoAPOptionNumber.observe, uint: number & 0xff_ffff)]
        if let contentFormat = latest.contentFormat {
            options.append(.init(CoAPOptionNumber.contentFormat, uint: UInt32(contentFormat)))
        }
        if latest.maxAge != 60 { options.append(.init(CoAPOptionNumber.maxAge, uint: latest.maxAge)) }
        return Reply(CoAPCode(rawValue: latest.code), options: options, payload: latest.payload)
    }
}
