import CoAP
import Foundation
import Reporting
import Synchronization
import Testing

@testable import Transport

/// Answers each request by what `answer` makes of it; nil is silence.
private final class AnsweringLink: CoAPLink {
    let incoming: AsyncThrowingStream<SlipmuxFrames.Frame, any Error>
    private let frames: AsyncThrowingStream<SlipmuxFrames.Frame, any Error>.Continuation
    private let answer: @Sendable (Message) -> Message?

    init(_ answer: @escaping @Sendable (Message) -> Message?) {
        self.answer = answer
        (incoming, frames) = AsyncThrowingStream<SlipmuxFrames.Frame, any Error>.makeStream()
    }

    func send(_ bytes: [UInt8]) async throws {
        let message = try Message(bytes)
        guard message.code != .empty, let answer = answer(message) else { return }
        frames.yield(.coap(try answer.encoded()))
    }

    func close() { frames.finish() }
}

/// What a client makes of peers that no server of others is.
@Suite("The CoAP client against peers that keep no rule") struct ScriptedPeerTests {
    private func reply(_ request: Message, _ code: UInt8, _ options: [Message.Option] = [], _ payload: [UInt8] = []) -> Message {
        Message(
            .acknowledgement, CoAPCode(rawValue: code), id: request.id, token: request.token, options: options, payload: payload)
    }

    /// The first of several blocks of a representation that is fresh for ever.
    private func beginning(_ request: Message) -> Message {
        reply(
            request, 0x45,
            [
                .init(CoAPOptionNumber.observe, uint: 5), .init(CoAPOptionNumber.maxAge, uint: .max),
                .init(CoAPOptionNumber.block2, uint: 0x08),
            ], [UInt8](repeating: 1, count: 16))
    }

    @Test("an observer is told of the error that stands in the place of a block, and not only when the answer is stale")
    func errorInPlaceOfABlock() async throws {
        let link = AnsweringLink { request in
            request.block2 == nil ? self.beginning(request) : self.reply(request, 0x84)
        }
        let client = CoAPClient(link, name: "it")
        let observation = try await client.observe("events")
        for try await answer in observation {
            #expect(answer.codeText == "4.04")
            break
        }
        await client.close()
    }

    @Test("an observer of what changes while it is fetched is told once it stands still")
    func changesWhileFetched() async throws {
        let asked = Mutex(0)
        let link = AnsweringLink { request in
            if request.block2 == nil {
                if asked.withLock({
                    $0 += 1; return $0
                }) > 4 {
                    return self.reply(request, 0x45, [.init(CoAPOptionNumber.observe, uint: 6)], [7])
                }
                return self.beginning(request)
            }
            // Another representation: its tag is another.
            return self.reply(
                request, 0x45, [.init(CoAPOptionNumber.entityTag, [1]), .init(CoAPOptionNumber.block2, uint: 0x10)], [2])
        }
        let client = CoAPClient(link, name: "it")
        let observation = try await client.observe("events", lateness: .milliseconds(1))
        for try await answer in observation {
            #expect(answer.payload == [7])
            break
        }
        await client.close()
    }

    @Test("whatever Max-Age says, an observation is asked for anew after a day", arguments: [86_401, UInt32.max])
    func freshness(age: UInt32) {
        let message = Message(
            .acknowledgement, CoAPCode(rawValue: 0x45), id: 1, options: [.init(CoAPOptionNumber.maxAge, uint: age)])
        #expect(CoAPClient.freshness(message) == .seconds(86_400))
    }

    @Test(
        "a limit that passes before it is waited for ends the wait, and an event that comes there is not lost",
        .timeLimit(.minutes(1)))
    func earlyEvents() async {
        func next(_ exchange: Exchange, _ wait: Int) async -> ExchangeEvent? {
            await withCheckedContinuation { exchange.resume($0, in: wait) }
        }
        let exchange = Exchange(id: 1)
        let first = exchange.begin()
        exchange.giveUp(first)
        if await next(exchange, first) != nil { Issue.record("an event from nowhere") }
        // What comes late belongs to a wait that is over.
        let second = exchange.begin()
        exchange.giveUp(first)
        exchange.deliver(.acknowledged)
        exchange.deliver(.reset)
        if case .acknowledged? = await next(exchange, second) {} else { Issue.record("the first event was lost") }
        let third = exchange.begin()
        exchange.giveUp(third)
        if case .reset? = await next(exchange, third) {} else { Issue.record("the second event was lost") }
    }
}
