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

    @Test(
        "a short answer that comes in blocks without end is given up at the bytes that such an answer may have, and by time",
        arguments: [true, false])
    func blocksWithoutEnd(isSlow: Bool) async throws {
        let asked = Mutex(0)
        let link = AnsweringLink { request in
            asked.withLock { $0 += 1 }
            let number = request.block2?.number ?? 0
            return self.reply(
                request, 0x45, [.init(CoAPOptionNumber.block2, uint: number << 4 | 8)], [UInt8](repeating: 1, count: 16))
        }
        var timing = CoAPClient.Timing()
        if isSlow { timing.wholeAnswer = .zero }
        let client = CoAPClient(link, name: "it", timing: timing)
        var request = Request.get("status")
        request.longestAnswer = 256
        await #expect {
            _ = try await client.send(request)
        } throws: { error in
            let failure = error as? Failure
            return isSlow
                ? failure?.kind == .unreachable
                    && failure?.what.contains("has sent 16 bytes of its answer to GET /status within 0 s, and no end") == true
                : failure?.kind == .malformedAnswer && failure?.what.contains("more than the 256 bytes") == true
        }
        #expect(asked.withLock { $0 } == (isSlow ? 1 : 16))
        await client.close()
    }

    /// Says that it has the request, again and again, and never answers.
    private final class Acknowledging: CoAPLink {
        let incoming: AsyncThrowingStream<SlipmuxFrames.Frame, any Error>
        private let frames: AsyncThrowingStream<SlipmuxFrames.Frame, any Error>.Continuation
        private let task = Mutex<Task<Void, Never>?>(nil)

        init() { (incoming, frames) = AsyncThrowingStream<SlipmuxFrames.Frame, any Error>.makeStream() }

        func send(_ bytes: [UInt8]) async throws {
            let acknowledgement = try Message.empty(.acknowledgement, id: Message(bytes).id).encoded()
            task.withLock { task in
                task =
                    task
                    ?? Task { [frames] in
                        while !Task.isCancelled {
                            frames.yield(.coap(acknowledgement))
                            try? await Task.sleep(for: .milliseconds(1))
                        }
                    }
            }
        }

        func close() {
            task.withLock { $0?.cancel() }
            frames.finish()
        }
    }

    @Test("a node that acknowledges a request again and again is waited for as long as one that does so once")
    func acknowledgesWithoutEnd() async throws {
        var timing = CoAPClient.Timing()
        timing.separateResponse = .milliseconds(50)
        let client = CoAPClient(Acknowledging(), name: "it", timing: timing)
        await #expect {
            _ = try await client.send(.get("status"))
        } throws: { ($0 as? Failure)?.what == "it took GET /status but never answered" }
        await client.close()
    }
}

/// Lines that garble what a node says.
@Suite("Lines that damage frames") struct DamagedLineTests {
    /// Answers each request, with the bytes changed on their way.
    private final class Line: BytePipe {
        let incoming: AsyncThrowingStream<[UInt8], any Error>
        private let chunks: AsyncThrowingStream<[UInt8], any Error>.Continuation
        private let change: @Sendable ([UInt8]) -> [UInt8]
        private let frames = Mutex<[UInt8]>([])

        init(_ change: @escaping @Sendable ([UInt8]) -> [UInt8]) {
            self.change = change
            (incoming, chunks) = AsyncThrowingStream<[UInt8], any Error>.makeStream()
        }

        func send(_ bytes: [UInt8]) async throws {
            var reader = SlipmuxFrames()
            guard case .coap(let datagram)? = reader.push(bytes).first else { return }
            let request = try Message(datagram)
            let answer = Message(.acknowledgement, .content, id: request.id, token: request.token, payload: [0x0A, 1, 0x0A])
            chunks.yield(change(SlipmuxFrames.coap(try answer.encoded())))
        }

        func close() { chunks.finish() }
    }

    private func failure(_ change: @escaping @Sendable ([UInt8]) -> [UInt8]) async -> Failure? {
        var timing = CoAPClient.Timing()
        (timing.acknowledgement, timing.retransmissions) = (.milliseconds(20), 1)
        let client = CoAPClient(Line(change), name: "serial:x", timing: timing)
        var found: Failure?
        do { _ = try await client.send(.get("status")) } catch { found = error as? Failure }
        await client.close()
        return found
    }

    @Test("bytes that came but made no frame are told from silence, with what can be wrong")
    func garbled() async {
        let noise = await failure { $0.map { $0 ^ 0x55 } + [0xC0] }
        #expect(
            noise?.kind == .unreachable && noise?.what.contains("bytes came, but none made a frame") == true,
            "\(noise?.what ?? "")")
        #expect(noise?.advice.contains("same speed (115200 baud)") == true)
        let silence = await failure { _ in [] }
        #expect(silence?.what.contains("does not answer (GET /status, sent 2 times)") == true, "\(silence?.what ?? "")")
        #expect(await failure { $0 } == nil)
    }

    @Test("a line that turns LF into CR LF is called so")
    func cooked() async {
        let found = await failure { $0.flatMap { $0 == 0x0A ? [0x0D, 0x0A] : [$0] } }
        #expect(
            found?.what.contains("(2 damaged), and each line feed came behind a carriage return") == true, "\(found?.what ?? "")")
        #expect(found?.advice.contains("LF into CR LF") == true)
    }
}
