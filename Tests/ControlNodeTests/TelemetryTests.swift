// Telemetry: only the device's own signature counts, and what was missed is told.
import Foundation
import Reporting
import Testing

@testable import ControlNode

@Suite("Telemetry")
struct TelemetryTests {
    private let identity = SigningKey.generate()

    /// Samples numbered from `first` on, signed as a device does.
    private func signed(boot: UInt64 = 1, first: UInt64, count: UInt64, as type: MessageType = .telemetry, key: SigningKey? = nil)
        -> [UInt8]
    {
        let samples = (0..<count).map { offset in
            CBORItem.array([
                .text("button-a"), (first + offset).isMultiple(of: 2) ? .text("pressed") : .null, .bool(true),
                .uint(1000 + offset),
            ])
        }
        let payload = CBORItem.map([
            1: .text(DeviceAddress(of: identity.publicKey).description),
            Int64(SignedMessage.nodeClaim): .map([
                0: .uint(1), 26: .uint(boot), 27: .uint(5000), 28: .uint(first), 29: .array(samples),
            ]),
        ])
        return SignedObject.sign(payload.encoded, type: type, network: 1, key: key ?? identity)
    }

    private func opened(boot: UInt64 = 1, first: UInt64, count: UInt64) throws -> Telemetry {
        try Telemetry(verifying: signed(boot: boot, first: first, count: count), identity: identity.publicKey, network: 1)
    }

    private func numbers(_ events: [TelemetryEvent]) -> [String] {
        events.map { String($0.description.prefix { $0 != "b" }).trimmingCharacters(in: .whitespaces) }
    }

    @Test("Samples are read with their numbers, events and values")
    func reads() throws {
        let telemetry = try opened(first: 6, count: 2)
        #expect(telemetry.samples.map(\.number) == [6, 7] && telemetry.samples.map(\.event) == ["pressed", nil])
        #expect(telemetry.samples[0].value == .bool(true) && telemetry.boot == 1 && telemetry.uptime == 5000)
    }

    @Test("A stranger's signature, another network and another type of message are not genuine")
    func notGenuine() throws {
        let others = [
            (signed(first: 0, count: 1, key: .generate()), UInt64(1)), (signed(first: 0, count: 1), 2),
            (signed(first: 0, count: 1, as: .receipt), 1),
        ]
        for (bytes, network) in others {
            let error = #expect(throws: Failure.self) {
                try Telemetry(verifying: bytes, identity: identity.publicKey, network: network)
            }
            #expect(error?.kind == .notAuthentic)
        }
    }

    @Test("What comes twice is told once; what never came is a gap; a power-on counts anew")
    func follows() throws {
        var follower = TelemetryFollower()
        #expect(numbers(follower.take(try opened(first: 10, count: 2))) == ["#10", "#11"], "what was before nobody asked for")
        #expect(numbers(follower.take(try opened(first: 10, count: 4))) == ["#12", "#13"])
        #expect(follower.take(try opened(first: 10, count: 4)).isEmpty)
        #expect(follower.take(try opened(first: 20, count: 1)).first == .gap(from: 14, to: 19))
        let restarted = follower.take(try opened(boot: 2, first: 0, count: 1))
        #expect(restarted.first == .restarted(boot: 2) && restarted.count == 2)
        #expect(follower.take(try opened(boot: 3, first: 3, count: 1)).dropFirst().first == .gap(from: 0, to: 2))
    }
}
