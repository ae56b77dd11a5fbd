// One device in a test: the executor over simulated flash, with everybody who might send it something.

import CBOR
import SimulatedNOR
import SimulatedPins
import TestNode
import Vocabulary

@testable import HostCrypto
@testable import LightNode
@testable import NodeProtocol

typealias Reason = Vocabulary.Refusal
/// A light, a lock, and a gauge that can fail.
enum BenchFitting: TestFitting {
    static let devices: [TestDevice] = [.led, .lock, .gauge]
}
typealias Bench = TestNode<BenchFitting>

/// Everybody's keys. Seeds are constants, so that a failing test repeats.
enum Cast {
    static func key(_ number: UInt8) -> SigningKey { SigningKey(seed: SecretBytes([UInt8](repeating: number, count: 32)))! }
    static let identity = key(1)
    static let claim = key(2)
    static let alice = key(3)
    static let bob = key(4)
    static let recovery = key(5)
    static let backup = key(6)
    static let secondBackup = key(7)
    static let holder = key(8)
    static let friend = key(9)
    static let mallory = key(10)
    static let network: UInt64 = 7
}

final class Stage {
    let flash: SimulatedNOR<4>
    let chance: Chance
    private(set) var clock: TestWorld
    /// What the outside sees of its pins.
    var wires: Waveform { clock.waveform }
    private var node: Bench
    let device = NodeAddress(of: Cast.identity.publicKey)
    private let isTrueRandom: Bool
    /// The signed refusal that came last; empty when that was not signed.
    private(set) var signedRefusal: [UInt8] = []
    /// The next sequence number that a sender of the test uses.
    var sequence: UInt64 = 1_700_000_000_000_000

    /// Like the microbit's part: pages of 1 KB.
    static func part(pages: Int = 16) -> SimulatedNOR<4> { blankPart(pages: pages) }

    init(_ flash: SimulatedNOR<4> = Stage.part(), isTrueRandom: Bool = true, seed: UInt64 = 1) {
        self.flash = flash
        self.isTrueRandom = isTrueRandom
        chance = .seeded(seed)
        clock = TestWorld(chance)
        node = Stage.start(flash, clock, isTrueRandom)
    }

    private static func start(_ flash: SimulatedNOR<4>, _ world: TestWorld, _ isTrueRandom: Bool) -> Bench {
        Bench(flash: flash, devices: TestDevices(world), platform: TestPlatform(world, isTrueRandom: isTrueRandom))
    }

    /// Power goes off and comes back: RAM, uptime and pins start afresh.
    func reboot(_ faults: SimulatedNOR<4>.Faults = .none) {
        flash.powerUp(faults)
        clock = TestWorld(chance)
        node = Stage.start(flash, clock, isTrueRandom)
    }

    /// A second device with the same flash contents, to try things out on.
    func copy() -> Stage {
        let other = Stage.part(pages: flash.pages.count)
        other.restore(flash.snapshot)
        let stage = Stage(other, isTrueRandom: isTrueRandom, seed: 99)
        stage.sequence = sequence + 1_000_000
        return stage
    }

    // MARK: What it shows

    /// What a test reads of the node's own memory.
    func inside<Result>(_ read: (borrowing Bench) -> Result) -> Result { read(node) }

    /// The bytes of the executor in RAM; zeros in place of the attempts, and of the owner's key as it is kept for speed.
    var memory: [UInt8] {
        let answer = signedRefusal
        // What is no message resets the length of the signed refusal.
        _ = refusal(.receipt, [])
        let (attempts, key) = (Stage.swap(&node.attempts), Stage.swap(&node.ownerKey))
        defer {
            signedRefusal = answer
            _ = Stage.swap(&node.attempts, for: attempts)
            _ = Stage.swap(&node.ownerKey, for: key)
        }
        return withUnsafeBytes(of: &node) { Array($0) }
    }

    /// Puts `bytes`, or zeros, in place of those of `value`; returns what was there.
    private static func swap<Value: ~Copyable>(_ value: inout Value, for bytes: [UInt8] = []) -> [UInt8] {
        withUnsafeMutableBytes(of: &value) { place in
            let old = Array(place)
            for index in place.indices { place[index] = index < bytes.count ? bytes[index] : 0 }
            return old
        }
    }

    var condition: Condition { node.condition }
    var epoch: UInt32 { node.epoch }
    var status: CBORItem { try! CBORItem(CBOR.encode(capacity: 1024) { self.node.writeStatus(&$0) }) }
    var highWater: UInt64 { status[5]!.uint! }
    var damaged: [String] { status[12]!.array!.compactMap(\.text) }
    var log: UInt32 { node.memory.nextIndex }

    var devices: [UInt8] { CBOR.encode(capacity: 1024) { self.node.writeDevices(&$0) } }

    /// The status without what passes by itself.
    var lasting: CBORItem {
        guard case .map(var items) = status else { return .null }
        items[.uint(6)] = nil
        return .map(items)
    }

    // MARK: What it is sent

    func nextSequence() -> UInt64 {
        sequence += 1
        return sequence
    }

    func heading(_ sequence: UInt64? = nil, epoch: UInt32? = nil) -> SignedMessage.Heading {
        .init(device, epoch: epoch ?? self.epoch, sequence: sequence ?? nextSequence(), network: Cast.network)
    }

    func post(_ type: NodeProtocol.MessageType, _ bytes: [UInt8], wire: WireNumber = .serial) throws(Reason) -> [UInt8] {
        var reply = [UInt8](repeating: 0, count: 1024)
        var span = reply.mutableSpan
        do throws(Reason) {
            let count = try node.handle(Stage.types[type]!, bytes.span.bytes, wire: wire, reply: &span)
            return Array(reply.prefix(count))
        } catch {
            signedRefusal = Array(reply.prefix(node.refusalCount))
            throw error
        }
    }

    private static let types = Dictionary(
        uniqueKeysWithValues: Vocabulary.MessageType.allCases.map { type in
            (NodeProtocol.MessageType(rawValue: "\(type.name)")!, type)
        })

    /// Sends a message; its receipt is verified with libsodium.
    @discardableResult
    func send(_ message: SignedMessage) throws -> Receipt {
        let receipt = try Receipt(
            verifying: try post(message.type, message.bytes), identity: Cast.identity.publicKey, network: Cast.network)
        precondition(receipt.answers(message))
        return receipt
    }

    /// Why a message is refused; nil when it is not.
    func refusal(_ message: SignedMessage, wire: WireNumber = .serial) -> Reason? {
        refusal(message.type, message.bytes, wire: wire)
    }

    func refusal(_ type: NodeProtocol.MessageType, _ bytes: [UInt8], wire: WireNumber = .serial) -> Reason? {
        do throws(Reason) {
            _ = try post(type, bytes, wire: wire)
            return nil
        } catch { return error }
    }

    func provision(
        claim: PublicKey = Cast.claim.publicKey, inject: Bool = true, identity: SigningKey = Cast.identity, isTest: Bool = false,
        protects: Bool = false
    ) throws(Reason) -> [UInt8] {
        let request = CBORItem.map([
            0: .bytes(claim.bytes), 1: inject ? .bytes(identity.seed.withUnsafeBytes { Array($0) }) : nil,
            2: .uint(Cast.network), 3: isTest ? .bool(true) : nil, 4: protects ? .bool(true) : nil,
        ]).encoded
        var reply = [UInt8](repeating: 0, count: 1024)
        let count = try node.provision(request.span.bytes, reply: reply.mutableSpan)
        return Array(reply.prefix(count))
    }

    func attest(_ nonce: [UInt8]) throws(Reason) -> [UInt8] {
        let request = CBORItem.map([10: .bytes(nonce)]).encoded
        var reply = [UInt8](repeating: 0, count: 1024)
        var span = reply.mutableSpan
        let count = try node.attest(request.span.bytes, wire: .serial, reply: &span)
        return Array(reply.prefix(count))
    }

    /// What an observer of events gets, after all that has happened.
    func telemetry() throws(Reason) -> [UInt8] {
        while node.nextEvent() != nil {}
        var reply = [UInt8](repeating: 0, count: 1024)
        let count = try node.writeTelemetry(reply: reply.mutableSpan)
        return Array(reply.prefix(count))
    }

    /// The token that the node gives to the holder of `key`.
    func token(for key: SigningKey = Cast.alice) throws(Reason) -> [UInt8] {
        let signer = key.publicKey.bytes.prefix(8).reversed().reduce(0 as UInt64) { $0 << 8 | UInt64($1) }
        let token = try node.issueToken(for: signer)
        return token.indices.map { token[$0] }
    }

    /// A person presses the node's button.
    func press() {
        node.noteButton(isDown: false)
        node.noteButton(isDown: true)
        node.noteButton(isDown: false)
    }

    /// What the node says, signed, of who can act on it.
    func attestation() throws -> Attestation {
        // Of a copy, because signatures are rationed.
        let nonce = [UInt8](repeating: 3, count: 16)
        return try Attestation(
            verifying: try copy().attest(nonce), nonce: nonce, identity: Cast.identity.publicKey, network: Cast.network)
    }

    func physicalReset() throws(Reason) { try node.physicalReset() }
    func poll() { node.poll() }

    /// Strangers have not used up anything.
    func forgetAttempts() { node.attempts = AttemptBudget() }

    func pass(seconds: UInt64) {
        clock.pass(seconds: seconds)
        node.poll()
    }

    /// All receipts that the log still has, from `first` on, each verified.
    func history(from first: UInt32 = 0) throws -> [Receipt] {
        // Of a copy, because signatures are rationed.
        let other = copy()
        var receipts: [Receipt] = []
        var next = first
        while true {
            var reply = [UInt8](repeating: 0, count: 1024)
            let count = try other.writeHistory(from: next, &reply)
            if count == 0 { return receipts }
            for item in try CBORItem.sequence(Array(reply.prefix(count))) {
                receipts.append(try Receipt(verifying: item, identity: Cast.identity.publicKey, network: Cast.network))
                next = receipts.last!.index + 1
            }
        }
    }

    /// What the log has from `first` on; the length of it.
    private func writeHistory(from first: UInt32, _ reply: inout [UInt8]) throws(Reason) -> Int {
        clock.pass(seconds: 100)
        var span = reply.mutableSpan
        return try node.writeHistory(from: first, wire: .serial, reply: &span)
    }

    // MARK: Messages of the test's people

    func command(
        _ call: String = "$('led').on()", as type: NodeProtocol.MessageType = .command, by key: SigningKey = Cast.alice,
        sequence: UInt64? = nil,
        epoch: UInt32? = nil, token: [UInt8]? = nil, expires: UInt64? = nil, grant: Grant? = nil, time: UInt64? = nil
    ) -> SignedMessage {
        .call(
            try! Call(parsing: call), as: type, to: device, epoch: epoch ?? self.epoch, sequence: sequence ?? nextSequence(),
            network: Cast.network, token: token, time: time, expires: expires, grant: grant, key: key)
    }

    func bindMessage(to owner: SigningKey = Cast.alice, recovery: Bool = true) -> SignedMessage {
        .bind(
            device, owner: owner, epoch: epoch, sequence: nextSequence(), network: Cast.network,
            recovery: recovery ? Cast.recovery.publicKey : nil, claim: Cast.claim)
    }

    /// The acceptance of `key`, as it should be.
    func acceptance(
        by key: SigningKey, for purpose: NodeProtocol.MessageType = .transfer, from owner: SigningKey = Cast.alice,
        resultingIn authorities: Authorities? = nil
    ) throws -> Acceptance {
        var result = try authorities ?? attestation().authorities
        if authorities == nil, purpose != .rotate { result = .none }
        result.owner = key.publicKey
        return Acceptance(
            of: device, epoch: epoch, network: Cast.network, newOwner: key, purpose: purpose, from: owner.publicKey,
            resultingIn: result)
    }

    func rotate(to key: SigningKey, by owner: SigningKey = Cast.alice) throws -> SignedMessage {
        .rotate(heading(), to: try acceptance(by: key, for: .rotate, from: owner), owner: owner)
    }

    /// A transfer with all consents that it takes.
    func transfer(to key: SigningKey, by owner: SigningKey = Cast.alice) throws -> SignedMessage {
        let acceptance = try acceptance(by: key, from: owner)
        return .transfer(
            heading(), to: acceptance, consent: try consent(to: .transfer, acceptance.authorities), owner: owner)
    }

    func release(by owner: SigningKey = Cast.alice) throws -> SignedMessage {
        .release(heading(), consent: try consent(to: .release, Authorities.none.digest), owner: owner)
    }

    /// The recovery key's consent, where there is one.
    private func consent(to purpose: NodeProtocol.MessageType, _ authorities: [UInt8]) throws -> Consent? {
        if try attestation().authorities.recovery == nil { return nil }
        return Consent(
            to: purpose, of: device, epoch: epoch, network: Cast.network, resultingIn: authorities,
            recovery: Cast.recovery)
    }

    func takeover(by key: SigningKey = Cast.backup) throws -> SignedMessage {
        .takeover(heading(), token: try token(for: key), backup: key)
    }

    /// Forbids the reset by button, as an owner does who stands at it.
    func forbidReset(by owner: SigningKey = Cast.alice) throws {
        pass(seconds: 86_400)
        press()
        try send(.settings(heading(), forbidsReset: true, owner: owner))
    }

    func grant(
        _ scope: [Grant.Permission] = [.init("led")], to holder: SigningKey = Cast.holder, salt: UInt8 = 1,
        by owner: SigningKey = Cast.alice,
        _ change: (inout Grant.Terms) -> Void = { _ in }
    ) -> Grant {
        var terms = Grant.Terms(holder: holder.publicKey, scope: scope)
        change(&terms)
        return Grant(terms, on: device, epoch: epoch, network: Cast.network, salt: Stage.salt(salt), owner: owner)
    }

    static func salt(_ number: UInt8) -> [UInt8] { [0xA0, 0, 0, 0, 0, 0, 0, number] }

    /// Provisioned and bound to Alice.
    static func owned(_ flash: SimulatedNOR<4> = Stage.part(), recovery: Bool = true) throws -> Stage {
        let stage = Stage(flash)
        _ = try stage.provision()
        try stage.send(stage.bindMessage(recovery: recovery))
        return stage
    }

    /// The device learns the time from its owner's answer to its token.
    func tellTime(_ seconds: UInt64, by owner: SigningKey = Cast.alice) throws {
        try send(.time(heading(), seconds: seconds, token: try token(for: owner), owner: owner))
    }
}
