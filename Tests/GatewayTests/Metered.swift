// A node whose work is counted on its line, by a rule that has nothing in common with the gateway's: how often the bytes that every signed
// object begins with stand in what it is sent and in what it answers.
import CoAP
import Foundation
import HostedNode
import Synchronization
import Transport

/// Passes everything to and from a node, and counts.
final class MeteredNode: BytePipe {
    struct Work: Equatable {
        /// Signatures that the node may have checked: those of all signed objects in the messages that it was sent, but for those whose path
        /// or method it did not know.
        var checks = 0
        /// Signatures in its answers and notifications.
        var signatures = 0
        var requests = 0
        /// Paths that it was asked to tell the changes of.
        var registrations: Set<String> = []
    }

    let incoming: AsyncThrowingStream<[UInt8], any Error>
    private let node: HostedNode
    private let reader: Task<Void, Never>
    private let sent = Mutex(Frames())

    private struct Frames: ~Copyable { var frames = SlipmuxFrames() }

    /// - Parameter pause: how much later than it is the node's every answer comes.
    init(_ node: HostedNode, pause: Duration = .zero) {
        self.node = node
        let (stream, continuation) = AsyncThrowingStream<[UInt8], any Error>.makeStream()
        incoming = stream
        let work = Counter()
        counter = work
        reader = Task {
            var frames = SlipmuxFrames()
            do {
                for try await bytes in node.incoming {
                    for case .coap(let bytes) in frames.push(bytes) {
                        let answer = try? Message(bytes)
                        let asked = answer.flatMap { answer in work.waiting.withLock { $0.removeValue(forKey: answer.id) } }
                        // An answer that is repeated was signed once.
                        let isRepeated = answer?.type == .acknowledgement && asked == nil
                        let isUnknown = answer?.code == .notFound || answer?.code == .methodNotAllowed
                        work.add(checks: isUnknown ? 0 : asked ?? 0, signatures: isRepeated ? 0 : Self.signed(bytes))
                    }
                    if pause > .zero { try await Task.sleep(for: pause) }
                    continuation.yield(bytes)
                }
            } catch {}
            continuation.finish()
        }
    }

    private let counter: Counter

    private final class Counter: Sendable {
        let work = Mutex(Work())
        /// Signed objects in requests that are not answered yet, by message id.
        let waiting = Mutex<[UInt16: Int]>([:])
        func add(checks: Int = 0, signatures: Int = 0, requests: Int = 0) {
            work.withLock {
                $0.checks += checks
                $0.signatures += signatures
                $0.requests += requests
            }
        }
    }

    var work: Work { counter.work.withLock { $0 } }

    func send(_ bytes: [UInt8]) async throws {
        let messages = sent.withLock { $0.frames.push(bytes) }
        for case .coap(let bytes) in messages {
            guard let message = try? Message(bytes), message.code.isRequest else { continue }
            counter.add(requests: 1)
            // An attestation's nonce and provisioned keys are no messages that anything is checked of.
            let path = message.all(CoAPOptionNumber.uriPath).map(\.text)
            let isMessage = message.code == .post && path != ["attest"] && path != ["provision"]
            counter.waiting.withLock { $0[message.id] = isMessage ? Self.signed(bytes) : 0 }
            if message.observe == 0 {
                let path = message.all(CoAPOptionNumber.uriPath).map(\.text).joined(separator: "/")
                counter.work.withLock { _ = $0.registrations.insert(path) }
            }
        }
        try await node.send(bytes)
    }

    func close() {
        reader.cancel()
        node.close()
    }

    /// How many COSE_Sign1 objects begin in `bytes`.
    static func signed(_ bytes: [UInt8]) -> Int {
        let start: [UInt8] = [0xd2, 0x84, 0x43, 0xa1, 0x01, 0x27, 0xa0]
        guard bytes.count >= start.count else { return 0 }
        return (0...(bytes.count - start.count)).count { Array(bytes[$0..<($0 + start.count)]) == start }
    }
}
