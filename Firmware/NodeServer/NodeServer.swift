// Serves a node's resources over CoAP (RFC 7252): one datagram in, at most one out, whatever pipe carries them.
//
// A repeated request gets the answer that the first one got, without being executed again (section 4.5). One exchange is remembered:
// a client has one request outstanding (NSTART = 1, section 4.7). Notifications (RFC 7641) go out between requests.

import Bytes
import CBOR
import CoAP
import DeviceModel
import HAL
import LightNode
import Vocabulary

/// A node behind CoAP. Its buffers take 2.7 KB besides the node.
public struct NodeServer<Flash: NORFlash & ~Copyable, Table: DeviceTable, Board: Platform & ~Copyable>: ~Copyable {
    private let inMemory = InMemory()
    /// The executor that it serves. Messages that are handled around the server are not remembered as requests.
    public var node: Node<Flash, Table, Board>

    /// The longest body of an answer, in bytes. Larger ones would need more RAM for the whole, blocks or not.
    public static var bodyCapacity: Int { 1024 }
    /// The longest answer: the body in one piece behind header, token and options.
    public static var replyCapacity: Int { 1056 }

    private var replyCount = 0
    /// `reply` is for the datagram received last; else it is kept for a repetition of an earlier one.
    private var isAnswering = false
    private var lastID: UInt16 = 0
    private var lastToken = CoAPToken()
    /// The wire that the datagram received last came from.
    var wire = WireNumber.serial
    private var hasLast = false
    /// The datagram received last is the beginning of one that the wire had no room for.
    private var isCut = false
    /// Bytes in `body` of a signed refusal.
    private var refusalCount = 0
    var nextID: UInt16 = 0
    var noticeRange = 0..<0
    /// Where `notification` is to be sent.
    public internal(set) var notificationWire = WireNumber.serial
    static var noticeHeader: Int { 32 }
    /// Length of the telemetry in `notice`, 0 when there is none or it is no longer the newest: observers share a signature.
    var telemetryCount = 0
    /// Rises with each notification (RFC 7641, section 3.4).
    var noticeNumber: UInt32 = 0
    var observers = Observers()
    // The large ones last: what is near the beginning takes less code to reach.
    private var body = InlineArray<1024, UInt8>(repeating: 0)
    private var reply = InlineArray<1056, UInt8>(repeating: 0)
    /// Behind `noticeHeader` bytes the body of a notification: kept apart from `reply`, which a repeated request still needs.
    var notice = InlineArray<672, UInt8>(repeating: 0)

    /// Takes over a node that has booted. No request is remembered, and nobody observes.
    public init(_ node: consuming Node<Flash, Table, Board>) {
        self.node = node
    }

    /// The answer to the datagram received last: empty when there is none.
    public var answer: RawSpan {
        @_lifetime(borrow self)
        get { reply.span.bytes.part(0, isAnswering ? replyCount : 0) }
    }

    /// Takes one datagram. `answer` is to be sent back if it is not empty. Message ids and tokens of one wire mean nothing on another.
    /// - Parameter isCut: it was longer than the wire takes, and this is its beginning: a request is refused, whatever it asks.
    @inline(never)
    public mutating func receive(_ datagram: RawSpan, isCut: Bool = false, from wire: WireNumber = .serial) {
        isAnswering = false
        self.isCut = isCut
        if wire != self.wire { hasLast = false }
        self.wire = wire
        let message: CoAPMessage
        do throws(CoAPError) {
            message = try CoAPMessage(datagram)
        } catch {
            if let id = CoAPMessage.idToReset(datagram) { replyEmpty(.reset, id: id) }
            return
        }
        if message.isPing {
            replyEmpty(.reset, id: message.id)
            return
        }
        guard message.code.isRequest else {
            if message.code == .empty { observers.answered(message.id, isReset: message.type == .reset, now: ticks()) }
            return
        }
        isAnswering = true
        if hasLast && message.id == lastID && message.token == lastToken { return }
        (lastID, lastToken, hasLast) = (message.id, message.token, true)
        answer(message)
    }

    @inline(never)
    private mutating func replyEmpty(_ type: CoAPType, id: UInt16) {
        let writer = CoAPWriter(reply.mutableSpan, type: type, code: .empty, id: id)
        replyCount = (try? writer.finish()) ?? 0
        isAnswering = true
        hasLast = false
    }

    @inline(never)
    private mutating func answer(_ message: borrowing CoAPMessage) {
        do throws(Problem) {
            let request = CoAPRequest(message)
            if isCut { throw Problem(Refusal.tooLarge) }
            if request.badOption != nil { throw Problem(.badOption) }
            let resource = try Self.resource(message)
            guard message.code == resource.method else { throw Problem(.methodNotAllowed) }
            try Self.check(request, resource)
            let count = try render(resource, message)
            if request.observe == 1 { observers.remove(message.token, wire: wire) }
            let isObserver = request.observe == 0 && resource.isObservable
            if isObserver { observers.add(message.token, resource, wire: wire, now: ticks()) }
            try send(resource, message, request, count: count, isObserver: isObserver)
        } catch {
            send(error, message)
        }
    }

    /// The resource that a request's path names.
    @inline(never)
    private static func resource(_ message: borrowing CoAPMessage) throws(Problem) -> Resource {
        guard let name = message.segment(behind: "devices") else { return try Resource(message) }
        guard let device = Table.find(name) else { throw Problem(.notFound) }
        return Resource(device: device)
    }

    /// Throws what a request asks for that cannot be: a format, or a body in several blocks.
    @inline(never)
    private static func check(_ request: CoAPRequest, _ resource: Resource) throws(Problem) {
        // Elective: of no meaning without a body (RFC 7252, sections 5.4.1 and 5.10.3).
        if resource.method == .post, let format = request.contentFormat, format != resource.requestFormat {
            throw Problem(.unsupportedFormat)
        }
        if let format = request.accept, format != resource.format { throw Problem(.notAcceptable) }
        if let block = request.block1, block.number > 0 || block.more { throw Problem(Refusal.tooLarge) }
    }

    /// Writes the body of the answer; executes what is asked.
    @inline(never)
    private mutating func render(_ resource: Resource, _ message: borrowing CoAPMessage) throws(Problem) -> Int {
        if resource == .links { return try writeLinks() }
        refusalCount = 0
        if resource.number == ResourceTable.token { return try giveToken(message) }
        do throws(Refusal) { return try ask(resource, message) } catch {
            if resource.message != nil { refusalCount = node.refusalCount }
            throw Problem(error)
        }
    }

    /// What the node itself answers.
    @inline(never)
    private mutating func ask(_ resource: Resource, _ message: borrowing CoAPMessage) throws(Refusal) -> Int {
        if let device = resource.device { return node.writeState(of: device, reply: body.mutableSpan) }
        var reply = body.mutableSpan
        if let type = resource.message { return try node.handle(type, message.payload, wire: wire, reply: &reply) }
        switch resource.number {
        case ResourceTable.status, ResourceTable.devices:
            var writer = CBORWriter(reply)
            if resource.number == ResourceTable.status { node.writeStatus(&writer) } else { node.writeDevices(&writer) }
            do throws(CBORError) { return try writer.finish() } catch { throw .tooLarge }
        case ResourceTable.events:
            try node.takeSignature(wire)
            return try node.writeTelemetry(reply: reply)
        case ResourceTable.history:
            guard let first = message.queryNumber("from=", or: 0) else { throw .malformed }
            return try node.writeHistory(from: first, wire: wire, reply: &reply)
        case ResourceTable.provision: return try node.provision(message.payload, reply: reply)
        default: return try node.attest(message.payload, wire: wire, reply: &reply)
        }
    }

    /// `?for=`: the first 8 bytes of the key that the token is for.
    @inline(never)
    private mutating func giveToken(_ message: borrowing CoAPMessage) throws(Problem) -> Int {
        guard let signer = message.queryBytes("for=") else { throw Problem(.badOption) }
        do throws(Refusal) {
            let token = try node.issueToken(for: signer)
            for i in token.indices { body[i] = token[i] }
            return token.count
        } catch { throw Problem(error) }
    }

    /// RFC 6690: the resources that a client can use without knowing them.
    @inline(never)
    private mutating func writeLinks() throws(Problem) -> Int {
        var links = CoAPLinkWriter(body.mutableSpan)
        for number in 0..<ResourceTable.links {
            let resource = Resource(number: number)
            links.link("/", name: resource.path.bytes)
            links.attribute("ct", resource.format)
            if resource.isObservable { links.attribute("obs") }
        }
        var index: UInt8 = 0
        while let device = Table.describe(index) {
            links.link("/devices/", name: device.name.bytes)
            links.attribute("ct", CoAPContentFormat.cbor)
            links.attribute("obs")
            index &+= 1
        }
        do throws(CoAPError) { return try links.finish() } catch { throw Problem(Refusal.tooLarge) }
    }

    /// Sends the body, or the block of it that was asked for (RFC 7959).
    @inline(never)
    private mutating func send(
        _ resource: Resource, _ message: borrowing CoAPMessage, _ request: CoAPRequest, count: Int,
        isObserver: Bool
    ) throws(Problem) {
        let id = answerID(message)
        var writer = Self.begin(reply.mutableSpan, message, resource.success, id: id)
        if isObserver { writer.option(CoAPOptionNumber.observe, uint: noticeNumber) }
        writer.contentFormat(resource.format)
        var range = 0..<count
        if let block = request.block2 {
            guard block.offset < count || block.offset == 0 else { throw Problem(.badOption) }
            let end = min(count, block.offset &+ block.size)
            range = block.offset..<end
            writer.option(
                CoAPOptionNumber.block2,
                block: CoAPBlock(number: block.number, more: end < count, sizeExponent: block.sizeExponent))
            if block.number == 0 { writer.option(CoAPOptionNumber.size2, uint: UInt32(truncatingIfNeeded: count)) }
        }
        writer.payload(body.span.bytes.part(range.lowerBound, range.upperBound))
        replyCount = (try? writer.finish()) ?? 0
    }

    @inline(never)
    private mutating func send(_ problem: Problem, _ message: borrowing CoAPMessage) {
        let id = answerID(message)
        var writer = Self.begin(reply.mutableSpan, message, ProblemTable.response(problem.code), id: id)
        if refusalCount > 0 {
            // Signed: the sender can believe it.
            writer.contentFormat(CoAPContentFormat.coseSign1)
            writer.payload(body.span.bytes.part(0, refusalCount))
        } else {
            writer.contentFormat(CoAPContentFormat.problemDetails)
            var body = CBORWriter(self.body.mutableSpan)
            CoAPProblem.write(title: ProblemTable.name(problem.code).bytes, code: UInt32(problem.code), to: &body)
            writer.payload(body.written())
        }
        refusalCount = 0
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
