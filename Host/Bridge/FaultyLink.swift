// A link with faults in both directions: what a client sees through a bridge.
import Transport

/// Passes messages to and from another link, with `Faults`.
public final class FaultyLink: CoAPLink {
    /// Answers as the faults leave them; log lines pass unharmed.
    public let incoming: AsyncThrowingStream<SlipmuxFrames.Frame, any Error>
    /// What requests over the link beneath begin with.
    public var base: [Message.Option] { link.base }
    /// What the link beneath takes.
    public var capacity: Int { link.capacity }
    private let link: any CoAPLink
    private let up: FaultyPath
    private let down: FaultyPath
    private let reader: Task<Void, Never>

    /// Takes over `link`.
    public init(_ link: any CoAPLink, faults: Faults) {
        self.link = link
        let (stream, continuation) = AsyncThrowingStream<SlipmuxFrames.Frame, any Error>.makeStream()
        incoming = stream
        up = FaultyPath(faults, direction: 1) { try? await link.send($0) }
        let down = FaultyPath(faults, direction: 2) { continuation.yield(.coap($0)) }
        self.down = down
        reader = Task {
            do {
                for try await frame in link.incoming {
                    if case .coap(let bytes) = frame { down.push(bytes) } else { continuation.yield(frame) }
                }
                continuation.finish()
            } catch {
                continuation.finish(throwing: error)
            }
        }
    }

    /// What happened so far, to requests and to answers.
    public var counts: (requests: FaultCounts, answers: FaultCounts) { (up.counts, down.counts) }

    /// Never throws, and returns before the message is sent on: one may be lost here without a word.
    public func send(_ message: [UInt8]) async throws { up.push(message) }

    /// Closes the link as well.
    public func close() {
        reader.cancel()
        link.close()
    }
}
