// The owner's and the holders' side of changing hands and lending, over the wire.
import Foundation
import HostedNode
import Reporting
import Testing
import Transport

@testable import ControlNode
@testable import HostCrypto
@testable import Keystore
@testable import NodeProtocol

/// Sale, rent, loss and recovery through the library, against the executor itself in this process.
@Suite("Changing hands and lending", .serialized)
struct LendingTests {
    /// A node on a bench, and people with homes of their own.
    final class Bench {
        let folder = FileManager.default.temporaryDirectory.path + "/lightnode-lend-\(randomBytes(6).hex)"
        private(set) var hosted = HostedNode()
        private(set) var client: CoAPClient
        let label: ClaimLabel

        init() async throws {
            client = CoAPClient(hosted, name: "hosted")
            let claim = SigningKey.generate()
            let identity = try await NodeProbe(client).provision(
                claim: claim.publicKey, identity: nil, network: 1, isTest: false)
            label = ClaimLabel(address: NodeAddress(of: identity), claimKey: claim)
        }

        func person(_ name: String) throws -> RemoteNode {
            let home = try Home(folder + "/" + name)
            if !home.controllerKey.exists { try ControllerKey.generate().save(to: home.controllerKey) }
            return RemoteNode(client, controller: try Controller(home, passphrase: { nil }))
        }

        func powerCycle() async {
            await client.close()
            hosted = HostedNode(flash: hosted.flash)
            client = CoAPClient(hosted, name: "hosted")
        }

        deinit { try? FileManager.default.removeItem(atPath: folder) }
    }

    private func reason(_ body: () async throws -> Void) async -> String? {
        do {
            try await body()
            return nil
        } catch let error as NotDone {
            return "\(error.receipt.outcome)"
        } catch { return (error as? Refusal)?.reason ?? "\(error)" }
    }

    private func kind(_ body: () async throws -> Void) async -> Failure.Kind? {
        do { try await body() } catch { return (error as? Failure)?.kind }
        return nil
    }

    @Test("What a buyer accepts is a transfer from this owner that leaves nothing behind: a rotation does not pass for one")
    func saleFraud() async throws {
        let bench = try await Bench()
        let (seller, buyer) = (try bench.person("seller"), try bench.person("buyer"))
        let recovery = SigningKey.generate()
        try await seller.bind(label: bench.label, recovery: recovery.publicKey)
        let node = try await seller.known()
        let acceptance = try await buyer.accept()
        // The acceptance of a transfer serves no rotation.
        #expect(
            await reason {
                _ = try await seller.administer(node) { .rotate($0, to: acceptance, owner: seller.controller.key.signing) }
            } == "consent-invalid")
        #expect(try await seller.status().epoch == 1)
        // A buyer who was talked into signing for a rotation sees what it leads to, and its program takes nothing of it.
        let (_, before) = try await buyer.strange()
        var result = before.authorities
        result.owner = buyer.controller.key.publicKey
        let rotation = Acceptance(
            of: node.address, epoch: 1, network: node.network, newOwner: buyer.controller.key.signing, purpose: .rotate,
            from: seller.controller.key.publicKey, resultingIn: result)
        _ = try await seller.administer(node) { .rotate($0, to: rotation, owner: seller.controller.key.signing) }
        let (_, after) = try await buyer.strange()
        #expect(after.authorities.owner == buyer.controller.key.publicKey && after.authorities.recovery == recovery.publicKey)
        #expect(await kind { try await buyer.finishTransfer() } == .notAuthentic)
        // Not even when the leftover is one that the buyer expects: the log says how the node came to it.
        #expect(await kind { try await buyer.finishTransfer(recovery: recovery.publicKey) } == .notAuthentic)
        #expect(try buyer.controller.book.nodes().isEmpty)
    }

    @Test("A stolen owner's key removes no recovery key: release and transfer need its consent, and recovery clears backups")
    func theft() async throws {
        let bench = try await Bench()
        let (owner, thief, next) = (try bench.person("owner"), try bench.person("thief"), try bench.person("next"))
        let recovery = SigningKey.generate()
        try await owner.bind(label: bench.label, recovery: recovery.publicKey)
        #expect(await reason { try await owner.release() } == "consent-required")
        #expect(await reason { try await owner.release(recovery: .generate()) } == "consent-invalid")
        let bare = try await thief.accept()
        #expect(await reason { try await owner.transfer(to: bare) } == "consent-required")
        let equipped = try await thief.accept(recovery: SigningKey.generate().publicKey)
        #expect(await reason { try await owner.transfer(to: equipped) } == "consent-required")
        try await owner.setBackups([Backup(key: thief.controller.key.publicKey, silence: 1)])
        #expect(try await thief.strange().attestation.authorities.backups.count == 1)
        try await next.recover(with: recovery)
        let authorities = try await next.strange().attestation.authorities
        #expect(authorities == Authorities(owner: next.controller.key.publicKey, recovery: recovery.publicKey))
        try await Task.sleep(for: .milliseconds(1100))
        #expect(await reason { try await thief.takeOver() } != nil)
        try await next.release(recovery: recovery)
        #expect(try await next.status().state == .unowned)
    }

    @Test("A buyer brings a recovery key along, and finds it in what the node signs") func equippedSale() async throws {
        let bench = try await Bench()
        let (seller, buyer) = (try bench.person("seller"), try bench.person("buyer"))
        let recovery = SigningKey.generate()
        try await seller.bind(label: bench.label)
        let acceptance = try Acceptance(parsing: try await buyer.accept(recovery: recovery.publicKey).text)
        try await seller.transfer(to: acceptance)
        #expect(await kind { try await buyer.finishTransfer() } == .notAuthentic)
        try await buyer.finishTransfer(recovery: recovery.publicKey)
        #expect(try await buyer.strange().attestation.authorities.recovery == recovery.publicKey)
    }

    @Test("A sale: the buyer accepts, the seller transfers, the buyer commands, the seller no longer") func sale() async throws {
        let bench = try await Bench()
        let (seller, buyer) = (try bench.person("seller"), try bench.person("buyer"))
        try await seller.bind(label: bench.label)
        let acceptance = try await buyer.accept()
        let carried = try Acceptance(parsing: acceptance.text)
        #expect(carried == acceptance)
        #expect(throws: Failure.self) { try Acceptance(parsing: String(acceptance.text.dropLast(9))) }
        #expect(await kind { try await buyer.finishTransfer() } == .notAuthentic)
        try await seller.transfer(to: carried)
        try await buyer.finishTransfer()
        try await buyer.`$`("led").on()
        #expect(bench.hosted.isHigh("led"))
        #expect(try seller.controller.book.nodes().isEmpty)
        try await buyer.release()
        #expect(try await buyer.status().state == .unowned)
        try await seller.bind(label: bench.label)
    }

    // R5
    @Test("A lost controller: the recovery key names another; rotation replaces a key") func recovery() async throws {
        let bench = try await Bench()
        let (lost, next) = (try bench.person("lost"), try bench.person("next"))
        let recovery = SigningKey.generate()
        try await lost.bind(label: bench.label, recovery: recovery.publicKey)
        #expect(await reason { try await next.recover(with: .generate()) } == "bad-signature")
        let rotated = SigningKey.generate()
        try await lost.rotate(to: rotated)
        await #expect { try await lost.send(Call(device: "led", method: "off")) } throws: {
            ($0 as? Failure)?.what.contains("obeys the key \(rotated.publicKey)") ?? false
        }
        let known = try #require(try lost.controller.book.nodes().first)
        #expect(known.owner == rotated.publicKey && known.epoch == 2)
        try await next.recover(with: recovery)
        try await next.`$`("led").on()
        #expect(await reason { try await lost.send(Call(device: "led", method: "off")) } != nil)
        // The recovery key has a minute in which no rotation outruns it.
        #expect(await reason { try await next.rotate(to: .generate()) } == "too-many-attempts")
    }

    // R6
    @Test("A backup takes over after the silence, not before") func takeover() async throws {
        let bench = try await Bench()
        let (owner, backup) = (try bench.person("owner"), try bench.person("backup"))
        try await owner.bind(label: bench.label)
        try await owner.setBackups([Backup(key: backup.controller.key.publicKey, silence: 4)])
        #expect(await reason { try await backup.takeOver() } == "owner-alive")
        try await Task.sleep(for: .milliseconds(4100))
        try await backup.takeOver()
        try await backup.`$`("led").on()
    }

    // R12, R14
    @Test("Rent: the guest opens the lock under a grant, until it is used up, or taken back") func rent() async throws {
        let bench = try await Bench()
        let (owner, guest, thief) = (try bench.person("owner"), try bench.person("guest"), try bench.person("thief"))
        try await owner.bind(label: bench.label)
        try await owner.setTime()
        #expect(try await owner.status().isTimeKnown)
        var terms = Grant.Terms(holder: guest.controller.key.publicKey, scope: [.init("lock", "open"), .init("led")])
        terms.expires = UInt64(Date().timeIntervalSince1970) + 3600
        terms.uses = 3
        terms.contract = .init(height: 1, transaction: randomBytes(32))
        let grant = try Grant(parsing: try await owner.grant(terms).text)
        #expect(grant.terms == terms)
        let open = Call(device: "lock", method: "open")
        let receipt = try await guest.perform(open, under: grant)
        #expect(receipt.grant == grant.id && bench.hosted.isHigh("lock"))
        #expect(await reason { try await thief.perform(open, under: grant) } != nil)
        await #expect(throws: NotDone.self) { try await guest.perform(Call(device: "lock", method: "close"), under: grant) }
        try await guest.perform(Call(device: "led", method: "on"), under: grant)
        // What is out of scope uses nothing up.
        let again = try bench.person("guest")
        try await again.perform(open, under: grant)
        #expect(await reason { try await again.perform(open, under: grant) } == "grant-used-up")
        let second = try await owner.grant(Grant.Terms(holder: guest.controller.key.publicKey, scope: [.init("led")]))
        #expect(
            SignedMessage.call(
                Call(device: "lock", method: "open"), to: grant.node, epoch: 1, sequence: 1_700_000_000_000_000, network: 1,
                token: randomBytes(12), grant: grant, key: guest.controller.key.signing
            ).bytes.count <= 400 + 80)
        try await guest.perform(Call(device: "led", method: "off"), under: second)
        try await owner.revoke(second.id)
        #expect(await reason { try await guest.perform(Call(device: "led", method: "on"), under: second) } == "grant-revoked")
        #expect(try owner.controller.grants.grants().map(\.isRevoked) == [false, true])
        let passed = try await owner.grant(
            {
                var terms = Grant.Terms(holder: guest.controller.key.publicKey, scope: [.init("led")])
                terms.meter = .init(tick: 1, ticks: 5)
                return terms
            }())
        #expect(await reason { try await guest.perform(Call(device: "led", method: "on"), under: passed) } == "grant-used-up")
        try await owner.pay(passed.id, ticks: 1)
        try await guest.perform(Call(device: "led", method: "on"), under: passed)
        let history = try await owner.history().receipts
        // The slot's taking, three uses, what was out of scope, and one receipt for its end.
        #expect(
            history.filter { $0.grant == grant.id }.map(\.outcome) == [.done, .done, .notInScope, .done, .done, .grantUsedUp])
    }
}
