// The story of Firmware/Apps/rental-lock: an evening's rent, with the owner far away.
import ControlNode
import Foundation
import NodeProtocol
import Testing

@Suite("The rental lock", .serialized)
struct RentalLockTests {
    @Test("A guest opens the door during the rent, it locks itself, and afterwards it stays locked", arguments: emulatedBoards)
    func rent(name: String) async throws {
        let (stage, guest) = try await Stage.withGuest("rental-lock", on: name)
        try await stage.owner.setTime()
        var terms = Grant.Terms(holder: guest.controller.key.publicKey, scope: [.init("lock", "open", "close")])
        terms.expires = UInt64(Date().timeIntervalSince1970) + 3600
        let grant = try await stage.owner.grant(terms)

        let open = Call(device: "lock", method: "open", arguments: [.int(1500)])
        let receipt = try await guest.perform(open, under: grant, fresh: true)
        #expect(receipt.outcome == .done)
        #expect(try stage.isHigh("lock"))
        #expect(try await stage.wait { try stage.isLit() }, "the light says that it is open")
        #expect(try await stage.wait { try !stage.isHigh("lock") }, "it locks itself")
        #expect(try await stage.wait { try !stage.isLit() })

        let led = Call(device: "led", method: "on", arguments: [])
        let refused = try await #require(throws: NotDone.self) { try await guest.perform(led, under: grant) }
        #expect(refused.receipt.outcome == .notInScope)

        // Two hours later, by the owner's clock.
        try await stage.owner.setTime(Date().addingTimeInterval(7200))
        #expect(try await reasonOfRefusal { try await guest.perform(open, under: grant, fresh: true) } == "expired")
        #expect(try !stage.isHigh("lock"))
        try await stage.node.powerOff()
    }

    // R15
    @Test("A power cut while it is open leaves it locked and dark", arguments: emulatedBoards)
    func powerCut(name: String) async throws {
        let stage = try await Stage("rental-lock", on: name)
        try await stage.owner.perform(Call(device: "lock", method: "open", arguments: [.int(60_000)]), fresh: true)
        #expect(try stage.isHigh("lock"))
        try await stage.node.powerCycle()
        let owner = try stage.person("owner")
        #expect(try await owner.status().epoch == 1)
        #expect(try !stage.isHigh("lock") && !stage.isLit())
        try await stage.node.powerOff()
    }
}
