import CBOR
import CoAP
import Foundation
import HostedNode
import Testing
import Transport

@testable import Gateway
@testable import NodeProtocol

/// Observers whom nobody has invited: they take no place that the owner needs, and others' addresses are not flooded.
@Suite("Observers of the gateway", .serialized)
struct ObserverTests {
    /// A node is asked twenty times a second for what it does not tell by itself.
    private static var quick: Gateway.Policy {
        var policy = Gateway.Policy()
        policy.polling = .milliseconds(50)
        return policy
    }
    private let observe = [Message.Option(CoAPOptionNumber.observe, uint: 0)]

    @Test("Strangers who observe all there is do not cut the owner's events off")
    func events() async throws {
        let stage = try await Stage()
        try await withGateway([AttachedNode("porch") { stage.owner.client }], policy: Self.quick) { address async throws in
            let events = try await client(address, "porch", host: "127.0.0.1").observe("events")
            var iterator = events.makeAsyncIterator()
            _ = try await iterator.next()
            var strangers: [OtherHost] = []
            for number in 1...4 {
                let stranger = try OtherHost(address, host: "127.0.6.\(number)")
                for path in ["devices/led", "devices/lock", "devices/dimmer", "devices", "status", "events", ".well-known/core"] {
                    _ = try await stranger.ask(.get, "porch/" + path, observe)
                }
                strangers.append(stranger)
            }
            let identity = try await stage.owner.known().identity
            for number in 1...3 {
                _ = try await stage.owner.send(Call(device: "dimmer", method: "set", arguments: [.int(Int64(number))]))
                let telemetry = try Telemetry(
                    verifying: try #require(try await iterator.next()).payload, identity: identity, network: 1)
                #expect(telemetry.samples.last?.value == .int(Int64(number)), "event \(number)")
            }
            withExtendedLifetime(strangers) {}
        }
    }

    @Test("An address that has not acknowledged its first notification gets no second one, whatever it observes")
    func silent() async throws {
        let stage = try await Stage()
        var limits = CoAPServer.Limits()
        limits.acknowledgementTimeout = .milliseconds(100)
        try await withGateway([AttachedNode("porch") { stage.owner.client }], limits: limits) { address async throws in
            let silent = try OtherHost(address, host: "127.0.7.1"), live = try OtherHost(address, host: "127.0.7.2")
            for path in ["devices/led", "devices/lock", "devices/dimmer", "devices"] {
                #expect(try await silent.ask(.get, "porch/" + path, observe).observe != nil)
            }
            #expect(try await live.ask(.get, "porch/devices/led", observe).observe != nil)
            for number in 0..<4 {
                _ = try await stage.owner.send(Call(device: "led", method: "toggle"))
                _ = try await stage.owner.send(Call(device: "dimmer", method: "set", arguments: [.int(Int64(number + 1))]))
                try await Task.sleep(for: .milliseconds(250))
            }
            // The one that acknowledges hears on.
            for _ in 0..<2 { #expect(try await live.next().observe != nil) }
            // The other got one notification, and once again, but no other; then its observations were over.
            var ids: [UInt16] = []
            try silent.send(.get, "porch/token")
            while true {
                let message = try await silent.next(acknowledges: false)
                if message.observe == nil { break }
                ids.append(message.id)
            }
            #expect(ids.count >= 1 && ids.count <= 2 && Set(ids).count == 1, "\(ids)")
        }
    }

    @Test("Observers are limited in all: the oldest that has never acknowledged anything makes room, and is told so")
    func total() async throws {
        let stage = try await Stage()
        var policy = Gateway.Policy()
        (policy.observations, policy.observationsReserved) = (6, 2)
        try await withGateway([AttachedNode("porch") { stage.owner.client }], policy: policy) { address async throws in
            var hosts: [OtherHost] = []
            for number in 1...5 {
                let host = try OtherHost(address, host: "127.0.8.\(number)")
                #expect(try await host.ask(.get, "porch/devices/led", observe).observe != nil)
                hosts.append(host)
            }
            // Strangers have four places: the first had to go.
            let told = try await hosts[0].next()
            #expect(told.code == .serviceUnavailable && told.type == .nonConfirmable && told.observe == nil)
            // All that are left acknowledge something, and are not put out any more.
            _ = try await stage.owner.send(Call(device: "led", method: "toggle"))
            for host in hosts[1...] { #expect(try await host.next().observe != nil) }
            try await Task.sleep(for: .milliseconds(100))
            let late = try OtherHost(address, host: "127.0.8.9")
            let answer = try await late.ask(.get, "porch/devices/led", observe)
            #expect(answer.code == .content && answer.observe == nil)
            // A host whose command was accepted has a place all the same.
            let owner = try OtherHost(address, host: "127.0.8.10")
            #expect(try await owner.post("porch/command", try await stage.signed("off").bytes).code == .changed)
            #expect(try await owner.ask(.get, "porch/devices/led", observe).observe != nil)
        }
    }

    @Test("At most three resources are registered at a node; further ones are asked for, and what changes is told all the same")
    func places() async throws {
        let stage = try await Stage()
        try await withGateway([AttachedNode("porch") { stage.owner.client }], policy: Self.quick) { address async throws in
            let host = try OtherHost(address, host: "127.0.9.1")
            for path in ["devices/led", "devices/lock", "devices/dimmer", "events"] {
                #expect(try await host.ask(.get, "porch/" + path, observe).observe != nil, "\(path)")
            }
            #expect(stage.metered.work.registrations == ["devices/led", "devices/lock", "events"])
            // The dimmer is asked for.
            let on = try await stage.signed(Call(device: "dimmer", method: "set", arguments: [.int(7)]))
            #expect(try await host.post("porch/command", on.bytes).code == .changed)
            let told = try await host.next { $0.payload == [7] }
            #expect(told.observe != nil)
        }
    }
}
