// The client's side of observation (RFC 7641): registering, putting notifications in order and together, registering again, ending.
import CoAP
import Reporting

extension CoAPClient {
    /// What is known of one observation. Touched only by the actor.
    struct Observer {
        let notifications: AsyncThrowingStream<Message, any Error>.Continuation
        var order = NotificationOrder()
        /// Until when the last representation is fresh, with some time for the next to arrive.
        var freshUntil: ContinuousClock.Instant
    }

    /// Seconds that a representation is believed to be fresh at the most, whatever Max-Age says: a day.
    private static let longestAge: UInt32 = 86_400

    static func freshness(_ message: Message) -> Duration { .seconds(min(message.maxAge, longestAge)) }

    /// Observes a resource (RFC 7641).
    /// - Parameter lateness: how long after the end of its freshness a notification is waited for before the observation is asked for
    ///   anew (RFC 7641, section 3.3.1).
    /// - Throws: a `Failure` of kind `malformedAnswer` when the node does not let the resource be observed.
    public func observe(_ path: String, query: [String] = [], lateness: Duration = .seconds(10)) async throws -> Observation {
        let request = Request.get(path, query: query)
        let token = UInt32.random(in: 0 ... .max)
        // The newest are kept when they are not taken out: an observer wants the state, not every step towards it.
        let (notifications, incoming) = AsyncThrowingStream<Message, any Error>.makeStream(bufferingPolicy: .bufferingNewest(256))
        let (stream, outgoing) = AsyncThrowingStream<Response, any Error>.makeStream(bufferingPolicy: .bufferingNewest(256))
        observers[token] = Observer(notifications: incoming, freshUntil: .now)
        do { try await register(token, request, lateness) } catch {
            observers[token] = nil
            throw error
        }
        // Both keep the connection as long as a resource is observed, even if it is held nowhere else any more.
        let pump = Task {
            do {
                for try await message in notifications {
                    guard let answer = try await self.whole(message, of: request) else {
                        try await self.askAgain(token, request, lateness)
                        continue
                    }
                    outgoing.yield(answer)
                }
                outgoing.finish()
            } catch {
                outgoing.finish(throwing: error)
            }
            await self.endObservation(token, of: request)
        }
        let renewal = Task {
            while let wake = self.observers[token]?.freshUntil {
                do { try await Task.sleep(until: wake) } catch { return }
                await self.renew(token, request, lateness)
            }
        }
        outgoing.onTermination = { _ in
            renewal.cancel()
            pump.cancel()
            incoming.finish()
        }
        return Observation(stream: stream) { incoming.finish() }
    }

    /// Asks to be told, and takes the answer as the first notification.
    private func register(_ token: UInt32, _ request: Request, _ lateness: Duration) async throws {
        await takeTurn()
        defer { endTurn() }
        let first = try await exchange(request, more: [.init(CoAPOptionNumber.observe, uint: 0)], token: token)
        guard let number = first.observe else {
            throw Failure(
                .malformedAnswer, "\(name) does not let /\(request.path) be observed (\(first.response.codeText))",
                about: "\(name)",
                advice: "Ask for it again and again instead")
        }
        // A later notification may have overtaken the answer; what the node says now is its present state all the same.
        observers[token]?.order.restart(number)
        observers[token]?.freshUntil = .now + Self.freshness(first) + lateness
        observers[token]?.notifications.yield(first)
    }

    /// Asks anew when nothing has been heard for too long: the node may have forgotten who observes it.
    private func renew(_ token: UInt32, _ request: Request, _ lateness: Duration) async {
        guard let observer = observers[token], observer.freshUntil <= .now else { return }
        observers[token]?.freshUntil = .now + lateness
        do { try await register(token, request, lateness) } catch {
            observers[token]?.notifications.finish(throwing: error)
        }
    }

    /// Asks anew though it was told as fresh: the representation could not be fetched. A while later, so that no node is asked without end.
    private func askAgain(_ token: UInt32, _ request: Request, _ lateness: Duration) async throws {
        try await Task.sleep(for: lateness)
        observers[token]?.freshUntil = .now
        await renew(token, request, lateness)
    }

    /// The whole representation of which `message` is the beginning; nil when it changed twice while it was fetched.
    private func whole(_ message: Message, of request: Request) async throws -> Response? {
        guard let block = message.block2, block.more else { return message.response }
        await takeTurn()
        defer { endTurn() }
        do { return try await assemble(message, of: request) } catch is AnswerChanged {
            do { return try await assemble(try await exchange(request), of: request) } catch is AnswerChanged { return nil }
        }
    }

    func notify(_ token: UInt32, _ message: Message) {
        guard var observer = observers[token] else { return }
        guard message.code.class == 2, let number = message.observe else {
            // An error, or a plain answer, is the last notification (RFC 7641, section 3.2).
            observers[token] = nil
            observer.notifications.finish()
            return
        }
        observer.freshUntil = max(observer.freshUntil, .now + Self.freshness(message) + .seconds(10))
        if observer.order.accept(number) { observer.notifications.yield(message) }
        observers[token] = observer
    }

    private func endObservation(_ token: UInt32, of request: Request) async {
        guard observers.removeValue(forKey: token) != nil, broken == nil else { return }
        // A task of its own: the one that ends the observation has been cancelled.
        await Task {
            await takeTurn()
            defer { endTurn() }
            _ = try? await exchange(request, more: [.init(CoAPOptionNumber.observe, uint: 1)], token: token)
        }.value
    }
}
