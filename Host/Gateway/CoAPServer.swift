// Gateway: serves attached nodes to the network. This file: a CoAP server on UDP (RFC 7252), which knows nothing of nodes.
import CoAP
import Foundation
import Reporting
import Transport

/// The answer to a request, without what belongs to the transfer: type, id and token.
public struct Reply: Sendable {
    /// Code of the response (RFC 7252, section 12.1.2).
    public var code: CoAPCode
    /// In any order; those of blocks are added by the gateway.
    public var options: [Message.Option]
    /// The whole body; empty for none.
    public var payload: [UInt8]

    /// An answer as it shall arrive, in one piece or in blocks.
    public init(_ code: CoAPCode, options: [Message.Option] = [], payload: [UInt8] = []) {
        self.code = code
        self.options = options
        self.payload = payload
    }

    /// An error with its reason as text (RFC 7252, section 5.5.2).
    public init(_ code: CoAPCode, reason: String) { self.init(code, payload: Array(reason.utf8)) }
}

/// One client's interest in one resource: the peer and the token that its notifications carry.
public struct ObserverID: Hashable, Sendable {
    /// Where notifications go.
    public let peer: SocketAddress
    /// 0 to 8 bytes, of the client's choice.
    public let token: [UInt8]

    /// - Parameter token: that of the request which registered it.
    public init(peer: SocketAddress, token: [UInt8]) {
        self.peer = peer
        self.token = token
    }
}

/// What answers requests.
public protocol CoAPService: Sendable {
    /// Answers one request. Called for several requests at once; the server acknowledges by itself what takes long.
    /// - Parameters:
    ///   - request: with its options as they came; blocks are the service's business.
    ///   - peer: the sender, which may be forged.
    func answer(_ request: Message, from peer: SocketAddress) async -> Reply
    /// The notifications of `observer` are not wanted any more: they were refused, or never acknowledged.
    func cancel(_ observer: ObserverID) async
    /// A host never acknowledged its first notification: whatever it observes is over.
    func cancelAll(of host: String) async
}

extension CoAPService {
    /// Nothing: for a service that lets nothing be observed.
    public func cancelAll(of host: String) async {}
}

/// The message layer of a server: each request is answered once however often it arrives, answers and notifications that matter are
/// repeated until they are acknowledged.
public actor CoAPServer {
    /// Times and limits; the times are those of RFC 7252, section 4.8.
    public struct Limits: Sendable {
        /// Before the first repetition; stretched by a random factor between 1 and 1.5, doubled each time (ACK_TIMEOUT).
        public var acknowledgementTimeout = Duration.seconds(2)
        /// How often a message is sent again after the first time (MAX_RETRANSMIT).
        public var retransmissions = 4
        /// After so long without an answer a request is acknowledged, and answered separately.
        public var processing = Duration.seconds(1)
        /// EXCHANGE_LIFETIME: so long a repeated request is recognised.
        public var lifetime = Duration.seconds(247)
        /// Exchanges that are remembered; the oldest are forgotten first.
        public var exchanges = 4096
        /// Requests of one host under way at a time.
        public var requestsPerHost = 8
        /// How often the first notification to an address that has never acknowledged one is sent again: it may never have asked.
        public var retransmissionsToStrangers = 1
        /// Notifications that wait for one observer; the oldest are left out.
        public var notifications = 32

        /// The defaults: times of RFC 7252, and room for a few thousand exchanges.
        public init() {}
    }

    private struct Key: Hashable {
        let peer: SocketAddress
        let id: UInt16
    }

    private struct Exchange {
        let arrived: ContinuousClock.Instant
        /// What was sent in answer so far, to be sent again when the request comes again.
        var answer: [UInt8]?
        var isAcknowledged = false
    }

    private enum Delivery { case acknowledged, refused, lost }

    /// Where it serves, with the port that it got.
    public nonisolated let address: SocketAddress
    private let socket: UDPSocket
    private let service: any CoAPService
    private let limits: Limits
    private var exchanges: [Key: Exchange] = [:]
    private var order: [Key] = []
    private var underWay: [String: Int] = [:]
    private var outgoing: [Key: CheckedContinuation<Delivery, Never>] = [:]
    private var waiting: [ObserverID: [Reply]] = [:]
    /// Hosts that have acknowledged a notification, and when.
    private var confirmed: [String: ContinuousClock.Instant] = [:]
    /// The observer of a host by which it is found out whether its first notification is acknowledged; the others wait.
    private var probing: [String: ObserverID] = [:]
    private var held: [String: [ObserverID: Reply]] = [:]
    private var reader: Task<Void, Never>?

    /// Serves `service` at `address`; port 0 takes any free one.
    /// - Throws: `Failure` of kind `environment` when the address is taken or may not be used.
    public init(at address: SocketAddress, service: any CoAPService, limits: Limits = Limits()) throws {
        socket = try UDPSocket(boundTo: address)
        self.address = socket.localAddress
        self.service = service
        self.limits = limits
    }

    /// Serves until `close`.
    public func run() async {
        do { for try await datagram in socket.incoming { receive(datagram.bytes, from: datagram.sender) } } catch {
            // Refusals are reported to connected sockets alone; this one is not connected.
        }
    }

    /// Closes the socket; `run` ends. Requests under way are still worked on, their answers lost.
    public nonisolated func close() { socket.close() }

    // MARK: What arrives

    private func receive(_ bytes: [UInt8], from peer: SocketAddress) {
        let message: Message
        do { message = try Message(bytes) } catch {
            if let id = CoAPMessage.idToReset(bytes.span.bytes) { send(.empty(.reset, id: id), to: peer) }
            return
        }
        if message.code.isRequest { return receive(message, from: peer) }
        switch message.type {
        case .acknowledgement: outgoing.removeValue(forKey: Key(peer: peer, id: message.id))?.resume(returning: .acknowledged)
        case .reset: outgoing.removeValue(forKey: Key(peer: peer, id: message.id))?.resume(returning: .refused)
        // A ping, or a response to no request of ours.
        case .confirmable: send(.empty(.reset, id: message.id), to: peer)
        case .nonConfirmable: break
        }
    }

    private func receive(_ request: Message, from peer: SocketAddress) {
        let key = Key(peer: peer, id: request.id), now = ContinuousClock.now
        while let oldest = order.first,
            order.count > limits.exchanges || now - (exchanges[oldest]?.arrived ?? now) > limits.lifetime
        {
            exchanges[oldest] = nil
            order.removeFirst()
        }
        if let known = exchanges[key] {
            if let answer = known.answer { socket.send(answer, to: peer) }
            return
        }
        exchanges[key] = Exchange(arrived: now)
        order.append(key)
        let host = peer.share
        guard underWay[host, default: 0] < limits.requestsPerHost else {
            let busy = Reply(
                .tooManyRequests, options: [.init(CoAPOptionNumber.maxAge, uint: 1)],
                payload: Array("\(limits.requestsPerHost) requests of yours are under way".utf8))
            return respond(busy, to: request, key)
        }
        underWay[host, default: 0] += 1
        Task {
            let acknowledgement = Task {
                try await Task.sleep(for: limits.processing)
                self.acknowledge(request, key)
            }
            let reply = await service.answer(request, from: peer)
            acknowledgement.cancel()
            self.underWay[host]! -= 1
            if self.underWay[host] == 0 { self.underWay[host] = nil }
            self.respond(reply, to: request, key)
        }
    }

    private func acknowledge(_ request: Message, _ key: Key) {
        guard request.type == .confirmable, exchanges[key]?.answer == nil else { return }
        let bytes = encoded(.empty(.acknowledgement, id: request.id))
        exchanges[key]?.answer = bytes
        exchanges[key]?.isAcknowledged = true
        socket.send(bytes, to: key.peer)
    }

    /// Sends the answer: in the acknowledgement, or in a message of its own (RFC 7252, section 5.2).
    private func respond(_ reply: Reply, to request: Message, _ key: Key) {
        let isLate = exchanges[key]?.isAcknowledged ?? true
        if request.type == .confirmable, !isLate {
            let bytes = encoded(message(.acknowledgement, id: request.id, request.token, reply))
            exchanges[key]?.answer = bytes
            return socket.send(bytes, to: key.peer)
        }
        let type: CoAPType = request.type == .confirmable ? .confirmable : .nonConfirmable
        let message = message(type, id: newID(), request.token, reply)
        if type == .nonConfirmable {
            let bytes = encoded(message)
            exchanges[key]?.answer = bytes
            return socket.send(bytes, to: key.peer)
        }
        Task { _ = await self.deliver(message, to: key.peer) }
    }

    // MARK: Notifications

    /// Sends a notification (RFC 7641), confirmable: one at a time to each observer, so that a slow one is not flooded.
    ///
    /// A host that has not acknowledged its first one gets no second one, whatever it observes: another may have asked in its name.
    public func notify(_ observer: ObserverID, _ reply: Reply) {
        let host = observer.peer.host
        if confirmed[host] == nil, let first = probing[host], first != observer {
            held[host, default: [:]][observer] = reply
            return
        }
        if waiting[observer] != nil {
            waiting[observer]!.append(reply)
            if waiting[observer]!.count > limits.notifications { waiting[observer]!.removeFirst() }
            return
        }
        waiting[observer] = []
        if confirmed[host] == nil { probing[host] = observer }
        Task {
            var next: Reply? = reply
            while let reply = next {
                let message = message(.confirmable, id: newID(), observer.token, reply)
                let delivery = await self.deliver(message, to: observer.peer, isKnown: confirmed[host] != nil)
                guard delivery == .acknowledged else {
                    waiting[observer] = nil
                    await service.cancel(observer)
                    return await self.unconfirmed(host, observer, delivery)
                }
                confirm(host)
                next = waiting[observer]?.isEmpty == false ? waiting[observer]!.removeFirst() : nil
            }
            waiting[observer] = nil
        }
    }

    /// True if the host of `peer` has acknowledged a notification.
    public func isConfirmed(_ peer: SocketAddress) -> Bool { confirmed[peer.host] != nil }

    /// Sends a last word that needs no acknowledgement: the observation is over.
    public func tell(_ observer: ObserverID, _ reply: Reply) {
        send(message(.nonConfirmable, id: newID(), observer.token, reply), to: observer.peer)
    }

    private func confirm(_ host: String) {
        if confirmed[host] == nil, confirmed.count >= limits.exchanges, let oldest = confirmed.min(by: { $0.value < $1.value }) {
            confirmed[oldest.key] = nil
        }
        confirmed[host] = .now
        probing[host] = nil
        for (observer, reply) in held.removeValue(forKey: host) ?? [:] { notify(observer, reply) }
    }

    /// A notification was refused, or never acknowledged. Silence ends all that waits for the same host.
    private func unconfirmed(_ host: String, _ observer: ObserverID, _ delivery: Delivery) async {
        let isProbe = probing[host] == observer
        if isProbe { probing[host] = nil }
        if delivery == .lost { confirmed[host] = nil }
        guard isProbe else { return }
        let others = held.removeValue(forKey: host) ?? [:]
        if delivery == .lost { return await service.cancelAll(of: host) }
        for (other, reply) in others { notify(other, reply) }
    }

    /// Leaves out what has not been sent to `observer` yet.
    public func forget(_ observer: ObserverID) {
        waiting[observer]?.removeAll()
        held[observer.peer.host]?[observer] = nil
    }

    // MARK: What is sent

    /// Sends a confirmable message until it is acknowledged or given up (RFC 7252, section 4.2).
    /// - Parameter isKnown: false for a notification to a host that has acknowledged none.
    private func deliver(_ message: Message, to peer: SocketAddress, isKnown: Bool = true) async -> Delivery {
        let key = Key(peer: peer, id: message.id), bytes = encoded(message)
        let repetitions = isKnown ? limits.retransmissions : min(limits.retransmissions, limits.retransmissionsToStrangers)
        let timer = Task {
            var limit = limits.acknowledgementTimeout * Double.random(in: 1...1.5)
            for attempt in 0...repetitions {
                if attempt > 0 { socket.send(bytes, to: peer) }
                try await Task.sleep(for: limit)
                limit *= 2
            }
            self.giveUp(key)
        }
        defer { timer.cancel() }
        return await withCheckedContinuation { continuation in
            outgoing[key] = continuation
            socket.send(bytes, to: peer)
        }
    }

    private func giveUp(_ key: Key) { outgoing.removeValue(forKey: key)?.resume(returning: .lost) }

    /// At random: a host that guesses it could acknowledge for another.
    private func newID() -> UInt16 {
        var id = UInt16.random(in: 0 ... .max)
        while outgoing.keys.contains(where: { $0.id == id }) { id &+= 1 }
        return id
    }

    private func message(_ type: CoAPType, id: UInt16, _ token: [UInt8], _ reply: Reply) -> Message {
        Message(type, reply.code, id: id, token: token, options: reply.options, payload: reply.payload)
    }

    private func send(_ message: Message, to peer: SocketAddress) { socket.send(encoded(message), to: peer) }

    private func encoded(_ message: Message) -> [UInt8] {
        do { return try message.encoded() } catch { preconditionFailure("what was read as options can be written: \(error)") }
    }
}
