import Foundation
import Reporting
import Testing

@testable import ControlNode
@testable import HostCrypto
@testable import NodeProtocol

@Suite("Telemetry", .serialized)
struct TelemetryTests {
    private let identity = SigningKey(seed: SecretBytes([UInt8](repeating: 1, count: 32)))!

    /// Telemetry as a node signs it.
    private func signed(boot: UInt64 = 1, first: UInt64, count: Int, by key: SigningKey? = nil) -> [UInt8] {
        let samples = (0..<UInt64(count)).map { offset in
            CBORItem.array([.text("button"), .text("press"), .null, .uint(100 * (first + offset))])
        }
        let claims = CBORItem.map([
            1: .text(NodeAddress(of: identity.publicKey).description),
            -65537: .map([0: .uint(1), 26: .uint(boot), 27: .uint(5000), 28: .uint(first), 29: .array(samples)]),
        ])
        return SignedObject.sign(claims.encoded, type: .telemetry, network: 7, key: key ?? identity)
    }

    private func telemetry(boot: UInt64 = 1, first: UInt64, count: Int) throws -> Telemetry {
        try Telemetry(
            verifying: signed(boot: boot, first: first, count: count), identity: identity.publicKey, network: 7)
    }

    @Test("Only what the node itself signed is believed")
    func authentic() throws {
        let good = signed(first: 0, count: 2)
        #expect(try Telemetry(verifying: good, identity: identity.publicKey, network: 7).samples.map(\.number) == [0, 1])
        let forged = signed(first: 0, count: 2, by: .generate())
        #expect(throws: Failure.self) { try Telemetry(verifying: forged, identity: identity.publicKey, network: 7) }
        #expect(throws: Failure.self) { try Telemetry(verifying: good, identity: identity.publicKey, network: 8) }
        var changed = good
        changed[changed.count / 2] ^= 1
        #expect(throws: Failure.self) { try Telemetry(verifying: changed, identity: identity.publicKey, network: 7) }
    }

    @Test("Overlapping telemetry gives each sample once, says what was missed, and begins anew with a power-on")
    func follower() throws {
        var follower = TelemetryFollower()
        func take(_ boot: UInt64, _ first: UInt64, _ count: Int) throws -> [String] {
            follower.take(try telemetry(boot: boot, first: first, count: count)).map {
                switch $0 {
                case .sample(let sample): "\(sample.number)"
                case .missed(let range): "missed \(range.lowerBound)..<\(range.upperBound)"
                case .restarted(let boot): "boot \(boot)"
                }
            }
        }
        #expect(try take(1, 4, 3) == ["4", "5", "6"])
        #expect(try take(1, 5, 3) == ["7"])
        #expect(try take(1, 5, 3) == [])
        #expect(try take(1, 12, 2) == ["missed 8..<12", "12", "13"])
        #expect(try take(2, 0, 1) == ["boot 2", "0"])
        #expect(try take(1, 14, 1) == [], "an older power-on's, late")
        #expect(try take(3, 2, 1) == ["boot 3", "missed 0..<2", "2"])
    }

    /// A status as whoever is at the other end shows it.
    private func status(_ address: NodeAddress?, _ identity: PublicKey, network: UInt64 = 7) throws -> NodeStatus {
        let body = CBORItem.map([
            0: .uint(2), 1: address.map { .text($0.description) } ?? .null, 2: .text("bench"), 3: .text("1.0.0"), 4: .uint(1),
            11: .uint(network), 16: .bytes(identity.bytes),
        ])
        return try NodeStatus(body.encoded, from: "the line")
    }

    @Test("A node in between cannot sign for a known one: neither with its own key, nor under another network, nor as itself")
    func inBetween() async throws {
        let stage = try await OwningTests.Stage()
        try await stage.node.bind(label: stage.label)
        let genuine = try await stage.node.status()
        let address = try #require(genuine.address), key = try #require(genuine.identity)
        let attacker = SigningKey.generate().publicKey
        #expect(try stage.node.signer(shownBy: genuine).identity == key)
        #expect(try stage.node.signer(shownBy: try status(address, key, network: 99)).network == genuine.network)
        // Without an address there is nothing that the key could be held against.
        #expect(throws: Failure.self) { try stage.node.signer(shownBy: try status(nil, attacker)) }
        #expect(throws: Failure.self) { try stage.node.signer(shownBy: try status(address, attacker)) }
        // Under an address of its own it is a node that nobody here knows.
        let stranger = try status(NodeAddress(of: attacker), attacker)
        #expect(try stage.node.signer(shownBy: stranger).identity == attacker)
        #expect(throws: Failure.self) { try stage.node.signer(shownBy: stranger, onlyKnown: true) }
    }

    @Test(
        "What happens in a known node arrives verified; another node at the same line is refused when only known ones are wanted")
    func exchanged() async throws {
        let stage = try await OwningTests.Stage()
        try await stage.node.bind(label: stage.label)
        // Its first telemetry comes with the answer, before anything happens.
        _ = try await stage.node.happenings(onlyKnown: true)
        let other = try await OwningTests.Stage()
        let watching = RemoteNode(other.client, controller: stage.controller)
        let failure = await #expect(throws: Failure.self) { _ = try await watching.happenings(onlyKnown: true) }
        #expect(failure?.description.contains("which this control node does not know") == true)
    }
}
