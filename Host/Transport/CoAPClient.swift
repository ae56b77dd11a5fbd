// A CoAP client: confirmable requests with retransmission, block-wise answers, log lines. Observation has a file of its own.
import CoAP
import Reporting

/// Talks CoAP (RFC 7252) with one node, over any link. Every wait has a limit.
public actor CoAPClient {
    /// Waiting times. The defaults are those of RFC 7252, section 4.8.
    public struct Timing: Sendable {
        /// Before the first retransmission; stretched by a random factor between 1 and 1.5, doubled each time.
        public var acknowledgement = Duration.seconds(2)
        /// How often a message is sent again after the first time (MAX_RETRANSMIT).
        public var retransmissions = 4
        /// For the response proper, once the node has acknowledged the request.
        public var separateResponse = Duration.seconds(30)

        /// The defaults: a request that is not acknowledged fails after 62 to 93 seconds.
        public init() {}

        /// As RFC 7252 has it, in about `total`: at least four retransmissions, each after twice the wait before. In less than 78 s the first
        /// comes sooner than after 2 s (section 4.8.1 lets it): a line has little traffic to make room for, and a person waits.
        public init(total: Duration) {
            // Waits of 1, 2, 4, 8 and 16 parts, each stretched by 1.25 on average.
            acknowledgement = min(.seconds(2), total / 38.75)
            while acknowledgement * 1.25 * Double(1 << (retransmissions + 2) - 1) <= total { retransmissions += 1 }
            separateResponse = max(total, .seconds(1))
            patience = total
            // A history over a slow line is a hundred short answers.
            wholeAnswer = max(.seconds(60), total * 4)
        }

        /// How long a caller that is asked to wait does so (Max-Age of 4.29 and 5.03).
        public var patience = Duration.seconds(60)
        /// For all blocks of one answer: whoever sends them slowly, or without end, is not waited for longer.
        public var wholeAnswer = Duration.seconds(300)
    }

    /// What the node is called in messages.
    public nonisolated let name: String
    private let link: any CoAPLink
    private let timing: Timing
    /// How long a caller that is asked to wait does so.
    public nonisolated var patience: Duration { timing.patience }
    private let onLog: @Sendable (String) -> Void
    private var messageID = UInt16.random(in: 0 ... .max)
    private var exchanges: [UInt32: Exchange] = [:]
    var observers: [UInt32: Observer] = [:]
    private var reader: Task<Void, Never>?
    /// Why the connection can no longer be used; nil while it can.
    public private(set) var broken: Failure?
    private var isBusy = false
    private var queue: [CheckedContinuation<Void, Never>] = []
    /// What the server asked to be repeated, to see that its answers arrive here (RFC 9175, section 2.3).
    private var echo: Message.Option?

    /// - Parameters:
    ///   - link: the way to the node; the client is its only user from now on.
    ///   - onLog: takes each log line that the node writes between the messages.
    public init(
        _ link: any CoAPLink, name: String, timing: Timing = Timing(), onLog: @escaping @Sendable (String) -> Void = { _ in }
    ) {
        self.link = link
        self.name = name
        self.timing = timing
        self.onLog = onLog
    }

    /// A client of the node at the other end of `pipe`, in slipmux frames.
    public init(
        _ pipe: any BytePipe, name: String, timing: Timing = Timing(), onLog: @escaping @Sendable (String) -> Void = { _ in }
    ) {
        self.init(SlipmuxLink(pipe), name: name, timing: timing, onLog: onLog)
    }

    /// Hangs up. Requests under way fail.
    public func close() {
        reader?.cancel()
        link.close()
        end(Failure(.unreachable, "the connection to \(name) was closed", advice: "Connect again"))
    }

    // MARK: Requests

    /// Sends a request and waits for the whole answer. One request at a time is under way (RFC 7252's NSTART); others queue.
    /// - Throws: `Failure`, of kind `unreachable` when the node does not answer in time or the connection is broken, of kind
    ///   `malformedAnswer` when the answer breaks the rules of CoAP; `RequestTooLong` before anything is sent;
    ///   `CancellationError`. An answer with an error code is returned.
    public func send(_ request: Request) async throws -> Response {
        await takeTurn()
        defer { endTurn() }
        let first = try await exchange(request)
        return try await assemble(first, of: request)
    }

    /// Sends a request with exactly these options, those of the link before them, and returns the answer as it came: one block of a long
    /// one. For a gateway, which passes requests of others on.
    /// - Throws: as `send(_:)`.
    public func pass(_ code: CoAPCode, options: [Message.Option], payload: [UInt8]) async throws -> Message {
        await takeTurn()
        defer { endTurn() }
        return try await exchange(code, options, payload, "the request")
    }

    /// Bytes of payload that a request with these options may have before it is more than the other side takes; 0 if it has no room at all.
    public nonisolated func room(_ code: CoAPCode, options: [Message.Option]) -> Int {
        let bare = Message(.confirmable, code, id: 0, token: [0, 0, 0, 0], options: link.base + options, payload: [0])
        return max(0, link.capacity - ((try? bare.encoded().count) ?? link.capacity) + 1)
    }

    /// Fetches the remaining blocks of an answer (RFC 7959, section 2.4), as many bytes and as long as the request allows. An error in the place
    /// of a block is the answer.
    func assemble(_ first: Message, of request: Request) async throws -> Response {
        var payload = first.payload
        var last = first
        let end = ContinuousClock.now + timing.wholeAnswer
        while let block = last.block2, block.more {
            guard payload.count == Int(block.number + 1) * block.size else {
                throw malformed("\(request)", "blocks that do not fit together")
            }
            guard payload.count < request.longestAnswer else {
                throw malformed("\(request)", "more than the \(request.longestAnswer) bytes that such an answer may have")
            }
            guard .now < end else {
                throw Failure(
                    .unreachable,
                    "\(name) has sent \(payload.count) bytes of its answer to \(request) within \(timing.wholeAnswer.components.seconds) s, and no end",
                    about: "\(name)", remedy: .either([.advice("Try again over a better line"), .waitLonger]))
            }
            let next = CoAPBlock(number: block.number + 1, more: false, sizeExponent: block.sizeExponent)
            var following = request
            following.payload = []
            following.contentFormat = nil
            last = try await exchange(following, more: [.init(CoAPOptionNumber.block2, uint: next.optionValue)])
            // The node has no such block: that is what it answers, and no change that asking again would catch.
            if last.code.class != 2 { return last.response }
            guard last.code == first.code, last.entityTag == first.entityTag, last.block2?.number == next.number else {
                throw AnswerChanged(name: name, request: request)
            }
            payload += last.payload
        }
        return Response(code: first.code.rawValue, contentFormat: first.contentFormat, payload: payload, maxAge: first.maxAge)
    }

    func exchange(_ request: Request, more: [Message.Option] = [], token: UInt32 = .random(in: 0 ... .max)) async throws
        -> Message
    {
        let message = try await exchange(request.code, request.options + more, request.payload, "\(request)", token: token)
        if message.isUnusable { throw malformed("\(request)", "an option that must be understood and is not") }
        return message
    }

    /// One confirmable message and its response, piggybacked or separate (RFC 7252, sections 4.2 and 5.2).
    private func exchange(
        _ code: CoAPCode, _ options: [Message.Option], _ payload: [UInt8], _ request: String,
        token: UInt32 = .random(in: 0 ... .max)
    ) async throws -> Message {
        listen()
        if let broken { throw broken }
        messageID &+= 1
        let id = messageID
        let message = Message(
            .confirmable, code, id: id, token: (0..<4).map { UInt8(token >> (24 - $0 * 8) & 0xff) },
            options: link.base + options + (echo.map { [$0] } ?? []), payload: payload)
        let bytes: [UInt8]
        do { bytes = try message.encoded() } catch {
            throw Failure(
                .usage, "\(request) cannot be written as CoAP (\(error))", about: "\(request)",
                advice: "Use shorter names and values")
        }
        guard bytes.count <= link.capacity else {
            throw RequestTooLong(name: name, request: request, size: bytes.count, payload: payload.count, capacity: link.capacity)
        }
        let before = link.heard
        let exchange = Exchange(id: id)
        exchanges[token] = exchange
        defer { exchanges[token] = nil }

        var limit = timing.acknowledgement * Double.random(in: 1...1.5)
        var sent = 0
        // Once the request is acknowledged: a node that acknowledges it again and again is waited for no longer.
        var end: ContinuousClock.Instant?
        try await link.send(bytes)
        while true {
            switch await event(of: exchange, within: limit) {
            case .response(let message):
                if let asked = message[CoAPOptionNumber.echo], (1...40).contains(asked.value.count) { echo = asked }
                return message
            case .acknowledged:
                let until = end ?? .now + timing.separateResponse
                end = until
                sent = .max
                limit = max(.zero, until - .now)
            case .reset: throw malformed(request, "a reset: it did not understand the message")
            case .failed(let failure): throw failure
            case nil:
                try Task.checkCancellation()
                guard sent < timing.retransmissions else { throw silence(request, acknowledged: sent == .max, since: before) }
                sent += 1
                limit *= 2
                try await link.send(bytes)
            }
        }
    }

    private func silence(_ request: String, acknowledged: Bool, since before: LineHearing?) -> Failure {
        if let before, let garbled = link.heard?.garbled(since: before) {
            return Failure(
                .unreachable, "\(name) does not answer in a way that can be read (\(request)): \(garbled)", about: "\(name)",
                remedy: LineHearing.remedy)
        }
        return Failure(
            .unreachable,
            acknowledged
                ? "\(name) took \(request) but never answered"
                : "\(name) does not answer (\(request), sent \(timing.retransmissions + 1) times)",
            advice: "Check that the node runs light-node firmware and that no other program (a console?) uses the same line")
    }

    func malformed(_ request: String, _ what: String) -> Failure {
        Failure(
            .malformedAnswer, "\(name) answered \(request) with \(what)", about: "\(name)",
            remedy: .sameRelease)
    }

    // MARK: Turns

    func takeTurn() async {
        if isBusy { await withCheckedContinuation { queue.append($0) } } else { isBusy = true }
    }

    func endTurn() {
        if queue.isEmpty { isBusy = false } else { queue.removeFirst().resume() }
    }

    // MARK: Events

    /// The next event, or nil when `limit` has passed or the task was cancelled.
    private func event(of exchange: Exchange, within limit: Duration) async -> ExchangeEvent? {
        let wait = exchange.begin()
        let token = exchanges.first { $0.value === exchange }?.key ?? 0
        let timer = Task {
            try? await Task.sleep(for: limit)
            if !Task.isCancelled { self.giveUp(token, wait) }
        }
        defer { timer.cancel() }
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                if Task.isCancelled { continuation.resume(returning: nil) } else { exchange.resume(continuation, in: wait) }
            }
        } onCancel: {
            Task { await self.giveUp(token, wait) }
        }
    }

    private func giveUp(_ token: UInt32, _ wait: Int) { exchanges[token]?.giveUp(wait) }

    // MARK: What arrives

    /// Begins to take in what the node sends; its log lines arrive from now on. The first request begins too.
    public func listen() {
        guard reader == nil else { return }
        reader = Task { [link, weak self, name] in
            do {
                for try await frame in link.incoming { await self?.receive(frame) }
                await self?.end(
                    Failure(.unreachable, "\(name) hung up", about: "\(name)", advice: "Check that it is running, then try again")
                )
            } catch let failure as Failure {
                await self?.end(failure)
            } catch {
                await self?.end(Failure(.unreachable, "the line to \(name) broke: \(error)", advice: "Try again"))
            }
        }
    }

    private func end(_ failure: Failure) {
        if broken == nil { broken = failure }
        for exchange in exchanges.values { exchange.deliver(.failed(failure)) }
        for observer in observers.values { observer.notifications.finish(throwing: failure) }
        observers = [:]
    }

    private func receive(_ frame: SlipmuxFrames.Frame) async {
        switch frame {
        case .log(let line): onLog(line)
        case .coap(let bytes):
            // What is no CoAP is ignored (RFC 7252, section 4.2); the retransmission covers a damaged frame.
            if let message = try? Message(bytes) { await receive(message) }
        }
    }

    private func receive(_ message: Message) async {
        if message.code == .empty || !message.code.isResponse {
            let exchange = exchanges.values.first { $0.id == message.id }
            switch message.type {
            case .acknowledgement: exchange?.deliver(.acknowledged)
            case .reset: exchange?.deliver(.reset)
            default: await answer(.reset, message.id)  // a ping, or a request: this is no server
            }
            return
        }
        // Ours have four bytes.
        let token = message.token.count == 4 ? message.token.reduce(0) { $0 << 8 | UInt32($1) } : nil
        let exchange = token.flatMap { exchanges[$0] }
        let isNotification = token.map { observers[$0] != nil } ?? false
        if message.type == .confirmable {
            // A response that is not waited for any more is refused, which also ends an observation (RFC 7641, section 3.6).
            await answer(exchange != nil || isNotification ? .acknowledgement : .reset, message.id)
        }
        if let exchange, message.type != .acknowledgement || exchange.id == message.id {
            // A piggybacked response belongs to this very message (RFC 7252, section 5.3.2).
            exchange.deliver(.response(message))
        } else if isNotification, let token, message.type != .acknowledgement {
            notify(token, message)
        } else if message.type == .nonConfirmable, exchange == nil, message.observe != nil {
            // A reset is how a node learns that its notifications are not wanted any more (RFC 7641, section 3.6).
            await answer(.reset, message.id)
        }
    }

    private func answer(_ type: CoAPType, _ id: UInt16) async {
        if let bytes = try? Message.empty(type, id: id).encoded() { try? await link.send(bytes) }
    }
}

/// A request is longer than what the other side takes; nothing of it was sent.
public struct RequestTooLong: Error, Reportable {
    let name: String
    let request: String
    /// Bytes of the message as it would have been sent, and of its payload.
    let size: Int
    let payload: Int
    let capacity: Int

    /// So many bytes of payload would have gone with the options of this request.
    public var room: Int { max(0, capacity - (size - payload)) }

    /// Of kind `usage`, with how many bytes would have gone where that can help.
    public var failure: Failure {
        Failure(
            .usage, "\(request) takes \(size) bytes, and \(name) takes \(capacity) at most: nothing was sent",
            about: "\(request)",
            advice: payload > 0 && room > 0
                ? "Send at most \(room) bytes: shorter arguments, or a grant with a shorter scope"
                : "Use shorter names and values")
    }
}

/// Between two blocks the answer became another one.
struct AnswerChanged: Error, Reportable {
    let name: String
    let request: Request

    var failure: Failure {
        Failure(.malformedAnswer, "the answer of \(name) to \(request) changed while it was being read", advice: "Try again")
    }
}
