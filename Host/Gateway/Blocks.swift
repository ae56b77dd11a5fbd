// Bodies in blocks (RFC 7959): requests put together before they go to a node, answers kept for the blocks that follow the first.
import CoAP
import Transport

/// What one client asked for or sends: blocks of one body have it in common.
struct Transfer: Hashable {
    let peer: SocketAddress
    let code: UInt8
    let host: String
    let path: [String]
    let query: [String]

    init(_ request: Message, from peer: SocketAddress) {
        self.peer = peer
        code = request.code.rawValue
        host = request[CoAPOptionNumber.uriHost]?.text ?? ""
        path = request.all(CoAPOptionNumber.uriPath).map(\.text)
        query = request.all(CoAPOptionNumber.uriQuery).map(\.text)
    }
}

/// Bodies of requests that are arriving.
struct Uploads {
    private struct Upload {
        var body: [UInt8] = []
        /// Bytes of the datagrams that it came in.
        var received = 0
        var at: ContinuousClock.Instant
    }
    enum Step {
        /// The block was taken; the next is awaited.
        case proceed
        /// The request as if it had come in one piece, and the bytes of all datagrams that it came in.
        case whole(Message, received: Int)
        case refused(CoAPCode)
    }

    private var open: [Transfer: Upload] = [:]
    private static let capacity = 64
    private static let perHost = 4
    /// So long the next block is waited for.
    private static let patience = Duration.seconds(60)

    /// Takes a block.
    /// - Parameter room: bytes that a whole body may have.
    mutating func take(
        _ request: Message, _ block: CoAPBlock, _ transfer: Transfer, size: Int, room: Int, at now: ContinuousClock.Instant = .now
    ) -> Step {
        open = open.filter { now - $0.value.at <= Self.patience }
        // All blocks but the last are full (RFC 7959, section 2.3).
        guard block.more ? request.payload.count == block.size : request.payload.count <= block.size else {
            return .refused(.badRequest)
        }
        var upload = block.number == 0 ? Upload(at: now) : open[transfer] ?? Upload(at: now)
        guard upload.body.count == block.offset else {
            open[transfer] = nil
            return .refused(.requestEntityIncomplete)
        }
        let announced = request[CoAPOptionNumber.size1]?.uint.map { Int($0) } ?? 0
        guard max(announced, block.offset + request.payload.count + (block.more ? 1 : 0)) <= room else {
            open[transfer] = nil
            return .refused(.requestEntityTooLarge)
        }
        upload.body += request.payload
        upload.received += size
        upload.at = now
        guard block.more else {
            open[transfer] = nil
            var whole = request
            whole.payload = upload.body
            whole.options.removeAll { $0.number == CoAPOptionNumber.block1 || $0.number == CoAPOptionNumber.size1 }
            return .whole(whole, received: upload.received)
        }
        if open[transfer] == nil {
            // The oldest makes room: of the host's own, then of all.
            let mine = open.filter { $0.key.peer.share == transfer.peer.share }
            let full = mine.count >= Self.perHost ? mine : open.count >= Self.capacity ? open : [:]
            if let oldest = full.min(by: { $0.value.at < $1.value.at }) { open[oldest.key] = nil }
        }
        open[transfer] = upload
        return .proceed
    }
}

/// Answers that went out in part, so that their further blocks are of one body and cost the node nothing.
struct Answers {
    private struct Kept {
        let reply: Reply
        let tag: [UInt8]
        var at: ContinuousClock.Instant
    }
    private var kept: [Transfer: Kept] = [:]
    private var number: UInt16 = .random(in: 0 ... .max)
    private static let capacity = 256
    private static let perHost = 16
    private static let patience = Duration.seconds(60)

    /// Keeps `reply`, whole, in place of what was kept of this transfer before.
    /// - Returns: an entity tag for its blocks.
    mutating func keep(_ reply: Reply, for transfer: Transfer, at now: ContinuousClock.Instant = .now) -> [UInt8] {
        kept = kept.filter { now - $0.value.at <= Self.patience }
        if kept[transfer] == nil {
            let mine = kept.filter { $0.key.peer.share == transfer.peer.share }
            let full = mine.count >= Self.perHost ? mine : kept.count >= Self.capacity ? kept : [:]
            if let oldest = full.min(by: { $0.value.at < $1.value.at }) { kept[oldest.key] = nil }
        }
        number &+= 1
        let tag = [UInt8(number >> 8), UInt8(number & 0xff)]
        kept[transfer] = Kept(reply: reply, tag: tag, at: now)
        return tag
    }

    mutating func find(_ transfer: Transfer, at now: ContinuousClock.Instant = .now) -> (reply: Reply, tag: [UInt8])? {
        guard var found = kept[transfer], now - found.at <= Self.patience else { return nil }
        found.at = now
        kept[transfer] = found
        return (found.reply, found.tag)
    }

    mutating func forget(_ transfer: Transfer) { kept[transfer] = nil }
}

extension Reply {
    /// Block `number` of this answer in blocks of 16 · 2^`sizeExponent` bytes; nil if it has no such block.
    func block(_ number: UInt32, _ sizeExponent: UInt8, tag: [UInt8]?) -> Reply? {
        let offset = Int(number) << Int(sizeExponent + 4)
        guard offset < payload.count || offset == 0 else { return nil }
        let end = min(payload.count, offset + 16 << Int(sizeExponent))
        var part = self
        part.payload = Array(payload[offset..<end])
        let block = CoAPBlock(number: number, more: end < payload.count, sizeExponent: sizeExponent)
        part.options.append(.init(CoAPOptionNumber.block2, uint: block.optionValue))
        if let tag { part.options.append(.init(CoAPOptionNumber.entityTag, tag)) }
        return part
    }

    /// Bytes of the datagram that it will be, with a token of `token` bytes.
    func size(token: Int) -> Int {
        let message = Message(
            .acknowledgement, code, id: 0, token: [UInt8](repeating: 0, count: token), options: options, payload: payload)
        return (try? message.encoded().count) ?? .max
    }
}
