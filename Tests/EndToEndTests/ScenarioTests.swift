// What the light node is for, told end to end on the smallest board: rent, metered rent, a sale, a lost controller, a thief.
import Foundation
import HostCrypto
import NodeProtocol
import Reporting
import Testing

@Suite("Scenarios on the micro:bit", .serialized)
struct ScenarioTests {
    /// Virtual time, which runs free while the node waits: an hour costs little.
    private func stage(recovery: PublicKey? = nil) async throws -> Stage {
        try await Stage("light-node", on: "microbit", clock: .instructions(shift: 6), recovery: recovery)
    }

    private let open = Call(device: "lock", method: "open", arguments: [.int(2000)])

    /// What the pin of the lock did since it was last asked, as QEMU saw it: virtual time may be far ahead of this computer's.
    private func lockPin(_ stage: Stage) throws -> [Bool] {
        try stage.node.emulated.pinChanges().filter { $0.pin == 18 }.map(\.level)
    }

    /// Lets `seconds` of the node's own time pass.
    private func pass(_ seconds: UInt64, _ stage: Stage) async throws {
        let start = try await stage.owner.status().uptimeMilliseconds
        let hasPassed = try await stage.wait(240) { try await stage.owner.status().uptimeMilliseconds >= start + seconds * 1000 }
        try #require(hasPassed, "virtual time did not reach \(seconds) s")
    }

    // R12
    @Test("Rent for an hour: the guest comes and goes with the owner offline, and when the hour is over the door stays shut")
    func rent() async throws {
        let stage = try await stage()
        // The lights must stay off: their matrix would flood the trace.
        try stage.node.emulated.tracePins()
        let guest = try stage.person("guest")
        try await stage.owner.setTime()
        let now = UInt64(Date().timeIntervalSince1970)
        var terms = Grant.Terms(holder: guest.controller.key.publicKey, scope: [.init("lock", "open")])
        (terms.notBefore, terms.expires) = (now - 60, now + 3600)
        terms.contract = .init(height: 70_000, transaction: [UInt8](repeating: 9, count: 32))
        let grant = try await stage.owner.grant(terms)

        let receipt = try await guest.perform(open, under: grant, fresh: true)
        #expect(receipt.outcome == .done && receipt.grant == grant.id)
        try await pass(60, stage)
        #expect(try lockPin(stage) == [true, false], "it opens, and locks itself")
        try await pass(1200, stage)
        #expect(try await guest.perform(open, under: grant, fresh: true).outcome == .done)
        try await pass(60, stage)
        #expect(try lockPin(stage) == [true, false])

        try await pass(2500, stage)
        #expect(try await reasonOfRefusal { try await guest.perform(open, under: grant, fresh: true) } == "expired")
        #expect(try lockPin(stage).isEmpty)
        // The owner comes back, and has the guest's every use under the contract, signed and in order.
        let uses = try await stage.owner.history().receipts.filter { $0.grant == grant.id && $0.type == .command }
        #expect(uses.map(\.outcome) == [.done, .done])
        try await stage.node.powerOff()
    }

    // R13
    @Test(
        "Metered rent that runs dry: on while ten-minute ticks are paid, off when one is missed, and paid ticks survive a power cut"
    )
    func meteredRent() async throws {
        let stage = try await stage()
        let guest = try stage.person("guest")
        var terms = Grant.Terms(holder: guest.controller.key.publicKey, scope: [.init("relay")])
        terms.meter = .init(tick: 600, ticks: 18)
        let grant = try await stage.owner.grant(terms)
        let on = Call(device: "relay", method: "on")
        #expect(try await reasonOfRefusal { try await guest.perform(on, under: grant) } == "grant-used-up", "nothing is paid yet")

        try await stage.owner.pay(grant.id, ticks: 2)
        try await guest.perform(on, under: grant)
        try await pass(700, stage)
        #expect(try stage.isHigh("relay"), "the second tick is paid")
        try await pass(600, stage)
        #expect(try !stage.isHigh("relay"), "the third is not")
        #expect(try await reasonOfRefusal { try await guest.perform(on, under: grant) } == "grant-used-up")

        try await stage.owner.pay(grant.id, ticks: 4)
        try await stage.node.powerCycle()
        let later = try stage.person("guest")
        #expect(try !stage.isHigh("relay"), "a node starts in its safe state")
        try await later.perform(on, under: grant)
        #expect(try stage.isHigh("relay"), "ticks that were paid and not begun are still there")
        try await stage.node.powerOff()
    }

    @Test("A sale: the buyer's key takes over, and nothing that the seller signed before or signs after counts")
    func sale() async throws {
        let stage = try await stage()
        let buyer = try stage.person("buyer")
        let node = try await stage.owner.known()
        let kept = try stage.owner.sign(Call(device: "led", method: "on"), for: node)
        let terms = Grant.Terms(holder: try stage.person("friend").controller.key.publicKey, scope: [.init("led")])
        let grant = try await stage.owner.grant(terms)

        try await stage.owner.transfer(to: try await buyer.accept())
        #expect(try await buyer.finishTransfer().outcome == .done)
        #expect(try await buyer.status().epoch == node.epoch + 1)
        #expect(try await reasonOfRefusal { _ = try await stage.owner.client.transmitRaw(kept) } == "wrong-epoch")
        let friend = try stage.person("friend")
        #expect(
            try await reasonOfRefusal { try await friend.perform(Call(device: "led", method: "on"), under: grant) }
                == "wrong-epoch")
        let late = try stage.owner.sign(Call(device: "led", method: "on"), for: try await buyer.known())
        #expect(try await reasonOfRefusal { _ = try await stage.owner.client.transmitRaw(late) } == "bad-signature")
        #expect(try await buyer.`$`("led").on().outcome == .done)
        try await stage.node.powerOff()
    }

    @Test("A lost controller: the recovery key names another, and whoever finds the old one commands nothing")
    func lostController() async throws {
        let recovery = SigningKey.generate()
        let stage = try await stage(recovery: recovery.publicKey)
        let heir = try stage.person("heir")
        try await heir.recover(with: recovery)
        #expect(try await heir.`$`("led").on().outcome == .done)
        let refused = await #expect(throws: Failure.self) { try await stage.owner.`$`("led").off() }
        #expect(refused?.what.contains("obeys the key \(heir.controller.key.publicKey)") == true)
        // Even with the epoch put right.
        let found = try stage.owner.sign(Call(device: "led", method: "off"), for: try await heir.known())
        #expect(try await reasonOfRefusal { _ = try await stage.owner.client.transmitRaw(found) } == "bad-signature")
        #expect(try stage.isLit())
        try await stage.node.powerOff()
    }

    @Test(
        "A thief with box and label: no bind while it is owned, whatever is tried with the power, and the owner notices nothing")
    func thief() async throws {
        let stage = try await stage()
        let thief = try stage.person("thief")
        let before = try await stage.owner.status()
        #expect(try await reasonOfRefusal { try await thief.bind(label: stage.label) } == "wrong-state")
        for _ in 0..<3 {
            try await stage.node.powerCycle()
            let again = try stage.person("thief")
            #expect(try await reasonOfRefusal { try await again.bind(label: stage.label) } == "wrong-state")
            // With a token for its own key, and with one that it asked for in the owner's name.
            for (asker, reason) in [(again, "token-invalid"), (try stage.person("owner"), "bad-signature")] {
                let forged = try again.sign(
                    Call(device: "lock", method: "open"), for: try await stage.person("owner").known(),
                    token: try await asker.token())
                #expect(try await reasonOfRefusal { _ = try await again.client.transmitRaw(forged) } == reason)
            }
            #expect(try !stage.isHigh("lock"))
        }
        let owner = try stage.person("owner")
        let after = try await owner.status()
        #expect(after.nextIndex == before.nextIndex && after.epoch == before.epoch && after.highWater == before.highWater)
        #expect(try await owner.perform(open, fresh: true).outcome == .done)
        try await stage.node.powerOff()
    }
}
