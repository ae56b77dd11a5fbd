// The gateway: which node a request is for, what may pass, and what the node's answer becomes (RFC 7252, section 5.7: a reverse proxy).
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
/// wearing the nodes out: each host has rations of refused signatures and of answers that cost a node a signature.
public actor Gateway: CoAPService {
    /// What the gateway lets pass.
    public struct Policy: Sendable {
        /// Lets `/provision` pass: whoever reaches a blank node first decides on its keys.
        public var allowsProvisioning = false
        /// Refused signatures that one host may cause at once, and how many more per second.
        /// Fewer than a node has attempts when it has just been powered on.
        public var refusals = (size: 3.0, perSecond: 0.2)
        /// Attestations and pieces of history that one host may ask for at once, and how many more per second.
        public var signatures = (size: 32.0, perSecond: 2.0)
        /// Observations of one host.
        public var observationsPerHost = 16
        /// How often a node that does not let a resource be observed is asked for it.
        public var polling = Duration.seconds(1)

        public init() {}
    }

    private let nodes: [AttachedNode]
    private let policy: Policy
    private let onEvent: @Sendable (String) -> Void
    private var refusals: Rations
    private var signatures: Rations
    private var observed: [Observed.Key: Observed] = [:]
    private var server: CoAPServer?

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
                advice: "Give each a name of its own without slash and dot: --device NAME=serial:/dev/ttyACM0")
        }
        self.nodes = nodes
        self.policy = policy
        self.onEvent = onEvent
        refusals = Rations(size: policy.refusals.size, refill: policy.refusals.perSecond)
        signatures = Rations(size: policy.signatures.size, refill: policy.signatures.perSecond)
    }

    /// Begins to serve at `address`; port 0 takes any free one.
    /// - Returns: the server, to be run.
    public func open(at address: SocketAddress, limits: CoAPServer.Limits = .init()) throws -> CoAPServer {
        let server = try CoAPServer(at: address, service: self, limits: limits)
        self.server = server
        return server
    }

    // MARK: Which node

    private struct Target {
        let node: AttachedNode
        /// The segments below the node.
        let path: [String]
    }

    private func target(_ request: Message) -> Target? {
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

    public func answer(_ request: Message, from peer: SocketAddress) async -> Reply {
        if let refused = uninterpretable(request) { return refused }
        let path = request.all(CoAPOptionNumber.uriPath).map(\.text)
        if path == [".well-known", "core"], !namesNode(request) {
            return request.code == .get ? await links(request) : Reply(.methodNotAllowed)
        }
        guard let target = target(request) else {
            return Reply(.notFound, reason: "no node has this name: see /.well-known/core")
        }
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

    private func namesNode(_ request: Message) -> Bool {
        guard let host = request[CoAPOptionNumber.uriHost]?.text.lowercased() else { return false }
        return nodes.contains { $0.name.lowercased() == host.prefix { $0 != "." } }
    }

    /// The refusal of what a gateway must understand and does not (RFC 7252, sections 5.4.1 and 5.7.1).
    private func uninterpretable(_ request: Message) -> Reply? {
        if request[CoAPOptionNumber.proxyURI] != nil || request[CoAPOptionNumber.proxyScheme] != nil {
            return Reply(CoAPCode(5, 5), reason: "this gateway serves its own nodes only")
        }
        if let bad = request.options.first(where: { ($0.isCritical || $0.isUnsafe) && !Self.understood.contains($0.number) }) {
            return Reply(.badOption, reason: "option \(bad.number) is not understood")
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

    /// What was for the gateway itself.
    private static let consumed: Set<UInt16> = [
        CoAPOptionNumber.uriHost, CoAPOptionNumber.uriPort, CoAPOptionNumber.uriPath, CoAPOptionNumber.observe,
    ]

    /// The links of all nodes.
    private func links(_ request: Message) async -> Reply {
        var lines: [String] = []
        for node in nodes {
            guard let client = try? await node.connection(), let answer = try? await client.send(.get(".well-known/core")),
                answer.isSuccess
            else { continue }
            lines.append(Links.below(node.name, String(decoding: answer.payload, as: UTF8.self)))
        }
        let all = Response(
            code: CoAPCode.content.rawValue, contentFormat: CoAPContentFormat.linkFormat,
            payload: Array(lines.joined(separator: ",").utf8))
        return all.reply(request.block2)
    }

    private func pass(_ request: Message, _ target: Target, from peer: SocketAddress) async throws -> Reply {
        let host = peer.host, resource = target.path.joined(separator: "/")
        if resource == "provision", !policy.allowsProvisioning {
            return Reply(.forbidden, reason: "nodes are provisioned over their own line, not through a gateway")
        }
        let query = request.all(CoAPOptionNumber.uriQuery).map(\.text)
        let key = Observed.Key(node: target.node.name, path: resource, query: query)
        // Later blocks of what is observed belong to the representation that the first one was of.
        if request.code == .get, let block = request.block2, block.number > 0, let known = observed[key],
            known.observers.keys.contains(where: { $0.peer == peer })
        {
            return known.latest.reply(block)
        }
        if request.code == .post, let seconds = refusals.wait(host) { return Self.tooMany(seconds) }
        if Self.costly.contains(resource) {
            if let seconds = signatures.wait(host) { return Self.tooMany(seconds) }
            signatures.take(host)
        }
        let options = request.options.filter { !Self.consumed.contains($0.number) }
        let answer = try await target.node.pass(
            request.code, options: target.path.map { .init(CoAPOptionNumber.uriPath, $0) } + options, payload: request.payload)
        if answer.code == .unauthorized {
            refusals.take(host)
            onEvent("\(target.node.name): a bad signature from \(host)")
        }
        let back = answer.options.filter { $0.number != CoAPOptionNumber.observe }
        if let bad = back.first(where: { ($0.isCritical || $0.isUnsafe) && !Self.understood.contains($0.number) }) {
            return Reply(CoAPCode(5, 2), reason: "the node answered with option \(bad.number), which is not understood")
        }
        return Reply(answer.code, options: back, payload: answer.payload)
    }

    /// What makes a node sign.
    private static let costly: Set<String> = ["attest", "history"]

    /// 4.29 with the reason that a node itself gives (RFC 8516, RFC 9290).
    private static func tooMany(_ seconds: UInt32) -> Reply {
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

    private static func reply(_ error: any Error, _ node: AttachedNode) -> Reply {
        let failure = (error as? any Reportable)?.failure ?? error as? Failure
        let isSilent = failure.map { $0.kind == .unreachable || $0.kind == .environment } ?? false
        return Reply(isSilent ? CoAPCode(5, 4) : CoAPCode(5, 2), reason: "\(node.name): \(failure?.what ?? "\(error)")")
    }

    // MARK: Observing

    private func register(_ observer: ObserverID, _ target: Target, _ request: Message) async throws -> Reply {
        let query = request.all(CoAPOptionNumber.uriQuery).map(\.text)
        let key = Observed.Key(node: target.node.name, path: target.path.joined(separator: "/"), query: query)
        let mine = observed.values.flatMap(\.observers.keys).filter { $0.peer.host == observer.peer.host && $0 != observer }
        guard mine.count < policy.observationsPerHost, !Self.costly.contains(key.path), key.path != "token" else {
            // Answered as if it had not asked to be told (RFC 7641, section 4.1).
            return try await pass(request, target, from: observer.peer)
        }
        await cancel(observer)
        if observed[key] == nil {
            let source = try await observe(key, target.node)
            // Somebody else may have asked meanwhile.
            if observed[key]?.source == nil { observed[key]?.source = source } else { source?.cancel() }
        }
        guard let known = observed[key] else { return try await pass(request, target, from: observer.peer) }
        observed[key]?.observers[observer] = request.block2?.sizeExponent ?? 6
        return known.latest.reply(request.block2, observe: known.number)
    }

    /// Begins to observe at the node: `observed` then has its present representation. Nil when the resource has none.
    private func observe(_ key: Observed.Key, _ node: AttachedNode) async throws -> Task<Void, Never>? {
        let client = try await node.connection()
        guard let observation = try? await client.observe(key.path, query: key.query) else {
            let first = try await client.send(.get(key.path, query: key.query))
            guard first.isSuccess else { return nil }
            await changed(key, first)
            return Task { await self.poll(key, node) }
        }
        let (firsts, deliver) = AsyncStream<Void>.makeStream()
        let source = Task {
            var end: any Error = Failure(.unreachable, "the node ended the observation", advice: "Observe it again")
            do {
                for try await answer in observation {
                    await self.changed(key, answer)
                    deliver.yield()
                }
            } catch { end = error }
            deliver.finish()
            if !Task.isCancelled { await self.lost(key, node, end) }
        }
        for await _ in firsts { return source }
        return nil
    }

    /// Asks again and again, for nodes that do not tell by themselves.
    private func poll(_ key: Observed.Key, _ node: AttachedNode) async {
        while !Task.isCancelled {
            do {
                try await Task.sleep(for: policy.polling)
                let answer = try await node.connection().send(.get(key.path, query: key.query))
                if answer != observed[key]?.latest { await changed(key, answer) }
            } catch {
                if !Task.isCancelled { await lost(key, node, error) }
                return
            }
        }
    }

    private func changed(_ key: Observed.Key, _ answer: Response) async {
        guard var known = observed[key] else {
            observed[key] = Observed(latest: answer, number: 1)
            return
        }
        known.latest = answer
        known.number &+= 1
        observed[key] = known
        for (observer, sizeExponent) in known.observers {
            let block = CoAPBlock(number: 0, more: false, sizeExponent: sizeExponent)
            await server?.notify(observer, answer.reply(block, observe: known.number))
        }
    }

    /// The node is out of reach: a notification with an error ends each observation (RFC 7641, section 4.2).
    private func lost(_ key: Observed.Key, _ node: AttachedNode, _ error: any Error) async {
        guard let known = observed.removeValue(forKey: key) else { return }
        onEvent("\(node.name): no longer observed: \(error)")
        for observer in known.observers.keys { await server?.notify(observer, Self.reply(error, node)) }
    }

    public func cancel(_ observer: ObserverID) async {
        await server?.forget(observer)
        for (key, known) in observed where known.observers[observer] != nil {
            observed[key]?.observers[observer] = nil
            if known.observers.count == 1 {
                observed[key] = nil
                known.source?.cancel()
            }
        }
    }
}
