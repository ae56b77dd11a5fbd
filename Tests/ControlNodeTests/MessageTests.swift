import ControlNode
import Foundation
import Reporting
import Testing

@testable import ControlNode

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
            vectors.device, owner: vectors.owner.publicKey, epoch: 0, sequence: 1_700_000_000_000_000, network: vectors.network,
            claim: vectors.claim)
        #expect(message.bytes.hex == vectors.bind)
    }

    @Test("A command has the very bytes that pycose makes")
    func command() {
        let message = SignedMessage.call(
            Call(device: "led", method: "on"), to: vectors.device, epoch: 1, sequence: 1_700_000_000_000_001,
            network: vectors.network, key: vectors.owner)
        #expect(message.bytes.hex == vectors.command)
        #expect(message.bytes.count <= 200)
    }

    @Test("A desired state with token, expiry and arguments of every type has the very bytes that pycose makes")
    func state() {
        let message = SignedMessage.call(
            Call(device: "dimmer", method: "set", arguments: [50, -129, true, "Grüße"]), as: .state, to: vectors.device, epoch: 1,
            sequence: 1_700_000_000_000_002, network: vectors.network, token: Array(0..<8), expires: 1_800_000_000,
            key: vectors.owner)
        #expect(message.bytes.hex == vectors.state)
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
        #expect(receipts[1].description == "#1 $('led').on done = true")
    }

    @Test("A receipt answers its own message and no other, in full and as exported from the log")
    func answers() throws {
        let first = SignedMessage.call(
            Call(device: "led", method: "on"), to: vectors.device, epoch: 1, sequence: 1_700_000_000_000_001,
            network: vectors.network, key: vectors.owner)
        let second = SignedMessage.call(
            Call(device: "led", method: "off"), to: vectors.device, epoch: 1, sequence: 1_700_000_000_000_001,
            network: vectors.network, key: vectors.owner)
        #expect(try receipt(vectors.receipts[1]).answers(first))
        #expect(try !receipt(vectors.receipts[1]).answers(second))
        #expect(try !receipt(vectors.receipts[0]).answers(first))
        let exported = try receipt(vectors.receipts[2])
        #expect(exported.message.count == 2)
        let mark = Array(bytes(vectors.state).suffix(64).prefix(8))
        #expect(exported.answers(sequence: 1_700_000_000_000_002, hash: [], mark: mark))
        #expect(!exported.answers(sequence: 1_700_000_000_000_002, hash: [], mark: mark.reversed()))
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
        #expect(kind { try receipt(vectors.command) } == .notAuthentic)
    }

    @Test("An attestation is believed for its own challenge only")
    func attestation() throws {
        let nonce = bytes(vectors.nonce)
        let attestation = try Attestation(
            verifying: bytes(vectors.attestation), nonce: nonce, identity: vectors.identityKey, network: vectors.network)
        #expect(
            attestation.board == "microbit" && attestation.version == "0.1.0" && attestation.epoch == 1 && !attestation.isTest)
        #expect(throws: Failure.self) {
            try Attestation(
                verifying: bytes(vectors.attestation), nonce: nonce.reversed(), identity: vectors.identityKey,
                network: vectors.network)
        }
    }

    @Test("A status is read, and one that shows another device's identity is refused")
    func status() throws {
        let status = try DeviceStatus(bytes(vectors.status), from: "test")
        #expect(status.state == .owned && status.address == vectors.device && status.identity == vectors.identityKey)
        #expect(status.highWater == 1_700_000_000_000_001 && status.network == 7 && status.hardwareSerial == "0102")
        #expect(status.resetReason == "power-on" && status.stackUsed == 900)
        #expect(throws: Failure.self) { try DeviceStatus(bytes(vectors.strangeStatus), from: "test") }
        let decoded = try JSONDecoder().decode(DeviceStatus.self, from: JSONEncoder().encode(status))
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
        #expect(refusal.advice.contains("send a new one"))
        #expect(Refusal(problemDetails: [0xff]) == nil)
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
            _ = try? DeviceStatus(garbage, from: "test")
            _ = try? DeviceDescription.list(garbage, from: "test")
            _ = Refusal(problemDetails: garbage)
        }
        #expect(throws: Failure.self) {
            try DeviceStatus([UInt8](repeating: 0x81, count: 5000) + [0x00], from: "test")
        }
    }
}
