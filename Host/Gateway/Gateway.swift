// The gateway (R7, R8): which node a request is for, what may pass, and what the node's answer becomes (RFC 7252, section 5.7: a reverse proxy).
import CBOR
import CoAP
import Foundation
import Reporting
import Transport

/// Serves attached nodes to the network as CoAP over UDP.
///
/// A node is addressed by the first segment of the path, `coap://gateway/porch/status`, or by the host, `coap://porch.example/status`
/// (Uri-Host; its first label counts). A gateway with one node serves it at the root too. `/.well-known/core` lists all of them.
///
/// The gateway holds no key and is trusted with nothing: what matters is signed, from one end to the other. It does keep strangers from
/// wearing the nodes out: what a request makes a node do is known before it is passed on (`Cost`), each host has a share of it, and each
/// node a total.
public actor Gateway: CoAPService {
    /// So much at once, and so much more each second.
    public struct Share: Sendable {
        /// Units of work that a full share allows at once.
        public var size: Double
        /// Units of work that come back each second, until the share is full.
        public var perSecond: Double

        /// - Parameters:
        ///   - size: units of work at once.
        ///   - perSecond: units that come back each second, above 0.
        public init(size: Double, perSecond: Double) { (self.size, self.perSecond) = (size, perSecond) }
    }

    /// The rations of one kind of work: of each host, and of all hosts together at one node.
    public struct Limits: Sendable {
        /// What one host may ask of one node.
        public var host: Share
        /// What all hosts together may ask of one node.
        public var total: Share
        /// So much of the total is for hosts whose messages the node has accepted.
        public var reserve: Double

        /// - Parameter reserve: units of the total that only hosts get whose messages the node has accepted.
        public init(host: Share, total: Share, reserve: Double) { (self.host, self.total, self.reserve) = (host, total, reserve) }
    }

    /// What the gateway lets pass.
    public struct Policy: Sendable {
        /// Lets `/provision` pass: the first client that reaches a blank node decides on its keys.
        public var allowsProvisioning = false
        /// Signature checks. A node has 16 attempts and two more each second, but only 4 when it has just been powered on: a host has fewer.
        /// A message that takes more than a share is let through when the share is full, and is paid for afterwards.
        public var checks = Limits(host: Share(size: 3, perSecond: 0.2), total: Share(size: 12, perSecond: 1.5), reserve: 5)
        /// Signatures that a node makes.
        public var signatures = Limits(host: Share(size: 32, perSecond: 2), total: Share(size: 64, perSecond: 4), reserve: 16)
        /// Observations of one host, and of all.
        public var observationsPerHost = 16
        /// Observations of all hosts at all nodes.
        public var observations = 256
        /// So many of all are for hosts whose messages a node has accepted.
        public var observationsReserved = 64
        /// States of nodes that the gateway observes at a node, which has four places; with `/events`, which has one of its own, three.
        public var statesPerNode = 2
        /// Further resources that it asks a node for again and again; two are for hosts whose messages the node has accepted.
        public var polledPerNode = 8
        /// How often a node that does not let a resource be observed is asked for it.
        public var polling = Duration.seconds(1)

        /// What suits nodes of this firmware, provisioning not allowed.
        public init() {}
    }

    let nodes: [AttachedNode]
    let policy: Policy
    let onEvent: @Sendable (String) -> Void
    private var rations: [String: NodeRations] = [:]
    private var addresses = Addresses()
    private var uploads = Uploads()
    private var answers = Answers()
    var observed: [Observed.Key: Observed] = [:]
    /// Resources that are observed at a node, or are about to be.
    var places: [String: Set<Observed.Key>] = [:]
    var server: CoAPServer?

    /// - Parameters:
    ///   - nodes: with different names, which have neither slash nor dot.
    ///   - onEvent: takes a line for each thing that an operator wants to know.
    public init(_ nodes: [AttachedNode], policy: Policy = Policy(), onEvent: @escaping @Sendable (String) -> Void = { _ in })
        throws
    {
        let names = nodes.map(\.name)
        guard Set(names).count == names.count, names.allSatisfy({ !$0.isEmpty && !$0.contains(where: { "/.".contains($0) }) })
        else {
            throw Failure(
                .usage, "the names of the nodes, \(names.joined(separator: ", ")), are not fit for addresses",
                remedy: .inOrder([
                    .advice("Give each a name of its own, without slash and dot"), .nameNode([.init("NAME=serial:/dev/ttyACM0")]),
                ]))
        }
        self.nodes = nodes
        self.policy = policy
        self.onEvent = onEvent
        for name in names { rations[name] = NodeRations(policy) }
    }

    /// Begins to serve at `address`; port 0 takes any free one.
    /// - Throws: `Failure` of kind `environment` when the address is taken or may not be used.
    /// - Returns: the server, to be run.
    public func open(at address: SocketAddress, limits: CoAPServer.Limits = .init()) throws -> CoAPServer {
        let server = try CoAPServer(at: address, service: self, limits: limits)
        self.server = server
        return server
    }

    // MARK: Which node

    struct Target {
        let node: AttachedNode
        /// The segments below the node.
        let path: [String]
    }

    func target(_ request: Message) -> Target? {
        let path = request.all(CoAPOptionNumber.uriPath).map(\.text)
        if let host = request[CoAPOptionNumber.uriHost]?.text.lowercased(),
            let node = nodes.first(where: { $0.name.lowercased() == host.prefix { $0 != "." } })
        {
            return Target(node: node, path: path)
        }
        if let node = nodes.first(where: { $0.name == path.first }) { return Target(node: node, path: Array(path.dropFirst())) }
        return nodes.count == 1 ? Target(node: nodes[0], path: path) : nil
    }

    // MARK: Answering

    /// Serves a request: from what was kept, by passing it to its node, or with a refusal. The answer has at most three times the
    /// bytes of the request until the peer has shown that it receives what it is sent (RFC 9175, section 2.4).
    public func answer(_ request: Message, from peer: SocketAddress) async -> Reply {
        let size = (try? request.encoded().count) ?? 0
        let isVerified = addresses.note(request, peer.host)
        let transfer = Transfer(request, from: peer)
        func limit(_ received: Int) -> Int { isVerified ? .max : received * Addresses.factor }
        if let refused = uninterpretable(request) { return shaped(refused, request, transfer, limit(size)) }
        if let block = request.block2, block.number > 0 {
            if let known = observation(of: request, by: peer) { return shaped(known, request, transfer, limit(size)) }
            if let kept = answers.find(transfer) { return shaped(kept.reply, request, transfer, limit(size), tag: kept.tag) }
            // What was kept is gone; a message is not sent again for it.
            guard request.code == .get else { return Reply(.requestEntityIncomplete) }
        }
        let (reply, received) = await whole(request, transfer, size, from: peer)
        return shaped(reply, request, transfer, limit(received))
    }

    /// The answer as if neither side had blocks, and the bytes that were received for it.
    private func whole(_ request: Message, _ transfer: Transfer, _ size: Int, from peer: SocketAddress) async -> (Reply, Int) {
        guard request[CoAPOptionNumber.block1] != nil else { return (await respond(to: request, from: peer), size) }
        guard let block = request.block1 else { return (Reply(.badOption), size) }
        let own: Message.Option = .init(CoAPOptionNumber.block1, uint: block.optionValue)
        // No more blocks are wanted: aiocoap goes on sending unless it is told so.
        let last = CoAPBlock(number: block.number, more: false, sizeExponent: block.sizeExponent)
        let room: Int
        if let target = target(request) {
            do { room = try await target.node.room(request.code, forwarded(request, target)) } catch {
                return (Self.reply(error, target.node), size)
            }
        } else {
            room = 0
        }
        switch uploads.take(request, block, transfer, size: size, room: room) {
        case .proceed: return (Reply(.continue_, options: [own]), size)
        case .whole(let request, let received):
            var reply = await respond(to: request, from: peer)
            reply.options.append(own)
            return (reply, received)
        case .refused(.requestEntityTooLarge) where target(request) != nil: return (Self.tooLarge(room, last), size)
        case .refused(let code):
            let end = Message.Option(CoAPOptionNumber.block1, uint: last.optionValue)
            return (code == .requestEntityTooLarge ? Self.nowhere : Reply(code, options: [end]), size)
        }
    }

    private static let nowhere = Reply(.notFound, reason: "no node has this name: see /.well-known/core")

    private func respond(to request: Message, from peer: SocketAddress) async -> Reply {
        let path = request.all(CoAPOptionNumber.uriPath).map(\.text)
        if path == [".well-known", "core"], !namesNode(request) {
            return request.code == .get ? await links() : Reply(.methodNotAllowed)
        }
        guard let target = target(request) else { return Self.nowhere }
        do {
            if request.code == .get, let observe = request.observe {
                let observer = ObserverID(peer: peer, token: request.token)
                if observe == 0 { return try await register(observer, target, request) }
                await cancel(observer)
            }
            return try await pass(request, target, from: peer)
        } catch {
            return Self.reply(error, target.node)
        }
    }

    /// The answer as it may go out: the block that was asked for, or one that is small enough for an address that has shown nothing.
    /// - Parameters:
    ///   - reply: the whole answer.
    ///   - limit: bytes that the datagram may have.
    ///   - tag: of the answer that the first block was of.
    private func shaped(_ reply: Reply, _ request: Message, _ transfer: Transfer, _ limit: Int, tag: [UInt8]? = nil) -> Reply {
        func fits(_ reply: Reply) -> Bool { reply.size(token: request.token.count) <= limit }
        let wanted = request.block2 ?? CoAPBlock(number: 0, more: false, sizeExponent: 6)
        if wanted.number == 0, reply.payload.count <= wanted.size, fits(reply) { return reply }
        guard reply.code.class == 2 else {
            // The code says what happened; the reason is for those who can be told it.
            let bare = Reply(reply.code, options: reply.options.filter { $0.number != CoAPOptionNumber.contentFormat })
            return fits(reply) ? reply : bare
        }
        let isNotice = reply.options.contains { $0.number == CoAPOptionNumber.observe }
        let tag =
            tag ?? (isNotice || observation(of: request, by: transfer.peer) != nil ? nil : answers.keep(reply, for: transfer))
        func largest(_ more: [Message.Option]) -> Reply? {
            for exponent in (0...wanted.sizeExponent).reversed() {
                guard var part = reply.block(UInt32(wanted.offset >> Int(exponent + 4)), exponent, tag: tag) else { return nil }
                part.options += more
                if fits(part) { return part }
            }
            return nil
        }
        // Asked for, not demanded: who repeats it gets whole answers from now on.
        let echo = limit == .max || wanted.number > 0 ? nil : addresses.echo(transfer.peer.host)
        let asking = echo.flatMap { largest([.init(CoAPOptionNumber.echo, $0)]) }
        guard let part = asking ?? largest([]) else { return Reply(.badRequest) }
        if isNotice, let sent = part.options.first(where: { $0.number == CoAPOptionNumber.block2 })?.uint {
            setBlockSize(UInt8(sent & 7), of: ObserverID(peer: transfer.peer, token: request.token))
        }
        return part
    }

    private func namesNode(_ request: Message) -> Bool {
        guard let host = request[CoAPOptionNumber.uriHost]?.text.lowercased() else { return false }
        return nodes.contains { $0.name.lowercased() == host.prefix { $0 != "." } }
    }

    /// The refusal of what a gateway must understand and does not (RFC 7252, sections 5.4.1 and 5.7.1).
    private func uninterpretable(_ request: Message) -> Reply? {
        if request[CoAPOptionNumber.proxyURI] != nil || request[CoAPOptionNumber.proxyScheme] != nil {
            return Reply(CoAPCode(5, 5), reason: "this gateway serves its own nodes only")
        }
        // What is safe to forward is the node's to understand, critical or not (section 5.7.2).
        let isPassedOn = target(request) != nil
        let bad = request.options.first {
            ($0.isUnsafe || $0.isCritical && !isPassedOn) && !Self.understood.contains($0.number)
        }
        if let bad { return Reply(.badOption, reason: "option \(bad.number) is not understood") }
        // A block that cannot be read is none that could be left out.
        if request.block2 == nil, request[CoAPOptionNumber.block2] != nil {
            return Reply(.badOption, reason: "option 23 is malformed")
        }
        return nil
    }

    private static let understood: Set<UInt16> = [
        CoAPOptionNumber.ifMatch, CoAPOptionNumber.uriHost, CoAPOptionNumber.entityTag, CoAPOptionNumber.ifNoneMatch,
        CoAPOptionNumber.observe, CoAPOptionNumber.uriPort, CoAPOptionNumber.uriPath, CoAPOptionNumber.contentFormat,
        CoAPOptionNumber.maxAge, CoAPOptionNumber.uriQuery, CoAPOptionNumber.accept, CoAPOptionNumber.block2,
        CoAPOptionNumber.block1, CoAPOptionNumber.size2, CoAPOptionNumber.size1, CoAPOptionNumber.locationPath,
        CoAPOptionNumber.locationQuery,
    ]

    /// What was for the gateway itself; it cuts answers into blocks by itself.
    private static let consumed: Set<UInt16> = [
        CoAPOptionNumber.uriHost, CoAPOptionNumber.uriPort, CoAPOptionNumber.uriPath, CoAPOptionNumber.observe,
        CoAPOptionNumber.block1, CoAPOptionNumber.block2, CoAPOptionNumber.size1, CoAPOptionNumber.size2, CoAPOptionNumber.echo,
    ]

    /// The options that the node gets.
    private func forwarded(_ request: Message, _ target: Target) -> [Message.Option] {
        target.path.map { .init(CoAPOptionNumber.uriPath, $0) } + request.options.filter { !Self.consumed.contains($0.number) }
    }

    /// The links of all nodes, each asked at the same time as the others.
    private func links() async -> Reply {
        let lines = await withTaskGroup(of: (Int, String?).self) { group in
            for (index, node) in nodes.enumerated() {
                group.addTask {
                    guard let client = try? await node.connection(),
                        let answer = try? await client.send(.get(".well-known/core")),
                        answer.isSuccess
                    else { return (index, nil) }
                    let links = String(decoding: answer.payload, as: UTF8.self)  // foreign: goes to the network
                    return (index, Links.below(node.name, links))
                }
            }
            var found: [Int: String] = [:]
            for await (index, line) in group { found[index] = line }
            return nodes.indices.compactMap { found[$0] }
        }
        return Reply(
            .content, options: [.init(CoAPOptionNumber.contentFormat, uint: UInt32(CoAPContentFormat.linkFormat))],
            payload: Array(lines.joined(separator: ",").utf8))
    }

    /// Passes a request on if what it costs the node is within the rations of its host and of the node.
    func pass(_ request: Message, _ target: Target, from peer: SocketAddress) async throws -> Reply {
        let resource = target.path.joined(separator: "/")
        if resource == "provision", !policy.allowsProvisioning {
            return Reply(.forbidden, reason: "nodes are provisioned over their own line, not through a gateway")
        }
        let cost = Cost(of: request.code, target.path, payload: request.payload)
        if let seconds = spend(cost, at: target.node, peer) { return Self.tooMany(seconds) }
        let answer: Message
        do {
            answer = try await target.node.ask(
                request.code, options: forwarded(request, target), payload: request.payload, for: peer.share)
        } catch let error as RequestTooLong {
            // The line was not touched.
            rations[target.node.name]?.giveBack(cost, peer.share)
            return Self.tooLarge(error.room, nil)
        }
        settle(cost, answer, resource, at: target.node, peer)
        let back = answer.options.filter { $0.number != CoAPOptionNumber.observe && $0.number != CoAPOptionNumber.echo }
        if let bad = back.first(where: { $0.isUnsafe && !Self.understood.contains($0.number) }) {
            return Reply(CoAPCode(5, 2), reason: "the node answered with option \(bad.number), which is not understood")
        }
        return Reply(answer.code, options: back, payload: answer.payload)
    }

    /// Takes what a request costs from the rations, or says how many seconds to wait.
    func spend(_ cost: Cost, at node: AttachedNode, _ peer: SocketAddress) -> UInt32? {
        guard let seconds = rations[node.name]?.spend(cost, peer.share) else { return nil }
        onEvent("\(node.name): \(peer.host) asks for more than its share, or all hosts for more than the node's")
        return seconds
    }

    /// True if the node has accepted a message from the host of `peer`.
    func isKnown(_ peer: SocketAddress, at node: AttachedNode) -> Bool { rations[node.name]?.isKnown(peer.share) ?? false }

    /// Gives back what the node did not do, and what it did for a message that it accepted.
    private func settle(_ cost: Cost, _ answer: Message, _ resource: String, at node: AttachedNode, _ peer: SocketAddress) {
        if answer.code == .unauthorized { onEvent("\(node.name): a bad signature from \(peer.host)") }
        guard answer.code.class == 2 else {
            // The node knows no such thing, or takes no such format, and did nothing; the host has paid for asking.
            let isNothing = [.notFound, .methodNotAllowed, .notAcceptable, .unsupportedContentFormat].contains {
                $0 == answer.code
            }
            if isNothing { rations[node.name]?.giveBackToAll(cost) }
            return
        }
        if Cost.messages.contains(resource) {
            rations[node.name]?.accepted(cost, peer.share)
        } else if resource == "history" {
            let signed = min(cost.signatures, Cost.items(answer.payload))
            rations[node.name]?.giveBack(Cost(checks: cost.checks, signatures: cost.signatures - signed), peer.share)
        }
    }

    /// 4.13, with what would be taken (RFC 7959, section 2.9.3).
    /// - Parameter block: the block that was too much, if it came in blocks.
    private static func tooLarge(_ room: Int, _ block: CoAPBlock?) -> Reply {
        var options: [Message.Option] = [.init(CoAPOptionNumber.size1, uint: UInt32(room))]
        if let block { options.append(.init(CoAPOptionNumber.block1, uint: block.optionValue)) }
        return Reply(.requestEntityTooLarge, options: options, payload: Array("the node takes \(room) bytes here".utf8))
    }

    /// 4.29 with the reason that a node itself gives (RFC 8516, RFC 9290).
    static func tooMany(_ seconds: UInt32) -> Reply {
        var body = [UInt8](repeating: 0, count: 128)
        var writer = CBORWriter(body.mutableSpan)
        CoAPProblem(
            title: "too-many-attempts", detail: "this host asked for too much: wait", code: nil
        ).write(to: &writer)
        let count = (try? writer.finish()) ?? 0
        return Reply(
            .tooManyRequests,
            options: [
                .init(CoAPOptionNumber.contentFormat, uint: UInt32(CoAPContentFormat.problemDetails)),
                .init(CoAPOptionNumber.maxAge, uint: seconds),
            ], payload: Array(body.prefix(count)))
    }

    static func reply(_ error: any Error, _ node: AttachedNode) -> Reply {
        let failure = (error as? any Reportable)?.failure ?? error as? Failure
        let isSilent = failure.map { $0.kind == .unreachable || $0.kind == .environment } ?? false
        return Reply(isSilent ? CoAPCode(5, 4) : CoAPCode(5, 2), reason: "\(node.name): \(failure?.what ?? "\(error)")")
    }
}
