// Observation through the gateway (RFC 7641): each resource observed once at its node, however many clients want it, in the places that a node
// has; what has no place is asked for again and again. No stranger takes a place that the owner needs.
import CoAP
import Reporting
import Transport

extension Gateway {
    /// The representation that `peer` observes under this request's path, for its further blocks; nil if it does not.
    func observation(of request: Message, by peer: SocketAddress) -> Reply? {
        guard request.code == .get, let target = target(request), let known = observed[key(request, target)],
            known.observers.keys.contains(where: { $0.peer == peer })
        else { return nil }
        var reply = known.reply
        reply.options.removeAll { $0.number == CoAPOptionNumber.observe }
        return request.observe == nil ? reply : nil
    }

    private func key(_ request: Message, _ target: Target) -> Observed.Key {
        Observed.Key(
            node: target.node.name, path: target.path.joined(separator: "/"),
            query: request.all(CoAPOptionNumber.uriQuery).map(\.text))
    }

    /// Notifications of `observer` come in blocks of this size.
    func setBlockSize(_ exponent: UInt8, of observer: ObserverID) {
        for key in observed.keys { observed[key]?.observers[observer]?.sizeExponent = exponent }
    }

    func register(_ observer: ObserverID, _ target: Target, _ request: Message) async throws -> Reply {
        let key = key(request, target)
        guard await hasRoom(for: observer, at: target.node), mayBeObserved(key) else {
            // Answered as if it had not asked to be told (RFC 7641, section 4.1).
            return try await pass(request, target, from: observer.peer)
        }
        await cancel(observer)
        if observed[key] == nil {
            // The registration at the node, and its end.
            let work = Cost(of: .get, target.path, payload: [])
            if let seconds = spend(Cost(signatures: 2 * work.signatures), at: target.node, observer.peer) {
                return Self.tooMany(seconds)
            }
            let source = try await observe(key, target.node, isKnown: isKnown(observer.peer, at: target.node))
            // Another client may have asked meanwhile.
            if observed[key]?.source == nil { observed[key]?.source = source } else { source?.cancel() }
        }
        guard let known = observed[key] else { return try await pass(request, target, from: observer.peer) }
        let whole = (0...6).first { known.latest.payload.count <= 16 << $0 } ?? 6
        observed[key]?.observers[observer] = .init(
            sizeExponent: min(request.block2?.sizeExponent ?? 6, UInt8(whole)), since: .now)
        return known.reply
    }

    /// Telemetry, and what costs a node nothing: the log and attestations have nothing to tell by themselves.
    private func mayBeObserved(_ key: Observed.Key) -> Bool {
        let path = key.path.split(separator: "/").map(String.init)
        return key.path == "events" || key.path != "token" && Cost(of: .get, path, payload: []) == Cost()
    }

    /// Room for one more observation. When there is none, one of an address that has never acknowledged a notification is told that it is
    /// over and makes room.
    private func hasRoom(for observer: ObserverID, at node: AttachedNode) async -> Bool {
        let all = observed.values.flatMap { $0.observers }.filter { $0.key != observer }
        guard all.count(where: { $0.key.peer.share == observer.peer.share }) < policy.observationsPerHost else { return false }
        let reserved = isKnown(observer.peer, at: node) ? 0 : policy.observationsReserved
        guard all.count >= policy.observations - reserved else { return true }
        var unconfirmed: [(key: ObserverID, value: Observed.Observer)] = []
        for entry in all where await server?.isConfirmed(entry.key.peer) != true { unconfirmed.append(entry) }
        guard let oldest = unconfirmed.min(by: { $0.value.since < $1.value.since })?.key else { return false }
        await cancel(oldest)
        await server?.tell(oldest, Reply(.serviceUnavailable))
        return true
    }

    /// Begins to observe at the node: `observed` then has its present representation. Nil when the resource has none, or no place is left.
    private func observe(_ key: Observed.Key, _ node: AttachedNode, isKnown: Bool) async throws -> Task<Void, Never>? {
        let states = places[node.name, default: []].filter { $0.path != "events" }
        if key.path == "events" || states.count < policy.statesPerNode {
            places[node.name, default: []].insert(key)
            if let source = try await observeAtNode(key, node) { return source }
            places[node.name]?.remove(key)
        }
        // A signature each second is too much.
        guard key.path != "events" else { return nil }
        let polled = observed.keys.count { $0.node == node.name && !places[node.name, default: []].contains($0) }
        guard polled < policy.polledPerNode - (isKnown ? 0 : 2) else { return nil }
        let first = try await node.connection().send(.get(key.path, query: key.query))
        guard first.isSuccess else { return nil }
        await changed(key, first)
        return Task { await self.poll(key, node) }
    }

    private func observeAtNode(_ key: Observed.Key, _ node: AttachedNode) async throws -> Task<Void, Never>? {
        let client: CoAPClient
        do { client = try await node.connection() } catch {
            places[node.name]?.remove(key)
            throw error
        }
        guard let observation = try? await client.observe(key.path, query: key.query) else { return nil }
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
            self.places[node.name]?.remove(key)
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
        for (observer, state) in known.observers {
            let whole = known.reply
            let isWhole = whole.payload.count <= 16 << Int(state.sizeExponent)
            let notice = isWhole ? whole : whole.block(0, state.sizeExponent, tag: nil) ?? whole
            await server?.notify(observer, notice)
        }
    }

    /// The node is out of reach: a notification with an error ends each observation (RFC 7641, section 4.2).
    private func lost(_ key: Observed.Key, _ node: AttachedNode, _ error: any Error) async {
        guard let known = observed.removeValue(forKey: key) else { return }
        onEvent("\(node.name): no longer observed: \(error)")
        for observer in known.observers.keys { await server?.notify(observer, Self.reply(error, node)) }
    }

    /// Ends all observations of that host, at the nodes too when no other client has them.
    public func cancelAll(of host: String) async {
        for observer in observed.values.flatMap(\.observers.keys) where observer.peer.host == host { await cancel(observer) }
    }

    /// Ends one observation, at the node too when no other client has it. Nothing is sent to the observer.
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
