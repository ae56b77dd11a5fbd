// Passing grants on, what is left of them, and the account of who did what: through the executor itself.
import Foundation
import HostedNode
import Reporting
import Testing

@testable import ControlNode
@testable import HostCrypto
@testable import Keystore
@testable import NodeProtocol

@Suite("Grants as people read them", .serialized)
struct PassingTests {
    private func wrong(_ body: () throws -> Grant) -> String? {
        do { _ = try body() } catch { return (error as? Failure)?.what }
        return nil
    }

    @Test("A refused command uses up nothing; what is left, who did it and what was asked stand in the signed log")
    func account() async throws {
        let bench = try await LendingTests.Bench()
        let (owner, guest) = (try bench.person("owner"), try bench.person("guest"))
        try await owner.bind(label: bench.label)
        try await owner.setTime()
        var terms = Grant.Terms(holder: guest.controller.key.publicKey, scope: [.init("led"), .init("dimmer")])
        (terms.uses, terms.expires) = (2, UInt64(Date().timeIntervalSince1970) + 3600)
        let grant = try await owner.grant(terms, name: "anna")
        // Out of the scope, no method of it, out of its range: none is a use.
        for call in [
            Call(device: "lock", method: "open"), Call(device: "led", method: "fly"),
            Call(device: "dimmer", method: "set", arguments: [101]),
        ] {
            await #expect(throws: (any Error).self) { try await guest.perform(call, under: grant) }
        }
        try await guest.perform(Call(device: "led", method: "on"), under: grant)
        func account() async throws -> GrantAccount {
            let given = try owner.controller.grants.grants()
            _ = try await owner.history()
            return GrantAccount(of: given[0], among: given, try owner.controller.log.entries(of: grant.node))
        }
        let half = try await account()
        #expect(half.used == 1 && half.least == 1 && half.most == 1 && half.refused == 3 && !half.isOver && !half.isIncomplete)
        await bench.powerCycle()
        let again = try bench.person("guest"), owners = try bench.person("owner")
        try await owners.setTime()
        try await again.perform(Call(device: "dimmer", method: "set", arguments: [40]), under: grant)
        await #expect(throws: NotDone.self) { try await again.perform(Call(device: "led", method: "off"), under: grant) }
        let given = try owners.controller.grants.grants()
        _ = try await owners.history()
        let entries = try owners.controller.log.entries(of: grant.node)
        let whole = GrantAccount(of: given[0], among: given, entries)
        #expect(whole.used == 2 && whole.least == 0 && whole.isOver)
        #expect(whole.description.contains("used 2 times, refused 4 times, 0 left"), "\(whole)")

        let deeds = entries.receipts.deeds(given)
        let set = try #require(deeds.first { $0.receipt.subject == ["dimmer", "set"] && $0.receipt.outcome == .done })
        #expect(set.description.contains("guest “anna”") && set.description.contains("$('dimmer').set(40)  done"), "\(set)")
        #expect(!set.isDoubtful && deeds[0].actor == .label)
    }

    @Test("A guest whose clock lies is marked: the owner's messages around it say when it really was")
    func lyingClock() async throws {
        let bench = try await LendingTests.Bench()
        let (owner, guest) = (try bench.person("owner"), try bench.person("guest"))
        try await owner.bind(label: bench.label)
        let grant = try await owner.grant(Grant.Terms(holder: guest.controller.key.publicKey, scope: [.init("led")]))
        let attestation = try await guest.strange().attestation
        let tomorrow = SequenceClock.systemTime() + 86_400_000_000
        let message = SignedMessage.call(
            Call(device: "led", method: "on"), to: grant.node, epoch: 1, sequence: tomorrow, network: 1, grant: grant,
            key: guest.controller.key.signing)
        _ = try await guest.deliver(message, to: Addressee(attestation, network: 1))
        try await owner.perform(Call(device: "led", method: "off"))
        let deeds = try await owner.history().receipts.deeds(try owner.controller.grants.grants())
        let lie = try #require(deeds.first { $0.receipt.subject == ["led", "on"] })
        #expect(lie.isDoubtful && lie.description.contains("by its own clock (really before"), "\(lie)")
        #expect(deeds.filter { $0.actor == .owner }.allSatisfy { !$0.isDoubtful })
    }

    @Test("A holder passes on all or less, the node takes it, and its uses count for both")
    func passing() async throws {
        let bench = try await LendingTests.Bench()
        let (owner, guest, friend) = (try bench.person("owner"), try bench.person("guest"), try bench.person("friend"))
        try await owner.bind(label: bench.label)
        try await owner.setTime()
        var terms = Grant.Terms(holder: guest.controller.key.publicKey, scope: [.init("led"), .init("lock", "open")])
        (terms.uses, terms.expires, terms.hops) = (5, UInt64(Date().timeIntervalSince1970) + 3600, 1)
        let grant = try await owner.grant(terms)
        let (holder, next) = (guest.controller.key.signing, friend.controller.key.publicKey)
        let passed = try grant.passed(on: Grant.Terms(holder: next, scope: []), by: holder)
        #expect(passed.terms.scope == grant.terms.scope && passed.terms.uses == 5 && passed.terms.expires == grant.terms.expires)
        try await friend.perform(Call(device: "led", method: "on"), under: passed)
        #expect(bench.hosted.isHigh("led"))
        _ = try await owner.history()
        let given = try owner.controller.grants.grants()
        let account = GrantAccount(of: given[0], among: given, try owner.controller.log.entries(of: grant.node))
        #expect(account.used == 0 && account.passedOn == 1 && account.most == 4 && account.least == 4, "\(account)")
        await #expect(throws: NotDone.self) { try await friend.perform(Call(device: "lock", method: "close"), under: passed) }

        // More than there is, to whom it is not, or once too often: found before anything is signed.
        func pass(_ change: (inout Grant.Terms) -> Void) -> String? {
            var terms = Grant.Terms(holder: next, scope: [])
            change(&terms)
            return wrong { try grant.passed(on: terms, by: holder) }
        }
        #expect(pass { $0.uses = 6 }?.contains("5 uses in all") == true)
        #expect(pass { $0.scope = [.init("lock")] }?.contains("does not allow lock") == true)
        #expect(pass { $0.scope = [.init("dimmer")] }?.contains("does not allow dimmer") == true)
        #expect(pass { $0.scope = [.init("lock", "open")] } == nil)
        #expect(pass { $0.expires = grant.terms.expires! + 1 }?.contains("itself ends at") == true)
        #expect(pass { $0.hops = 1 }?.contains("once only") == true)
        #expect(
            wrong { try grant.passed(on: .init(holder: next, scope: []), by: friend.controller.key.signing) }?.contains(
                "is for the key") == true)
        #expect(
            wrong { try passed.passed(on: .init(holder: next, scope: []), by: friend.controller.key.signing) }
                == "the grant cannot be passed on")
        var endless = Grant.Terms(holder: guest.controller.key.publicKey, scope: [.init("led")])
        endless.hops = 1
        let open = try await owner.grant(endless)
        #expect(wrong { try open.passed(on: .init(holder: next, scope: []), by: holder) }?.contains("must end") == true)
    }

    @Test("More ticks than a grant has are refused before anything is signed, and so are ticks of one that is not metered")
    func ticks() async throws {
        let bench = try await LendingTests.Bench()
        let (owner, guest) = (try bench.person("owner"), try bench.person("guest"))
        try await owner.bind(label: bench.label)
        var terms = Grant.Terms(holder: guest.controller.key.publicKey, scope: [.init("led")])
        terms.meter = .init(tick: 3, ticks: 4)
        let metered = try await owner.grant(terms)
        let plain = try await owner.grant(Grant.Terms(holder: guest.controller.key.publicKey, scope: [.init("led")]))
        let before = try await owner.strange().attestation.logLength
        for (grant, ticks) in [(metered, UInt16(9)), (plain, 1)] {
            await #expect { try await owner.pay(grant.id, ticks: ticks) } throws: { ($0 as? Failure)?.kind == .usage }
        }
        #expect(try await owner.strange().attestation.logLength == before)
        try await owner.pay(metered.id, ticks: 4)
    }

    // An attacker at a place that was once the garden's wants a message for the gate: it tells one address, then another.
    @Test("A node that was named is the only one that anything is signed for, whatever answers in its place")
    func pinned() async throws {
        let (garden, gate) = (try await LendingTests.Bench(), try await LendingTests.Bench())
        let owner = try garden.person("owner")
        try await owner.bind(label: garden.label)
        let same = RemoteNode(gate.client, controller: owner.controller)
        try await same.bind(label: gate.label)
        let pinned = RemoteNode(gate.client, controller: owner.controller, only: garden.label.address)
        await #expect { try await pinned.perform(Call(device: "led", method: "on")) } throws: {
            ($0 as? Failure)?.kind == .notAuthentic
        }
        #expect(!gate.hosted.isHigh("led"))
        try await RemoteNode(gate.client, controller: owner.controller, only: gate.label.address).perform(
            Call(device: "led", method: "on"))
        #expect(gate.hosted.isHigh("led"))
    }

    @Test("A restored key takes its node in again; a node that obeys another key is not taken")
    func adoption() async throws {
        let bench = try await LendingTests.Bench()
        let owner = try bench.person("owner")
        try await owner.bind(label: bench.label)
        try await owner.perform(Call(device: "led", method: "on"))
        let words = KeyWords.words(of: owner.controller.key.signing.seed).joined(separator: " ")
        let home = try Home(bench.folder + "/restored")
        try ControllerKey(try #require(SigningKey(seed: try KeyWords.seed(from: words)))).save(to: home.controllerKey)
        let restored = RemoteNode(bench.client, controller: try Controller(home, passphrase: { nil }))
        await #expect { try await restored.perform(Call(device: "led", method: "off")) } throws: {
            ($0 as? Failure)?.kind == .usage
        }
        let attestation = try await restored.adopt()
        #expect(attestation.authorities == Authorities(owner: owner.controller.key.publicKey))
        try await restored.perform(Call(device: "led", method: "off"))
        #expect(!bench.hosted.isHigh("led"))
        let stranger = try bench.person("stranger")
        await #expect(throws: Failure.self) { try await stranger.adopt() }
        #expect(try stranger.controller.book.nodes().isEmpty)
    }
}
