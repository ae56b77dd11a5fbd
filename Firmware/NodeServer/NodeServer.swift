// Serves a node's resources over CoAP (RFC 7252): one datagram in, at most one out, whatever pipe carries them.
//
// A repeated request gets the answer that the first one got, without being executed again (section 4.5). One exchange is remembered:
// a client has one request outstanding (NSTART = 1, section 4.7).

import CBOR
import CoAP
import Devices
import HAL
import LightNode

public struct NodeServer<Flash: NORFlash & ~Copyable, Table: DeviceTable, Board: Platform & ~Copyable>: ~Copyable {
    private let inMemory = InMemory()
    public var node: Node<Flash, Table, Board>

    /// The longest body of an answer, in bytes. Larger ones would need more RAM for the whole, blocks or not.
    public static var bodyCapacity: Int { 1024 }
    /// The longest answer: the body in one piece behind header, token and options.
    public static var replyCapacity: Int { 1056 }

    private var body = InlineArray<1024, UInt8>(repeating: 0)
    private var reply = InlineArray<1056, UInt8>(repeating: 0)
    private var replyCount = 0
    private var lastID: UInt16 = 0
    private var lastToken = CoAPToken()
    private var hasLast = false
    private var nextID: UInt16 = 0

    public init(_ node: consuming Node<Flash, Table, Board>) {
        self.node = node
    }

    /// The answer to the datagram received last: empty when there is none.
    public var answer: RawSpan {
        @_lifetime(borrow self)
        get { reply.span.bytes.extracting(0..<replyCount) }
    }

    /// Takes one datagram. `answer` is to be sent back if it is not empty.
    @inline(never)
    public mutating func receive(_ datagram: RawSpan) {
        let message: CoAPMessage
        do throws(CoAPError) {
            message = try CoAPMessage(datagram)
        } catch {
            replyCount = 0
            if let id = CoAPMessage.idToReset(datagram) { replyEmpty(.reset, id: id) }
            return
        }
        if message.isPing {
            replyEmpty(.reset, id: message.id)
            return
        }
        guard message.code.isRequest else {
            replyCount = 0
            return
        }
        if hasLast && message.id == lastID && message.token == lastToken { return }
        (lastID, lastToken, hasLast) = (message.id, message.token, true)
        answer(message)
    }

    @inline(never)
    private mutating func replyEmpty(_ type: CoAPType, id: UInt16) {
        let writer = CoAPWriter(reply.mutableSpan, type: type, code: .empty, id: id)
        replyCount = (try? writer.finish()) ?? 0
        hasLast = false
    }

    @inline(never)
    private mutating func answer(_ message: borrowing CoAPMessage) {
        do throws(Refusal) {
            let request = CoAPRequest(message)
            if request.badOption != nil { throw .badOption }
            let resource = try Resource(message)
            guard message.code == resource.method else { throw .methodNotAllowed }
            if let format = request.contentFormat, format != resource.requestFormat { throw .malformed }
            let count = try render(resource, message)
            try send(resource, message, request, count: count)
        } catch {
            send(error, message)
        }
    }

    /// Writes the body of the answer; executes what is asked.
    @inline(never)
    private mutating func render(_ resource: Resource, _ message: borrowing CoAPMessage) throws(Refusal) -> Int {
        switch resource {
        case .links: return try writeLinks()
        case .status, .devices:
            var writer = CBORWriter(body.mutableSpan)
            if resource == .status { node.writeStatus(&writer) } else { node.writeDevices(&writer) }
            return try Self.finished(writer)
        case .token:
            let token = try node.issueToken()
            for i in 0..<8 { body[i] = token[i] }
            return 8
        case .history: return try node.writeHistory(from: message.queryNumber("from") ?? 0, reply: body.mutableSpan)
        case .provision: return try node.provision(message.payload, reply: body.mutableSpan)
        case .attest: return try node.attest(message.payload, reply: body.mutableSpan)
        default:
            guard let type = resource.message else { throw .notFound }
            return try node.handle(type, message.payload, reply: body.mutableSpan)
        }
    }

    @inline(never)
    private static func finished(_ writer: borrowing CBORWriter) throws(Refusal) -> Int {
        do throws(CBORError) { return try writer.finish() } catch { throw .tooLarge }
    }

    /// RFC 6690: the resources that a client can use without knowing them.
    @inline(never)
    private mutating func writeLinks() throws(Refusal) -> Int {
        var links = CoAPLinkWriter(body.mutableSpan)
        for number in 1..<Resource.count {
            let resource = Resource(number: number)
            links.link("/", name: resource.path.bytes)
            links.attribute("ct", resource.format)
        }
        do throws(CoAPError) { return try links.finish() } catch { throw .tooLarge }
    }

    /// Sends the body, or the block of it that was asked for (RFC 7959).
    @inline(never)
    private mutating func send(
        _ resource: Resource, _ message: borrowing CoAPMessage, _ request: CoAPRequest, count: Int
    ) throws(Refusal) {
        let id = answerID(message)
        var writer = Self.begin(reply.mutableSpan, message, resource.success, id: id)
        writer.contentFormat(resource.format)
        var range = 0..<count
        if let block = request.block2 {
            guard block.offset < count || block.offset == 0 else { throw .badOption }
            let end = min(count, block.offset &+ block.size)
            range = block.offset..<end
            writer.option(
                CoAPOptionNumber.block2,
                block: CoAPBlock(number: block.number, more: end < count, sizeExponent: block.sizeExponent))
            if block.number == 0 { writer.option(CoAPOptionNumber.size2, uint: UInt32(truncatingIfNeeded: count)) }
        }
        writer.payload(body.span.bytes.extracting(range))
        replyCount = (try? writer.finish()) ?? 0
    }

    @inline(never)
    private mutating func send(_ refusal: Refusal, _ message: borrowing CoAPMessage) {
        let id = answerID(message)
        var writer = Self.begin(reply.mutableSpan, message, refusal.code, id: id)
        writer.contentFormat(CoAPContentFormat.problemDetails)
        var body = CBORWriter(self.body.mutableSpan)
        CoAPProblem.write(title: refusal.name.bytes, code: UInt32(refusal.rawValue), to: &body)
        writer.payload(body.written())
        replyCount = (try? writer.finish()) ?? 0
    }

    /// The id of the answer: the request's own in an acknowledgement, else a new one.
    @inline(never)
    private mutating func answerID(_ message: borrowing CoAPMessage) -> UInt16 {
        if message.type == .confirmable { return message.id }
        nextID &+= 1
        return nextID
    }

    /// A piggybacked answer to a confirmable request, a message of its own to any other.
    @inline(never)
    @_lifetime(copy reply)
    private static func begin(
        _ reply: consuming MutableSpan<UInt8>, _ message: borrowing CoAPMessage, _ code: CoAPCode, id: UInt16
    ) -> CoAPWriter {
        let type: CoAPType = message.type == .confirmable ? .acknowledgement : .nonConfirmable
        return CoAPWriter(reply, type: type, code: code, id: id, token: message.token)
    }
}
