// Rights lent to others: what they allow, when they end, and what a cheating holder tries.

import COSE
import CSodium
import LightNode
import SimulatedNOR
import Testing

@testable import HostCrypto
@testable import NodeProtocol

@Suite("Grants") struct GrantTests {
    // R12
    @Test("A grant allows what its scope names, to its holder alone") func scope() throws {
        let stage = try Stage.owned()
        let lent = stage.grant([.init("led", "on"), .init("gauge")])
        let receipt = try stage.send(stage.command(by: Cast.holder, grant: lent))
        #expect(receipt.outcome == .done && stage.wires["led"] == 1)
        #expect(try stage.send(stage.command("$('led').off()", by: Cast.holder, grant: lent)).outcome == .notInScope)
        #expect(stage.wires["led"] == 1)
        #expect(try stage.send(stage.command("$('gauge').set(5)", by: Cast.holder, grant: lent)).outcome == .done)
        let token = try stage.token(for: Cast.holder)
        let log = stage.log
        #expect(
            stage.refusal(stage.command("$('lock').open()", by: Cast.holder, token: token, grant: lent)) == .notInScope,
            "told once by a receipt, then refused")
        #expect(stage.log == log)
        #expect(stage.wires["lock"] == 0)
        stage.pass(seconds: 10)  // attempts are rationed
        #expect(stage.refusal(stage.command(by: Cast.mallory, grant: lent)) == .badSignature, "a stolen grant is worthless")
        #expect(stage.refusal(stage.command(by: Cast.holder)) == .badSignature)
        #expect(stage.refusal(stage.command(by: Cast.holder, grant: stage.grant(by: Cast.mallory))) == .badSignature)
        #expect(stage.refusal(.release(stage.heading(), owner: Cast.holder)) == .badSignature)
    }

    @Test("Uses are counted across reboots and page turns, and never come back") func uses() throws {
        let stage = try Stage.owned()
        let lent = stage.grant { $0.uses = 3 }
        for _ in 0..<3 {
            try stage.send(stage.command("$('led').toggle()", by: Cast.holder, grant: lent))
            stage.reboot()
            for _ in 0..<31 { try stage.send(stage.command("$('led').on()")) }
        }
        #expect(try stage.send(stage.command(by: Cast.holder, grant: lent)).outcome == .grantUsedUp)
        for _ in 0..<2 {
            #expect(stage.refusal(stage.command(by: Cast.holder, grant: lent)) == .grantUsedUp)
            stage.reboot()
        }
    }

    @Test("The first command under a grant writes one record more than the next, before the device moves") func firstUse() throws
    {
        let stage = try Stage.owned()
        let lent = stage.grant()
        func operations(_ command: SignedMessage) throws -> Int {
            let before = stage.flash.operations
            #expect(try stage.send(command).outcome == .done)
            return stage.flash.operations - before
        }
        let first = try operations(stage.command(by: Cast.holder, grant: lent))
        let next = try operations(stage.command(by: Cast.holder, grant: lent))
        // A record of 52 bytes in units of 4, its head and its check; and an entry of 32 bytes in the log, that the slot was taken.
        #expect((21...27).contains(first - next), "\(first), then \(next)")
    }

    // R12
    @Test("A grant begins and ends on time; at its end its devices go to their safe state") func limits() throws {
        let stage = try Stage.owned()
        let lent = stage.grant {
            $0.notBefore = 2_000_000_000
            $0.expires = 2_000_003_600
        }
        #expect(stage.refusal(stage.command(by: Cast.holder, grant: lent)) == .timeUnknown)
        try stage.tellTime(1_999_999_990)
        #expect(stage.refusal(stage.command(by: Cast.holder, grant: lent)) == .notYetValid)
        stage.pass(seconds: 11)
        try stage.send(stage.command(by: Cast.holder, grant: lent))
        #expect(stage.wires["led"] == 1)
        stage.pass(seconds: 3598)
        #expect(stage.wires["led"] == 1)
        stage.pass(seconds: 2)
        #expect(stage.wires["led"] == 0)
        #expect(stage.refusal(stage.command(by: Cast.holder, grant: lent)) == .expired)
        stage.reboot()
        #expect(stage.refusal(stage.command(by: Cast.holder, grant: lent)) != nil)
    }

    @Test("A holder passes on less than it has, as often as it may, and never more") func passingOn() throws {
        let stage = try Stage.owned()
        try stage.tellTime(2_000_000_000)
        let root = stage.grant([.init("led"), .init("gauge", "set")]) { ($0.hops, $0.expires) = (2, 2_000_100_000) }
        let wide = [Grant.Permission("led"), .init("gauge"), .init("lock")]
        var terms = Grant.Terms(holder: Cast.friend.publicKey, scope: wide)
        terms.hops = 1
        let child = root.passed(on: terms, holder: Cast.holder)
        let narrow = child.passed(on: .init(holder: Cast.mallory.publicKey, scope: [.init("led", "on")]), holder: Cast.friend)
        try stage.send(stage.command(by: Cast.friend, grant: child))
        #expect(try stage.send(stage.command("$('gauge').fail()", by: Cast.friend, grant: child)).outcome == .notInScope)
        try stage.send(stage.command(by: Cast.mallory, grant: narrow))
        #expect(try stage.send(stage.command("$('led').off()", by: Cast.mallory, grant: narrow)).outcome == .notInScope)
        let third = narrow.passed(on: .init(holder: Cast.bob.publicKey, scope: wide), holder: Cast.mallory)
        #expect(stage.refusal(stage.command(by: Cast.bob, grant: third)) == .grantInvalid)
        let closed = stage.grant(salt: 2)
        let opened = closed.passed(on: .init(holder: Cast.friend.publicKey, scope: wide), holder: Cast.holder)
        #expect(stage.refusal(stage.command(by: Cast.friend, grant: opened)) == .grantInvalid)
        // Passed on by somebody who does not hold it.
        let stolen = root.passed(on: .init(holder: Cast.mallory.publicKey, scope: wide), holder: Cast.mallory)
        #expect(stage.refusal(stage.command(by: Cast.mallory, grant: stolen)) == .badSignature)
    }

    @Test("What is used under a grant passed on counts for both; revoking either ends it") func chainCounts() throws {
        let stage = try Stage.owned()
        try stage.tellTime(2_000_000_000)
        let root = stage.grant {
            $0.hops = 1
            $0.uses = 3
            $0.expires = 2_000_100_000
        }
        let child = root.passed(on: .init(holder: Cast.friend.publicKey, scope: [.init("led")]), holder: Cast.holder)
        try stage.send(stage.command(by: Cast.friend, grant: child))
        try stage.send(stage.command(by: Cast.holder, grant: root))
        stage.reboot()
        try stage.tellTime(2_000_000_000)
        try stage.send(stage.command(by: Cast.friend, grant: child))
        #expect(try stage.send(stage.command(by: Cast.friend, grant: child)).outcome == .grantUsedUp)
        #expect(try stage.send(stage.command(by: Cast.holder, grant: root)).outcome == .grantUsedUp)

        let other = stage.grant(salt: 2) { ($0.hops, $0.expires) = (1, 2_000_100_000) }
        let passed = other.passed(on: .init(holder: Cast.friend.publicKey, scope: [.init("led")]), holder: Cast.holder)
        try stage.send(stage.command(by: Cast.friend, grant: passed))
        try stage.send(.revoke(stage.heading(), grant: passed.id, owner: Cast.alice))
        #expect(try stage.send(stage.command(by: Cast.friend, grant: passed)).outcome == .grantRevoked)
        try stage.send(stage.command(by: Cast.holder, grant: other))
        try stage.send(.revoke(stage.heading(), grant: other.id, owner: Cast.alice))
        stage.reboot()
        try stage.tellTime(2_000_000_000)
        #expect(try stage.send(stage.command(by: Cast.holder, grant: other)).outcome == .grantRevoked)
        #expect(stage.refusal(stage.command(by: Cast.friend, grant: passed)) == .grantRevoked)
    }

    @Test("What had no effect uses up nothing, also when a reset follows at once") func nothingUsed() throws {
        let stage = try Stage.owned()
        let lent = stage.grant([.init("gauge")]) { $0.uses = 2 }
        try stage.send(stage.command("$('led').on()", by: Cast.holder, grant: lent))
        stage.reboot()
        let metered = stage.grant([.init("gauge")], salt: 2) { ($0.uses, $0.meter) = (2, .init(tick: 60, ticks: 9)) }
        #expect(try stage.send(stage.command("$('gauge').set(1)", by: Cast.holder, grant: metered)).outcome == .grantUsedUp)
        stage.reboot()
        try stage.send(.tick(stage.heading(), grant: metered.id, paid: 9, owner: Cast.alice))
        #expect(try stage.send(stage.command("$('gauge').set(101)", by: Cast.holder, grant: metered)).outcome == .outOfRange)
        stage.reboot()
        for grant in [lent, metered] {
            for _ in 0..<2 {
                #expect(try stage.send(stage.command("$('gauge').set(1)", by: Cast.holder, grant: grant)).outcome == .done)
            }
            #expect(try stage.send(stage.command("$('gauge').set(1)", by: Cast.holder, grant: grant)).outcome == .grantUsedUp)
        }
    }

    @Test("Revoking takes effect at once, before the first use too, and outlives a reboot") func revocation() throws {
        let stage = try Stage.owned()
        let (used, unused) = (stage.grant(), stage.grant(salt: 2))
        try stage.send(stage.command(by: Cast.holder, grant: used))
        #expect(stage.wires["led"] == 1)
        try stage.send(.revoke(stage.heading(), grant: used.id, owner: Cast.alice))
        #expect(stage.wires["led"] == 0)
        try stage.send(.revoke(stage.heading(), grant: unused.id, owner: Cast.alice))
        for grant in [used, unused] {
            #expect(try stage.send(stage.command(by: Cast.holder, grant: grant)).outcome == .grantRevoked)
        }
        for _ in 0..<2 {
            for grant in [used, unused] { #expect(stage.refusal(stage.command(by: Cast.holder, grant: grant)) == .grantRevoked) }
            stage.reboot()
        }
        #expect(stage.refusal(.revoke(stage.heading(), grant: used.id, owner: Cast.holder)) == .badSignature)
    }

    // R13
    @Test("Metered rent runs while ticks are paid, and stops in the safe state when one is missed") func metered() throws {
        let stage = try Stage.owned()
        let lent = stage.grant { $0.meter = .init(tick: 600, ticks: 3) }
        func pay(_ ticks: UInt16) throws {
            try stage.send(.tick(stage.heading(), grant: lent.id, paid: ticks, owner: Cast.alice))
        }
        #expect(try stage.send(stage.command(by: Cast.holder, grant: lent)).outcome == .grantUsedUp)
        try pay(1)
        try stage.send(stage.command(by: Cast.holder, grant: lent))
        stage.pass(seconds: 599)
        #expect(stage.wires["led"] == 1)
        try pay(2)
        stage.pass(seconds: 600)
        #expect(stage.wires["led"] == 1)
        stage.pass(seconds: 1)
        #expect(stage.wires["led"] == 0, "the third tick is not paid")
        #expect(try stage.send(stage.command(by: Cast.holder, grant: lent)).outcome == .grantUsedUp)
        stage.reboot()
        #expect(stage.refusal(stage.command(by: Cast.holder, grant: lent)) == .grantUsedUp)
        // Paying less than before takes nothing back; paying more than agreed gives nothing.
        try pay(1)
        try pay(60_000)
        try stage.send(stage.command(by: Cast.holder, grant: lent))
        stage.pass(seconds: 600)
        #expect(stage.wires["led"] == 0)
        #expect(try stage.send(stage.command(by: Cast.holder, grant: lent)).outcome == .grantUsedUp)
    }

    @Test("A renter who resets the device does not prolong the tick; paid ticks are still there") func resetDuringTick() throws {
        let stage = try Stage.owned()
        let lent = stage.grant { $0.meter = .init(tick: 600, ticks: 10) }
        try stage.send(.tick(stage.heading(), grant: lent.id, paid: 3, owner: Cast.alice))
        for _ in 0..<3 {
            try stage.send(stage.command(by: Cast.holder, grant: lent))
            stage.pass(seconds: 590)
            stage.reboot()
        }
        #expect(try stage.send(stage.command(by: Cast.holder, grant: lent)).outcome == .grantUsedUp)
    }

    @Test("A renter who passes a grant on to itself, whatever salt it gives it, gains nothing") func forgedIds() throws {
        let stage = try Stage.owned()
        let metered = stage.grant(salt: 1) {
            $0.hops = 1
            $0.meter = .init(tick: 60, ticks: 10)
            $0.expires = 2_000_100_000
        }
        try stage.tellTime(2_000_000_000)
        let others = stage.grant([.init("gauge")], to: Cast.friend, salt: 2) { $0.uses = 2 }
        try stage.send(stage.command("$('gauge').set(1)", by: Cast.friend, grant: others))
        try stage.send(.tick(stage.heading(), grant: metered.id, paid: 1, owner: Cast.alice))
        for id in [metered.id, others.id] {
            let forged = metered.passed(
                on: .init(holder: Cast.holder.publicKey, scope: [.init("led")]), salt: id, holder: Cast.holder)
            _ = stage.refusal(stage.command(by: Cast.holder, grant: forged))
        }
        #expect(stage.wires["led"] == 1)
        stage.pass(seconds: 60)
        #expect(stage.wires["led"] == 0, "the meter was switched off by a grant passed on")
        #expect(try stage.send(stage.command(by: Cast.holder, grant: metered)).outcome == .grantUsedUp)
        try stage.send(stage.command("$('gauge').set(2)", by: Cast.friend, grant: others))
        #expect(try stage.send(stage.command("$('gauge').set(3)", by: Cast.friend, grant: others)).outcome == .grantUsedUp)
    }

    /// The grant signed anew with a nonce of the signer's choice, which makes its signature begin as the signer likes.
    private func resigned(_ grant: Grant, nonce: [UInt8], by key: SigningKey) throws -> Grant {
        let payload = try COSESign1(grant.bytes.span.bytes).payload.array
        let message = SignedObject.signedBytes(payload, type: .grant, network: Cast.network)
        var secret = Array(key.seed.withUnsafeBytes { sha512(Array($0)) }.prefix(32))
        secret[0] &= 248
        secret[31] = secret[31] & 63 | 64
        var (point, challenge, product, sum) = (nonce, nonce, nonce, nonce)
        try #require(crypto_scalarmult_ed25519_base_noclamp(&point, nonce) == 0)
        crypto_core_ed25519_scalar_reduce(&challenge, sha512(point + key.publicKey.bytes + message))
        crypto_core_ed25519_scalar_mul(&product, challenge, secret)
        crypto_core_ed25519_scalar_add(&sum, product, nonce)
        return try Grant(bytes: grant.bytes.dropLast(64) + point + sum, network: Cast.network)
    }

    @Test("Two grants passed on under one mark: the slot is the first one's, and its parent's uses do not come back")
    func sharedMark() throws {
        let stage = try Stage.owned()
        try stage.tellTime(2_000_000_000)
        let parents = [
            stage.grant(salt: 1) { ($0.uses, $0.hops, $0.expires) = (2, 1, 2_000_100_000) },
            stage.grant(salt: 2) { ($0.hops, $0.expires) = (1, 2_000_100_000) },
        ]
        let nonce: [UInt8] = [UInt8](repeating: 7, count: 31) + [0]
        let children = try parents.map { parent in
            try resigned(
                parent.passed(on: .init(holder: Cast.friend.publicKey, scope: [.init("led")]), holder: Cast.holder), nonce: nonce,
                by: Cast.holder)
        }
        #expect(children[0].id == children[1].id && children[0].bytes != children[1].bytes)
        for _ in 0..<2 { #expect(try stage.send(stage.command(by: Cast.friend, grant: children[0])).outcome == .done) }
        #expect(stage.refusal(stage.command(by: Cast.friend, grant: children[1])) == .grantInvalid)
        stage.reboot()
        try stage.tellTime(2_000_000_000)
        #expect(try stage.send(stage.command(by: Cast.friend, grant: children[0])).outcome == .grantUsedUp)
    }

    @Test("The end of a grant is receipted once, so that its holder can show it; after that it costs the device nothing")
    func toldOnce() throws {
        let stage = try Stage.owned()
        let lent = stage.grant { $0.uses = 1 }
        try stage.send(stage.command(by: Cast.holder, grant: lent))
        let moves = stage.wires.moves
        let receipt = try stage.send(stage.command("$('led').off()", by: Cast.holder, grant: lent))
        #expect(receipt.outcome == .grantUsedUp && receipt.grant == lent.id)
        let log = stage.log
        for round in 0..<100 {
            if round % 10 == 0 { stage.reboot() }
            let operations = stage.flash.operations
            #expect(stage.refusal(stage.command("$('led').off()", by: Cast.holder, grant: lent)) == .grantUsedUp)
            #expect(stage.flash.operations == operations, "no attempt is taken, nothing is written")
        }
        #expect(stage.log == log)
        #expect(stage.wires.moves <= moves + 1, "only the reboot moved it")
        #expect(try stage.history().last?.outcome == .grantUsedUp)
    }

    @Test("A holder's high numbers lock nobody else out") func highNumbers() throws {
        let stage = try Stage.owned()
        let lent = stage.grant([.init("led"), .init("gauge")])
        let top = SignedMessage.maximumSequence
        try stage.send(stage.command("$('gauge').set(9)", as: .state, by: Cast.holder, sequence: top - 1, grant: lent))
        try stage.send(stage.command("$('led').on()", by: Cast.holder, sequence: top, grant: lent))
        for _ in 0..<2 {
            try stage.send(stage.command("$('gauge').set(3)", as: .state))
            try stage.send(stage.command("$('led').off()"))
            #expect(stage.wires["gauge"] == 3)
            #expect(stage.refusal(stage.command(by: Cast.holder, sequence: top + 1, grant: lent)) == .malformed)
            #expect(stage.refusal(stage.command("$('led').on()", by: Cast.holder, sequence: top, grant: lent)) == .replayed)
            stage.reboot()
        }
    }

    @Test("Grants passed on leave room for the owner's own") func slots() throws {
        let stage = try Stage.owned()
        try stage.tellTime(2_000_000_000)
        let root = stage.grant { ($0.hops, $0.expires) = (1, 2_000_100_000) }
        var taken = 0
        for _ in 0..<10 {
            let child = root.passed(on: .init(holder: Cast.friend.publicKey, scope: [.init("led")]), holder: Cast.holder)
            if stage.refusal(stage.command(by: Cast.friend, grant: child)) == nil { taken += 1 }
            stage.clock.pass(seconds: 10)
        }
        #expect(taken == 4)
        for id in 2...4 { try stage.send(stage.command(by: Cast.holder, grant: stage.grant(salt: UInt8(id)))) }
        #expect(stage.refusal(stage.command(by: Cast.holder, grant: stage.grant(salt: 5))) == .grantSlotsFull)
        try stage.send(stage.rotate(to: Cast.bob))
        try stage.send(stage.command(by: Cast.holder, grant: stage.grant(by: Cast.bob)))
    }

    @Test("A slot is free again once the time on flash is past the grant's end, and not before") func expiredSlots() throws {
        let stage = try Stage.owned()
        try stage.tellTime(2_000_000_000)
        let short = (1...8).map { id in stage.grant(salt: UInt8(id)) { ($0.expires, $0.uses) = (2_000_001_000, 1) } }
        for grant in short { try stage.send(stage.command(by: Cast.holder, grant: grant)) }
        let late = stage.grant(salt: 9) { $0.expires = 2_000_100_000 }
        #expect(stage.refusal(stage.command(by: Cast.holder, grant: late)) == .grantSlotsFull)
        stage.pass(seconds: 2000)
        let receipt = try stage.send(stage.command(by: Cast.holder, grant: late))
        #expect(receipt.grant == late.id)
        for _ in 0..<2 {
            for grant in short { #expect(stage.refusal(stage.command(by: Cast.holder, grant: grant)) == .expired) }
            stage.reboot()
        }
        // The log knows which grant an old entry was made under, or says nothing.
        let named = try stage.history().map(\.grant)
        #expect(named.last == late.id)
        #expect(Set(named.compactMap { $0 }).isSubset(of: Set((short + [late]).map(\.id))))
        #expect(named.filter { $0 == late.id }.count == 2, "its slot was taken, and it was used")
    }
}
