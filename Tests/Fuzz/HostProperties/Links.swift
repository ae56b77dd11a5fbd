// What must hold of the host's side of a line: slipmux frames in chunks of any size, and a CoAP client whose peer plays a script.
import CoAP
import Foundation
import FuzzProperties
import Reporting
import Slipmux

@testable import Transport

// MARK: Frames

/// The first byte is the size of the chunks. The frames are those that the judge finds, however the stream is cut; what is sent is found again.
@Sendable func checkFrames(_ input: [UInt8]) throws {
    let stream = Array(input.dropFirst()), size = max(1, Int(input.first ?? 0))
    func frames(_ stream: [UInt8], by size: Int) -> (frames: [SlipmuxFrames.Frame], dropped: SlipmuxDrops) {
        var reader = SlipmuxFrames(), frames: [SlipmuxFrames.Frame] = []
        for start in stride(from: 0, to: stream.count, by: size) {
            frames += reader.push(Array(stream[start..<min(stream.count, start + size)]))
        }
        return (frames, reader.dropped)
    }
    let expected = SlipmuxJudge.frames(stream, capacity: 2048), found = frames(stream, by: size)
    if found != frames(stream, by: stream.count + 1) { throw Violation("other frames in chunks of \(size)", input) }
    let told = expected.filter { $0 != .dropped }
    guard found.frames.count == told.count else { throw Violation("\(found.frames.count) frames, not \(told.count)", input) }
    for (frame, judged) in zip(found.frames, told) {
        switch (frame, judged) {
        case (.coap(let bytes), .coap(let message)) where bytes == message: break
        case (.log(let line), .diagnostic(let bytes)) where isShown(line, of: bytes): break
        default: throw Violation("\(frame) is not \(judged)", input)
        }
    }
    let message = Array(stream.prefix(2048))
    if frames(SlipmuxFrames.coap(message), by: size).frames != [.coap(message)] { throw Violation("lost on its way", input) }
}

/// True if `line` is the text in `bytes` and steers no terminal: each control or format character became a space.
private func isShown(_ line: String, of bytes: [UInt8]) -> Bool {
    func steers(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator: true
        default: false
        }
    }
    let text = String(decoding: bytes, as: UTF8.self).unicodeScalars.map { steers($0) ? " " : $0 }
    let shown = Array(line.unicodeScalars)
    return text.starts(with: shown) && text.dropFirst(shown.count).allSatisfy { $0 == " " }
}

// MARK: A client against a script

/// What the peer does, one step after the other: `[kind, length, bytes…]`.
///
/// | Kind (low 4 bits) | Datagram |
/// |---|---|
/// | 0 | the bytes as they come |
/// | 1 | the piggybacked answer: code, then options and payload |
/// | 2, 3 | an answer of its own, confirmable or not: code, then options and payload |
/// | 4 | as 1, with another token |
/// | 5 | as 1, with another Message ID |
/// | 6, 7 | an empty acknowledgement, a reset |
/// | 8, 9 | an empty acknowledgement, a reset, of another message |
/// | 10 | a line of log |
/// | 11 | as 1, with a token of another length |
///
/// With bit 7 of the kind nothing more comes until the client sends again.
private final class ScriptedLink: CoAPLink, @unchecked Sendable {
    let incoming: AsyncThrowingStream<SlipmuxFrames.Frame, any Error>
    private let frames: AsyncThrowingStream<SlipmuxFrames.Frame, any Error>.Continuation
    private let lock = NSLock()
    private var script: ArraySlice<UInt8>
    private var asked: (id: UInt16, token: [UInt8]) = (0, [0, 0, 0, 0])
    private var requests: [(id: UInt16, token: [UInt8])] = []
    private var given: [CoAPJudge] = []
    private(set) var isOver = false
    private(set) var sent = 0
    /// What the client is at, for who looks into one that hangs.
    var stage = "asking"
    private var ownID: UInt16 = 0x7000
    private var violation: String?

    init(_ script: ArraySlice<UInt8>) {
        self.script = script
        (incoming, frames) = AsyncThrowingStream<SlipmuxFrames.Frame, any Error>.makeStream()
    }

    func send(_ message: [UInt8]) async throws {
        lock.withLock {
            sent += 1
            guard let judged = CoAPJudge(message) else {
                violation = violation ?? "sent what is no message"
                return
            }
            // Its own acknowledgements and resets ask for nothing.
            if judged.code > 0 {
                asked = (judged.id, judged.token)
                requests.append(asked)
            }
            play()
        }
    }

    func close() { lock.withLock { frames.finish() } }

    /// Goes on without being asked, as a peer that notifies does.
    func goOn() { lock.withLock { play() } }

    /// Up to the next pause; the peer hangs up at the end.
    private func play() {
        while let kind = script.popFirst(), let length = script.popFirst() {
            let bytes = Array(script.prefix(Int(length)))
            script = script.dropFirst(Int(length))
            give(kind & 15, bytes)
            if kind & 0x80 != 0 { return }
        }
        isOver = true
        frames.finish()
    }

    private func give(_ kind: UInt8, _ bytes: [UInt8]) {
        if kind == 10 {
            frames.yield(.log(String(decoding: bytes.prefix(40), as: UTF8.self)))
            return
        }
        ownID &+= 1
        var (type, id, token) = (2 as UInt8, asked.id, asked.token)
        switch kind {
        case 2, 3: (type, id) = (kind - 2, ownID)
        case 4: token[0] ^= 1 | (bytes.first ?? 0)
        case 5: id ^= 1 | UInt16(bytes.first ?? 0)
        case 7, 9: type = 3
        case 11: token = Array((token + token).prefix(Int((bytes.first ?? 0) % 4) + (bytes.count % 2 == 0 ? 0 : 5)))
        default: break
        }
        if kind == 8 || kind == 9 { id ^= 1 | UInt16(bytes.first ?? 0) }
        let head = [0x40 | type << 4 | UInt8(token.count), bytes.first ?? 0, UInt8(id >> 8), UInt8(id & 255)]
        let datagram =
            switch kind {
            case 0: bytes
            case 6...9: [0x40 | type << 4, 0, UInt8(id >> 8), UInt8(id & 255)]
            default: head + token + bytes.dropFirst()
            }
        if let judged = CoAPJudge(datagram) { given.append(judged) }
        frames.yield(.coap(datagram))
    }

    /// The answers that were given to what was asked (RFC 7252, 5.3.2): its token, and for a piggybacked one its Message ID.
    private var answers: [CoAPJudge] {
        given.filter { answer in
            answer.code >> 5 >= 2 && requests.contains { $0.token == answer.token && (answer.type != 2 || $0.id == answer.id) }
        }
    }

    /// Nil if an answer of that code and payload may come of what was given: one answer, or several in that order.
    func objection(_ code: UInt8, _ payload: [UInt8]) -> String? {
        lock.withLock {
            if let violation { return violation }
            var reached: Set<Int> = answers.contains { $0.code == code } ? [0] : []
            for answer in answers where answer.code == code {
                for start in reached where payload[start...].starts(with: answer.payload) {
                    reached.insert(start + answer.payload.count)
                }
            }
            return reached.contains(payload.count) ? nil : "accepted \(code) \(payload) that nobody gave as an answer"
        }
    }
}

/// The first byte chooses what the client asks. It ends in bounded time and after a bounded number of messages, whatever the peer does, and takes
/// no answer that was not one to its request.
@Sendable func checkClient(_ input: [UInt8]) throws {
    let link = ScriptedLink(input.dropFirst()), kind = (input.first ?? 0) % 4
    var timing = CoAPClient.Timing()
    (timing.acknowledgement, timing.retransmissions) = (.milliseconds(1), 1)
    timing.separateResponse = .milliseconds(2)
    let client = CoAPClient(link, name: "fuzzed", timing: timing)
    guard let wrong = waiting({ await objection(client, link, kind) }) else {
        throw Violation("does not end, \(link.stage); \(link.sent) messages sent, \(link.isOver ? "hung up" : "goes on")", input)
    }
    if let wrong { throw Violation(wrong, input) }
    // Each step of the script may be answered, and asks for one more block at most.
    if link.sent > 4 * input.count + 16 { throw Violation("\(link.sent) messages sent", input) }
}

private func objection(_ client: CoAPClient, _ link: ScriptedLink, _ kind: UInt8) async -> String? {
    var found: String?
    switch kind {
    case 0, 1:
        let request = kind == 0 ? Request.get("status") : .post("command", [1, 2, 3], contentFormat: 18)
        if let answer = try? await client.send(request) { found = link.objection(answer.code, answer.payload) }
        // One request after the other, over the same line.
        link.stage = "asking the second time"
        if let next = try? await client.send(.get("devices")) { found = found ?? link.objection(next.code, next.payload) }
    case 2:
        if let answer = try? await client.pass(.get, options: [], payload: []) {
            found = link.objection(answer.code.rawValue, answer.payload)
        }
    default: found = await observed(client, link)
    }
    link.stage = "closing"
    await client.close()
    return found
}

/// Representations of an observed resource: each is one that was given.
private func observed(_ client: CoAPClient, _ link: ScriptedLink) async -> String? {
    guard let observation = try? await client.observe("events", lateness: .milliseconds(2)) else { return nil }
    link.stage = "observing"
    let player = Task {
        while !link.isOver {
            try? await Task.sleep(for: .microseconds(200))
            link.goOn()
        }
    }
    defer { player.cancel() }
    var found: String?
    do { for try await answer in observation { found = found ?? link.objection(answer.code, answer.payload) } } catch {}
    return found
}

/// The result of asynchronous work, waited for by this thread; nil when it does not end within five minutes. All that is here takes
/// milliseconds, but tests that compute beside it may keep all threads of tasks for a while.
private func waiting<R: Sendable>(_ body: @escaping @Sendable () async -> R) -> R? {
    let done = DispatchSemaphore(value: 0)
    nonisolated(unsafe) var result: R?
    Task {
        result = await body()
        done.signal()
    }
    return done.wait(timeout: .now() + 300) == .success ? result! : nil
}
