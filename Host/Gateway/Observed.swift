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

    var latest: Response
    /// Counts the representations; clients see its lower 24 bits.
    var number: UInt32
    /// Each client and the size of blocks that it takes (RFC 7959), as an exponent.
    var observers: [ObserverID: UInt8] = [:]
    /// What brings the representations.
    var source: Task<Void, Never>?
}

extension Response {
    /// As the answer to a client, or the block of it that the client asked for (RFC 7959, section 2.4).
    func reply(_ block: CoAPBlock?, observe: UInt32? = nil) -> Reply {
        var options: [Message.Option] = []
        if let observe { options.append(.init(CoAPOptionNumber.observe, uint: observe & 0xff_ffff)) }
        if let contentFormat { options.append(.init(CoAPOptionNumber.contentFormat, uint: UInt32(contentFormat))) }
        if maxAge != 60 { options.append(.init(CoAPOptionNumber.maxAge, uint: maxAge)) }
        let block = block ?? CoAPBlock(number: 0, more: false, sizeExponent: 6)
        guard block.number == 0 || block.offset < payload.count else {
            return Reply(.badRequest, reason: "there is no block \(block.number)")
        }
        let end = min(payload.count, block.offset + block.size)
        if block.number > 0 || end < payload.count {
            let sent = CoAPBlock(number: block.number, more: end < payload.count, sizeExponent: block.sizeExponent)
            options.append(.init(CoAPOptionNumber.block2, uint: sent.optionValue))
            if block.number == 0 { options.append(.init(CoAPOptionNumber.size2, uint: UInt32(payload.count))) }
        }
        return Reply(CoAPCode(rawValue: code), options: options, payload: Array(payload[block.offset..<end]))
    }
}
