import Foundation
import Reporting
import Testing

@testable import HostCrypto
@testable import NodeProtocol

@Suite("Messages, against vectors made with pycose and cbor2")
struct MessageTests {
    let vectors = Vectors.shared

    @Test("The vectors are what the witness writes today")
    func witness() throws {
        let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        let output = try python([folder.appendingPathComponent("Witness/vectors.py").path])
        let stored = try String(contentsOf: folder.appendingPathComponent("Vectors/messages.json"), encoding: .utf8)
        #expect(output == stored)
    }

    @Test("A bind has the very bytes that pycose makes")
    func bind() {
        let message = SignedMessage.bind(
            vectors.node, owner: vectors.owner, epoch: 0, sequence: 1_700_000_000_000_000, network: vectors.network,
            recovery: vectors.recovery.publicKey, claim: vectors.claim)
        #expect(message.bytes.hex == vectors.bind)
        #expect(message.hash.hex == vectors.hashes[0])
    }

    @Test("A command has the very bytes that pycose makes")
    func command() {
        let message = SignedMessage.call(
            Call(device: "led", method: "on"), to: vectors.node, epoch: 1, sequence: 1_700_000_000_000_001,
            network: vectors.network, key: vectors.owner)
        #expect(message.bytes.hex == vectors.command)
        #expect(message.hash.hex == vectors.hashes[1])
        #expect(message.bytes.count <= 200)
    }

    @Test("A desired state with token, time, expiry and arguments of every type has the very bytes that pycose makes")
    func state() {
        let message = SignedMessage.call(
            Call(device: "dimmer", method: "set", arguments: [50, -129, true, "Grüße"]), as: .state, to: vectors.node, epoch: 1,
            sequence: 1_700_000_000_000_002, network: vectors.network, token: Array(0..<12), time: 1_799_999_970,
            expires: 1_800_000_000,
            key: vectors.owner)
        #expect(message.bytes.hex == vectors.state)
        #expect(message.hash.hex == vectors.hashes[2])
    }

    @Test("A transfer with acceptance and consent has the very bytes that pycose makes, and its line carries them")
    func transfer() throws {
        let result = Authorities(owner: vectors.buyer.publicKey)
        let acceptance = Acceptance(
            of: vectors.node, epoch: 1, network: vectors.network, newOwner: vectors.buyer, purpose: .transfer,
            from: vectors.owner.publicKey, resultingIn: result)
        #expect(acceptance.bytes.hex == vectors.acceptance)
        #expect(try Acceptance(parsing: acceptance.text) == acceptance)
        let consent = Consent(
            to: .transfer, of: vectors.node, epoch: 1, network: vectors.network, resultingIn: result.digest,
            recovery: vectors.recovery)
        let message = SignedMessage.transfer(
            .init(vectors.node, epoch: 1, sequence: 1_700_000_000_000_003, network: vectors.network), to: acceptance,
            consent: consent, owner: vectors.owner)
        #expect(message.bytes.hex == vectors.transfer)
        // The recovery key that a new owner brings along is in its line, and in the digest that it signs.
        let equipped = Acceptance(
            of: vectors.node, epoch: 1, network: vectors.network, newOwner: vectors.buyer, purpose: .transfer,
            from: vectors.owner.publicKey,
            resultingIn: Authorities(owner: vectors.buyer.publicKey, recovery: vectors.recovery.publicKey))
        #expect(try Acceptance(parsing: equipped.text).recovery == vectors.recovery.publicKey)
        #expect(equipped.authorities != acceptance.authorities)
    }

    private func receipt(_ hex: String) throws -> Receipt {
        try Receipt(verifying: bytes(hex), identity: vectors.identityKey, network: vectors.network)
    }

    @Test("Receipts are verified and read, and their chain closes")
    func receipts() throws {
        let receipts = try vectors.receipts.map { try receipt($0) }
        #expect(receipts.map(\.subject) == [["bind"], ["led", "on"], ["dimmer", "set"]])
        #expect(receipts.map(\.outcome) == [.done, .done, .outOfRange])
        #expect(receipts.map(\.value) == [nil, .bool(true), .int(-129)])
        #expect(receipts[0].previous == [UInt8](repeating: 0, count: 32))
        #expect(receipts[0].chain == receipts[1].previous)
        #expect(receipts[1].chain == receipts[2].previous)
        #expect(receipts[2].chain.hex == vectors.chainAfter)
        #expect(receipts.map { $0.expected?.description } == [nil, nil, "argument 1 must be between 0 and 40"])
        #expect(
            receipts.map(\.signer) == [LogSigner.claim, .owner, .owner] && receipts.map(\.type) == [.bind, .command, .state])
        let bound = Authorities(owner: vectors.owner.publicKey, recovery: vectors.recovery.publicKey)
        #expect(receipts[0].authorities == bound.digest && receipts[0].leaves(bound) && receipts[1].authorities == nil)
        #expect(!receipts[0].leaves(Authorities(owner: vectors.owner.publicKey)) && !receipts[1].leaves(bound))
        #expect(receipts[1].description == "#1 $('led').on done = true")
    }

    @Test("A receipt answers its own message and no other, in full and as exported from the log")
    func answers() throws {
        let first = SignedMessage.call(
            Call(device: "led", method: "on"), to: vectors.node, epoch: 1, sequence: 1_700_000_000_000_001,
            network: vectors.network, key: vectors.owner)
        let second = SignedMessage.call(
            Call(device: "led", method: "off"), to: vectors.node, epoch: 1, sequence: 1_700_000_000_000_001,
            network: vectors.network, key: vectors.owner)
        #expect(try receipt(vectors.receipts[1]).answers(first))
        #expect(try !receipt(vectors.receipts[1]).answers(second))
        #expect(try !receipt(vectors.receipts[0]).answers(first))
        let exported = try receipt(vectors.receipts[2])
        #expect(exported.isExported && exported.message.count == 8)
        let hash = bytes(vectors.hashes[2])
        #expect(exported.answers(sequence: 1_700_000_000_000_002, hash: hash))
        #expect(!exported.answers(sequence: 1_700_000_000_000_002, hash: hash.reversed()))
        #expect(!exported.answers(sequence: 1_700_000_000_000_003, hash: hash))
    }

    @Test("A receipt with any bit flipped is refused")
    func mutatedReceipt() throws {
        var changed = bytes(vectors.receipts[1])
        for bit in 0..<changed.count * 8 {
            changed[bit / 8] ^= 1 << UInt8(bit % 8)
            #expect(throws: Failure.self) {
                try Receipt(verifying: changed, identity: vectors.identityKey, network: vectors.network)
            }
            changed[bit / 8] ^= 1 << UInt8(bit % 8)
        }
        for count in 0..<changed.count {
            #expect(throws: Failure.self) {
                try Receipt(verifying: Array(changed.prefix(count)), identity: vectors.identityKey, network: vectors.network)
            }
        }
    }

    @Test("A receipt of another network, another key, another issuer, or at odds with its log entry is refused")
    func wrongReceipts() {
        func kind(_ body: () throws -> Receipt) -> Failure.Kind? {
            do {
                _ = try body()
                return nil
            } catch { return (error as? Failure)?.kind }
        }
        #expect(
            kind { try Receipt(verifying: bytes(vectors.receipts[1]), identity: vectors.identityKey, network: 8) }
                == .notAuthentic)
        #expect(kind { try receipt(vectors.stranger) } == .notAuthentic)
        #expect(kind { try receipt(vectors.otherIssuer) } == .malformedAnswer)
        #expect(kind { try receipt(vectors.contradicting) } == .malformedAnswer)
        #expect(kind { try receipt(vectors.otherAuthorities) } == .malformedAnswer)
        #expect(kind { try receipt(vectors.command) } == .notAuthentic)
    }

    @Test("An attestation is believed for its own challenge only")
    func attestation() throws {
        let nonce = bytes(vectors.nonce)
        let attestation = try Attestation(
            verifying: bytes(vectors.attestation), nonce: nonce, identity: vectors.identityKey, network: vectors.network)
        #expect(
            attestation.board == "microbit" && attestation.version == "0.1.0" && attestation.epoch == 1 && !attestation.isTest)
        let all = attestation.authorities
        #expect(all.owner == vectors.owner.publicKey && all.recovery == vectors.recovery.publicKey && all.forbidsReset)
        #expect(all.backups == [Backup(key: vectors.buyer.publicKey, silence: 86_400)])
        #expect(all.digest.hex == vectors.attestedDigest)
        #expect(attestation.claim == vectors.claim.publicKey && attestation.isProtected && attestation.earliest == 1_800_000_000)
        #expect(attestation.logLength == 3 && attestation.chain == vectors.chainAfter && attestation.since == 1)
        #expect(attestation.mark == 1_700_000_000_000_002)
        #expect(throws: Failure.self) {
            try Attestation(
                verifying: bytes(vectors.attestation), nonce: nonce.reversed(), identity: vectors.identityKey,
                network: vectors.network)
        }
    }

    @Test("A status is read, and one that shows another node's identity is refused")
    func status() throws {
        let status = try NodeStatus(bytes(vectors.status), from: "test")
        #expect(status.state == .owned && status.address == vectors.node && status.identity == vectors.identityKey)
        #expect(status.highWater == 1_700_000_000_000_001 && status.network == 7 && status.hardwareSerial == "0102")
        #expect(status.resetReason == "power-on" && status.stackUsed == 900)
        #expect(throws: Failure.self) { try NodeStatus(bytes(vectors.strangeStatus), from: "test") }
        let decoded = try JSONDecoder().decode(NodeStatus.self, from: JSONEncoder().encode(status))
        #expect(decoded == status)
    }

    @Test("The list of devices is read")
    func devices() throws {
        let devices = try DeviceDescription.list(bytes(vectors.devices), from: "test")
        #expect(devices.map(\.name) == ["led", "lock"])
        #expect(devices[0].methods.map(\.name) == ["on", "off"] && devices[0].state == .bool(true) && devices[1].state == nil)
        #expect(devices[1].methods.map(\.description) == ["open(for:ms 100..60000=5000)", "close()", "level() -> %"])
        #expect(devices[1].kind == "lock" && devices[1].unit == "bool" && devices[1].events == ["opened", "closed"])
        #expect(devices.map(\.demandsFreshness) == [false, true])
    }

    @Test("A refusal keeps its stable reason and says what to do")
    func refusal() throws {
        let refusal = try #require(Refusal(problemDetails: bytes(vectors.problem)))
        #expect(refusal.reason == "replayed" && refusal.detail == "seen before" && refusal.code == 5)
        #expect(refusal.remedy.prose.contains("send a new one"))
        #expect(Refusal(problemDetails: [0xff]) == nil)
    }

    @Test("A signed refusal is believed for its own message only")
    func signedRefusal() throws {
        func message(_ method: String) -> SignedMessage {
            SignedMessage.call(
                Call(device: "led", method: method), to: vectors.node, epoch: 1, sequence: 1_700_000_000_000_001,
                network: vectors.network, key: vectors.owner)
        }
        func read(_ encoded: [UInt8], _ message: SignedMessage, by key: PublicKey) throws -> Refusal {
            Refusal(try RefusalStatement(verifying: encoded, of: message, identity: key, network: vectors.network))
        }
        let statement = bytes(vectors.refusal)
        let refusal = try read(statement, message("on"), by: vectors.identityKey)
        #expect(refusal.known == .tokenRequired && refusal.isSigned && refusal.code == 8)
        #expect(throws: Failure.self) { try read(statement, message("off"), by: vectors.identityKey) }
        #expect(throws: Failure.self) { try read(statement, message("on"), by: vectors.owner.publicKey) }
        #expect(throws: Failure.self) { try read(bytes(vectors.receipts[1]), message("on"), by: vectors.identityKey) }
        #expect(Refusal(problemDetails: bytes(vectors.problem))?.isSigned == false)
    }

    @Test("Every refusal and outcome of the protocol has words: what it means, and what to do")
    func words() {
        #expect(RefusalReason.allCases.count == 34 && Set(RefusalReason.allCases.map(\.code)).count == 34)
        for reason in RefusalReason.allCases {
            #expect(!reason.meaning.isEmpty && !reason.advice.isEmpty && RefusalReason(code: UInt64(reason.code)) == reason)
            #expect(Refusal(reason: reason.rawValue, detail: "").remedy == reason.remedy)
        }
        for outcome in Outcome.known { #expect(!outcome.description.hasPrefix("outcome-") && outcome.explanation.count > 10) }
        #expect(Outcome(rawValue: 200).description == "outcome-200")
    }

    @Test("Hostile answers are refused: garbage, depth, trailing bytes, indefinite lengths")
    func hostile() {
        var generator = SystemRandomNumberGenerator()
        for _ in 0..<2000 {
            let garbage = (0..<Int.random(in: 0...80, using: &generator)).map { _ in UInt8.random(in: 0...255, using: &generator)
            }
            #expect(throws: Failure.self) {
                try Receipt(verifying: garbage, identity: vectors.identityKey, network: vectors.network)
            }
            _ = try? NodeStatus(garbage, from: "test")
            _ = try? DeviceDescription.list(garbage, from: "test")
            _ = Refusal(problemDetails: garbage)
        }
        #expect(throws: Failure.self) {
            try NodeStatus([UInt8](repeating: 0x81, count: 5000) + [0x00], from: "test")
        }
    }
}
