// How much of a provisioning is the node's own time.
import ControlNode
import NodeProtocol
import Reporting
import Transport

/// A probe with a stopwatch: how long the node took to answer.
actor TimedProbe {
    private let probe: NodeProbe
    private(set) var elapsed = Duration.zero
    nonisolated var name: String { probe.name }

    init(_ probe: NodeProbe) { self.probe = probe }

    func ask<R: Sendable>(_ question: @Sendable (NodeProbe) async throws -> R) async throws -> R {
        let start = ContinuousClock.now
        defer { elapsed += ContinuousClock.now - start }
        return try await question(probe)
    }

    func attest(_ status: NodeStatus, _ client: CoAPClient) async throws -> Attestation {
        guard let identity = status.identity else {
            throw Failure(
                .malformedAnswer, "\(client.name) does not show its identity key", about: "\(client.name)",
                remedy: .sameRelease)
        }
        let network = status.network
        return try await ask { try await $0.attest(identity, network: network) }
    }
}
