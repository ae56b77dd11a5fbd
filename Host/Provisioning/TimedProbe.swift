// How much of a provisioning is the device's own time.
import ControlNode
import Reporting
import Transport

/// A probe with a stopwatch: how long the device took to answer.
actor TimedProbe {
    private let probe: DeviceProbe
    private(set) var elapsed = Duration.zero
    nonisolated var name: String { probe.name }

    init(_ probe: DeviceProbe) { self.probe = probe }

    func ask<R: Sendable>(_ question: @Sendable (DeviceProbe) async throws -> R) async throws -> R {
        let start = ContinuousClock.now
        defer { elapsed += ContinuousClock.now - start }
        return try await question(probe)
    }

    func attest(_ status: DeviceStatus, _ client: CoAPClient) async throws -> Attestation {
        guard let identity = status.identity else {
            throw Failure(
                .malformedAnswer, "\(client.name) does not show its identity key",
                advice: "Check that the firmware and lightnode belong to the same release")
        }
        let network = status.network
        return try await ask { try await $0.attest(identity, network: network) }
    }
}
