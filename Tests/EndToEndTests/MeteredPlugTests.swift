// The story of Firmware/Apps/metered-plug: power by the tick, until nobody pays.
import Foundation
import NodeProtocol
import Testing

@Suite("The metered plug", .serialized)
struct MeteredPlugTests {
    @Test("It is on while ticks are paid for, and off as soon as one is missed", arguments: emulatedBoards)
    func runsDry(name: String) async throws {
        let (stage, guest) = try await Stage.withGuest("metered-plug", on: name)
        var terms = Grant.Terms(holder: guest.controller.key.publicKey, scope: [.init("relay")])
        terms.meter = .init(tick: 2, ticks: 3)
        let grant = try await stage.owner.grant(terms)
        let on = Call(device: "relay", method: "on", arguments: [])

        #expect(try await reasonOfRefusal { try await guest.perform(on, under: grant) } == "grant-used-up", "nothing is paid yet")
        #expect(try !stage.isHigh("relay"))
        try await stage.owner.pay(grant.id, ticks: 1)
        try await guest.perform(on, under: grant)
        #expect(try stage.isHigh("relay"))
        #expect(try await stage.wait { try stage.isLit() })
        #expect(try await stage.wait { try !stage.isHigh("relay") }, "the tick is over and no other is paid")
        #expect(try await stage.wait { try !stage.isLit() })

        #expect(try await reasonOfRefusal { try await guest.perform(on, under: grant) } == "grant-used-up")
        try await stage.owner.pay(grant.id, ticks: 2)
        try await guest.perform(on, under: grant)
        #expect(try stage.isHigh("relay"))
        try await stage.node.powerOff()
    }
}
