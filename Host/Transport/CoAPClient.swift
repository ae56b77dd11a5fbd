// A CoAP client over a byte pipe: confirmable requests with retransmission, block-wise answers, observation, log lines.
import CoAP
import Reporting

/// Talks CoAP (RFC 7252) in slipmux frames with one device. Every wait has a limit.
public actor CoAPClient {
    /// Waiting times. The defaults are those of RFC 7252, section 4.8.
    public struct Timing: Sendable {
        /// Before the first retransmission; stretched by a random factor between 1 and 1.5, doubled each time.
        public var acknowledgement = Duration.seconds(2)
        public var retransmissions = 4
        /// For the response proper, once the device has acknowledged the request.
        public var separateResponse = Duration.seconds(30)

        public init() {}

        /// For a direct line: three tries, given up after about `total`. On a line of one's own there is nobody else to make room for,
        /// and a person waits.
        public init(total: Duration) {
            retransmissions = 2
            // Waits of 1, 2 and 4 parts, each stretched by 1.25 on average.
            acknowledgement = total / 8.75
            separateResponse = max(total, .seconds(1))
        }
    }

    /// What the device is called in messages.
    public nonisolated let name: String
    private let pipe: any BytePipe
    private let timing: Timing
    private let onLog: @Sendable (String) -> Void
    private var messageID = UInt16.random(in: 0 ... .max)
    private var exchanges: [UInt32: Exchange] = [:]
    private var observers: [UInt32: Observer] = [:]
    private var reader: Task<Void, Never>?
    private var broken: Failure?
    private var isBusy = false
    private var queue: [CheckedContinuation<Void, Never>] = []

    /// An answer may have so many bytes at most, however many blocks it comes in.
    public static let maximumAnswer = 1 << 20

    /// - Parameters:
    ///   - pipe: the line to the device; the client is its only user from now on.
    ///   - onLog: takes each log line that the device writes between the frames.
    public init(
        _ pipe: any BytePipe, name: String, timing: Timing = Timing(), onLog: @escaping @Sendable (String) -> Void = { _ in }
    ) {
        self.pipe = pipe
        self.name = name
        self.timing = timing
        self.onLog = onLog
    }

    /// Hangs up. Requests under way fail.
    public func close() {
        reader?.cancel()
        pipe.close()
        end(Failure(.unreachable, "the connection to \(name) was closed", advice: "Connect again"))
    }

    // MARK: Requests

    /// Sends a request and waits for the whole answer. One request at a time is under way (RFC 7252's NSTART); others queue.
    public func send(_ request: Request) async throws -> Response {
        await takeTurn()
        defer { endTurn() }
        let first = try await exchange(request)
        return try await assemble(first, of: request)
    }

    /// Observes a resource (RFC 7641): the present representation first, then each new one until the stream is dropped.
    public func observe(_ path: String) async throws -> AsyncThrowingStream<Response, any Error> {
        await takeTurn()
        defer { endTurn() }
        let request = Request.get(path)
        let token = UInt32.random(in: 0 ... .max)
        let (stream, continuation) = AsyncThrowingStream<Response, any Error>.makeStream()
        observers[token] = Observer(continuation: continuation)
        do {
            let first = try await exchange(request, token: token, observe: 0)
            guard first.observe != nil else {
                throw Failure(
                    .malformedAnswer, "\(name) does not let /\(path) be observed (\(first.response.codeText))",
                    advice: "Ask for it again and again instead")
            }
            observers[token]?.last = first.observe
            continuation.yield(try await assemble(first, of: request))
        } catch {
            observers[token] = nil
            throw error
        }
        continuation.onTermination = { [weak self] _ in Task { await self?.endObservation(token, of: request) } }
        return stream
    }

    private func endObservation(_ token: UInt32, of request: Request) async {
        guard observers.removeValue(forKey: token) != nil, broken == nil else { return }
        await takeTurn()
        defer { endTurn() }
        _ = try? await exchange(request, token: token, observe: 1)
    }

    /// Fetches the remaining blocks of an answer (RFC 7959, section 2.4).
    private func assemble(_ first: WireMessage, of request: Request) async throws -> Response {
        var payload = first.payload
        var last = first
        while let block = last.block2, block.more {
            guard payload.count == Int(block.number + 1) * block.size, payload.count < Self.maximumAnswer else {
                throw malformed(request, "blocks that do not fit together")
            }
            let next = CoAPBlock(number: block.number + 1, more: false, sizeExponent: block.sizeExponent)
            var following = request
            following.payload = []
            following.contentFormat = nil
            last = try await exchange(following, block2: next)
            guard last.code == first.code, last.entityTag == first.entityTag, last.block2?.number == next.number else {
                throw Failure(
                    .malformedAnswer, "the answer of \(name) to \(request) changed while it was being read", advice: "Try again")
            }
            payload += last.payload
        }
        return Response(code: first.code.rawValue, contentFormat: first.contentFormat, payload: payload)
    }

    /// One confirmable message and its response, piggybacked or separate (RFC 7252, sections 4.2 and 5.2).
    private func exchange(
        _ request: Request, token: UInt32 = .random(in: 0 ... .max), observe: UInt32? = nil, block2: CoAPBlock? = nil
    ) async throws -> WireMessage {
        start()
        if let broken { throw broken }
        messageID &+= 1
        let id = messageID
        let bytes: [UInt8]
        do { bytes = try request.encoded(id: id, token: token, observe: observe, block2: block2) } catch {
            throw Failure(.usage, "\(request) cannot be written as CoAP (\(error))", advice: "Use shorter names and values")
        }
        let exchange = Exchange(id: id)
        exchanges[token] = exchange
        defer { exchanges[token] = nil }

        var limit = timing.acknowledgement * Double.random(in: 1...1.5)
        var sent = 0
        try await pipe.send(SlipmuxFrames.coap(bytes))
        while true {
            switch await event(of: exchange, within: limit) {
            case .response(let message):
                if message.isUnusable { throw malformed(request, "an option that must be understood and is not") }
                return message
            case .acknowledged:
                sent = .max
                limit = timing.separateResponse
            case .reset: throw malformed(request, "a reset: it did not understand the message")
            case .failed(let failure): throw failure
            case nil:
                try Task.checkCancellation()
                guard sent < timing.retransmissions else { throw silence(request, acknowledged: sent == .max) }
                sent += 1
                limit *= 2
                try await pipe.send(SlipmuxFrames.coap(bytes))
            }
        }
    }

    private func silence(_ request: Request, acknowledged: Bool) -> Failure {
        Failure(
            .unreachable,
            acknowledged
                ? "\(name) took \(request) but never answered"
                : "\(name) does not answer (\(request), sent \(timing.retransmissions + 1) times)",
            advice: "Check that the device runs light-node firmware and that no other program (a console?) uses the same line")
    }

    private func malformed(_ request: Request, _ what: String) -> Failure {
        Failure(
            .malformedAnswer, "\(name) answered \(request) with \(what)",
            advice: "Check that the firmware and lightnode belong to the same release")
    }

    // MARK: Turns

    private func takeTurn() async {
        if isBusy { await withCheckedContinuation { queue.append($0) } } else { isBusy = true }
    }

    private func endTurn() {
        if queue.isEmpty { isBusy = false } else { queue.removeFirst().resume() }
    }

    // MARK: Events

    private enum Event: Sendable {
        case acknowledged
        case response(WireMessage)
        case reset
        case failed(Failure)
    }

    /// The state of one request under way. Touched only by the actor.
    private final class Exchange {
        let id: UInt16
        var events: [Event] = []
        var waiter: CheckedContinuation<Event?, Never>?
        var wait = 0

        init(id: UInt16) { self.id = id }

        func deliver(_ event: Event?) {
            if let waiter {
                self.waiter = nil
                waiter.resume(returning: event)
            } else if let event {
                events.append(event)
            }
        }
    }

    private struct Observer {
        let continuation: AsyncThrowingStream<Response, any Error>.Continuation
        var last: UInt32?
    }

    /// The next event, or nil when `limit` has passed or the task was cancelled.
    private func event(of exchange: Exchange, within limit: Duration) async -> Event? {
        if !exchange.events.isEmpty { return exchange.events.removeFirst() }
        exchange.wait += 1
        let wait = exchange.wait
        let token = exchanges.first { $0.value === exchange }?.key ?? 0
        let timer = Task {
            try? await Task.sleep(for: limit)
            if !Task.isCancelled { self.giveUp(token, wait: wait) }
        }
        defer { timer.cancel() }
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                if Task.isCancelled { continuation.resume(returning: nil) } else { exchange.waiter = continuation }
            }
        } onCancel: {
            Task { await self.giveUp(token, wait: wait) }
        }
    }

    private func giveUp(_ token: UInt32, wait: Int) {
        guard let exchange = exchanges[token], exchange.wait == wait else { return }
        exchange.deliver(nil)
    }

    // MARK: What arrives

    private func start() {
        guard reader == nil else { return }
        reader = Task { [pipe, weak self, name] in
            var frames = SlipmuxFrames()
            do {
                for try await chunk in pipe.incoming {
                    for frame in frames.push(chunk) { await self?.receive(frame) }
                }
                await self?.end(Failure(.unreachable, "\(name) hung up", advice: "Check that it is running, then try again"))
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
        for observer in observers.values { observer.continuation.finish(throwing: failure) }
        observers = [:]
    }

    private func receive(_ frame: SlipmuxFrames.Frame) async {
        switch frame {
        case .log(let line): onLog(line)
        case .coap(let bytes):
            // What is no CoAP is ignored (RFC 7252, section 4.2); the retransmission covers a damaged frame.
            if let message = try? WireMessage(bytes) { await receive(message) }
        }
    }

    private func receive(_ message: WireMessage) async {
        if message.code == .empty || !message.code.isResponse {
            let exchange = exchanges.values.first { $0.id == message.id }
            switch message.type {
            case .acknowledgement: exchange?.deliver(.acknowledged)
            case .reset: exchange?.deliver(.reset)
            default: await answer(.reset, message.id)  // a ping, or a request: nobody serves here
            }
            return
        }
        let exchange = message.token.flatMap { exchanges[$0] }
        let isNotification = message.token.map { observers[$0] != nil } ?? false
        if message.type == .confirmable {
            // A response that nobody waits for any more is refused, which also ends an observation (RFC 7641, section 3.6).
            await answer(exchange != nil || isNotification ? .acknowledgement : .reset, message.id)
        }
        if let exchange {
            // A piggybacked response belongs to this very message (RFC 7252, section 5.3.2).
            if message.type != .acknowledgement || exchange.id == message.id { exchange.deliver(.response(message)) }
        } else if isNotification, let token = message.token {
            await notify(token, message)
        }
    }

    private func notify(_ token: UInt32, _ message: WireMessage) async {
        guard var observer = observers[token] else { return }
        guard message.code.class == 2, let number = message.observe else {
            observers[token] = nil
            observer.continuation.finish()
            return
        }
        // Fresher only (RFC 7641, section 3.4), by the number's 24 bits.
        if let last = observer.last, (number &- last) & 0xff_ffff == 0 || (number &- last) & 0xff_ffff >= 1 << 23 { return }
        observer.last = number
        observers[token] = observer
        observer.continuation.yield(message.response)
    }

    private func answer(_ type: CoAPType, _ id: UInt16) async {
        try? await pipe.send(SlipmuxFrames.coap(WireMessage.empty(type, id: id)))
    }
}
