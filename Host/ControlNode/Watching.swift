// What happens in a node's devices, as a stream of verified samples.
import Foundation
import HostCrypto
import NodeProtocol
import Reporting
import Transport

extension RemoteNode {
    /// What happens in the node's devices, verified, each sample once and in order.
    ///
    /// The node need not be this control node's own. Then the key is the one that it shows, which must be that of its address: a
    /// program in between could show an address of its own.
    /// - Parameter onlyKnown: refuses a node that is not in the node book.
    /// - Throws: `Failure`, of kind `notAuthentic` when the key that the node shows is not the one of its address or of the node
    ///   book, or with `onlyKnown` of an unknown node. Iteration throws a `Failure` when telemetry does not verify or the
    ///   connection breaks.
    public func happenings(onlyKnown: Bool = false) async throws -> AsyncThrowingStream<Happening, any Error> {
        let occurrences = try await occurrences(onlyKnown: onlyKnown)
        let (stream, continuation) = AsyncThrowingStream<Happening, any Error>.makeStream(bufferingPolicy: .bufferingNewest(256))
        let task = Task {
            do {
                for try await occurrence in occurrences { continuation.yield(occurrence.happening) }
                continuation.finish()
            } catch {
                continuation.finish(throwing: error)
            }
        }
        continuation.onTermination = { _ in task.cancel() }
        return stream
    }

    /// As `happenings`, each with its time.
    /// - Throws: as `happenings`.
    public func occurrences(onlyKnown: Bool = false) async throws -> AsyncThrowingStream<Occurrence, any Error> {
        let signer = try signer(shownBy: try await status(), onlyKnown: onlyKnown)
        let (stream, continuation) = AsyncThrowingStream<Occurrence, any Error>.makeStream(bufferingPolicy: .bufferingNewest(256))
        let observation = try await client.observe("events")
        let task = Task {
            var follower = TelemetryFollower()
            var isFirst = true
            do {
                for try await answer in observation {
                    let telemetry = try Telemetry(verifying: answer.payload, identity: signer.identity, network: signer.network)
                    for happening in follower.take(telemetry) {
                        continuation.yield(Occurrence(happening, in: telemetry, isBacklog: isFirst))
                    }
                    isFirst = false
                }
                continuation.finish()
            } catch {
                continuation.finish(throwing: error)
            }
        }
        continuation.onTermination = { _ in task.cancel() }
        return stream
    }

    /// Whose signatures to believe of a node with this status: of a known one those of the node book alone.
    func signer(shownBy status: NodeStatus, onlyKnown: Bool = false) throws -> (identity: PublicKey, network: UInt64) {
        guard let identity = status.identity else { throw nameless(status) }
        func foreign(_ what: String) -> Failure {
            Failure(
                .notAuthentic, "\(client.name) \(what)", about: "\(client.name)",
                remedy: .either([
                    .advice("Something on the way answers in its name: check the cable and the bridge"), .nameNode([]),
                ]))
        }
        guard let address = status.address, address.matches(identity) else {
            throw foreign("shows an identity key that is not the one of its address")
        }
        if let known = try controller.book.node(address) {
            guard known.identity == identity else { throw foreign("shows another identity key than \(address) had before") }
            return (known.identity, known.network)
        }
        if onlyKnown { throw foreign("is \(address), which this control node does not know") }
        return (identity, status.network)
    }
}

/// Something that happened, and when.
public struct Occurrence: Hashable, Sendable {
    /// What happened.
    public let happening: Happening
    /// When, at the earliest, by the clock that the node signs; by this computer's clock where the node does not know the time.
    public let time: Date
    /// The node knows the time, and signs it.
    public let isSigned: Bool
    /// It had happened before anybody watched here.
    public let isBacklog: Bool

    /// - Parameters:
    ///   - telemetry: what the node signed of it.
    ///   - isBacklog: it is the first that was heard of the node.
    ///   - now: this computer's clock.
    init(_ happening: Happening, in telemetry: Telemetry, isBacklog: Bool, now: Date = Date()) {
        (self.happening, self.isBacklog, isSigned) = (happening, isBacklog, telemetry.earliest != nil)
        var age: TimeInterval = 0
        if case .sample(let sample) = happening {
            // A sample keeps 32 bits of the uptime: the newest ones are meant.
            age = Double(UInt32(truncatingIfNeeded: telemetry.uptimeMilliseconds) &- sample.milliseconds) / 1000
        }
        time = (telemetry.earliest ?? now) - age
    }
}
