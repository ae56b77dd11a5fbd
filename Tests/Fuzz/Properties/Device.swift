// A device for the executor's property: a node behind its server, on simulated flash, pins and time.
import CBOR
import CoAP
import CodecSupport
import DeviceModel
import Ed25519
import FlashStore
import NodeServer
import SimulatedNOR
import TestNode
import Vocabulary

@testable import LightNode

/// A light, a lock and a meter with a pulse in two seconds.
enum Table: TestFitting {
    static let names = ["led", "lock", "meter"]
    static let devices: [TestDevice] = [.led, .lock, .meter]
}

/// Random bytes whose generator goes on over reboots.
private final class Dice {
    var state: UInt64 = 1
    func next() -> UInt8 {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return UInt8(truncatingIfNeeded: state >> 33)
    }
}

/// What the device shows of itself and holds on its pins.
struct Shown: Equatable {
    var condition = Condition.blank
    var epoch: UInt32 = 0
    var highWater: UInt64 = 0
    var log: UInt32 = 0
    var rights = Rights()
    var levels: [String: Bool] = [:]
}

struct Device: ~Copyable {
    let flash = blankPart()
    private let dice = Dice()
    private(set) var outside: TestWorld
    private var server: TestServer<Table>
    static let network: UInt64 = 7

    init() {
        outside = Device.world(dice)
        server = Device.start(flash, outside)
    }

    private static func world(_ dice: Dice) -> TestWorld { TestWorld(Chance { dice.next() }) }

    private static func start(_ flash: SimulatedNOR<4>, _ world: TestWorld) -> TestServer<Table> {
        var platform = TestPlatform(world)
        (platform.board, platform.version, platform.hardwareSerial) = ("fuzzed", Version(0, 0, 1), 1)
        platform.imageHash = .init(repeating: 0xF0)
        return NodeServer(Node(flash: flash, devices: TestDevices(world), platform: platform))
    }

    mutating func reboot() {
        flash.powerUp()
        dice.state &+= 99
        outside = Device.world(dice)
        server = Device.start(flash, outside)
    }

    mutating func button() { try? server.node.physicalReset() }

    /// A short press.
    mutating func press() {
        for isDown in [false, true, false] { server.node.noteButton(isDown: isDown) }
    }

    /// Notifications that came while time passed, in four steps.
    mutating func pass(microseconds: UInt64) -> [[UInt8]] {
        (0..<4).map { _ in
            outside.microseconds += microseconds / 4
            outside.pulses = UInt32(truncatingIfNeeded: outside.microseconds / 2_000_000)
            while server.nextEvent() != nil {}
            server.poll()
            return server.notification.array
        }
    }

    var shown: Shown {
        mutating get {
            var shown = Shown(condition: server.node.condition, epoch: server.node.epoch, levels: levels)
            shown.highWater = server.node.watermarks.owner
            shown.log = server.node.memory.nextIndex
            if shown.condition == .owned || shown.condition == .unowned { shown.rights = Rights(server.node.ownership) }
            return shown
        }
    }

    /// Of the pins that hold something.
    private var levels: [String: Bool] { ["led": outside.waveform["led"] == 1, "lock": outside.waveform["lock"] == 1] }

    var address: [UInt8] { server.node.address.text.span.bytes.array }

    /// The answer to a datagram; empty when there is none.
    mutating func receive(_ datagram: [UInt8], _ wire: WireNumber = .serial) -> [UInt8] {
        server.exchange(datagram, from: wire)
    }

    /// Gives it the identity of signer 1 and the claim key of signer 2.
    mutating func provision() {
        var reply = [UInt8](repeating: 0, count: 256)
        let request = CBOR.encode { writer in
            writer.map(3)
            writer.key(0)
            writer.bytes(Keys.publicKey(2))
            writer.key(1)
            writer.bytes([UInt8](repeating: 1, count: 32))
            writer.key(2)
            writer.uint(Device.network)
        }
        _ = try? server.node.provision(request.span.bytes, reply: reply.mutableSpan)
    }

    /// Changes the flash while the power is off: bytes as they come, or the content of a record, which then gets its right check word.
    mutating func edit(_ bytes: [UInt8]) {
        guard bytes.count >= 4 else { return }
        let place = Int(bytes[1]) << 8 | Int(bytes[2])
        if bytes[0] & 1 == 0 {
            for (index, byte) in bytes.dropFirst(3).enumerated() {
                flash.overwrite(
                    (place + index) % flash.bytes.count,
                    bytes[0] & 2 == 0 ? byte : flash.bytes[(place + index) % flash.bytes.count] ^ byte)
            }
            return
        }
        let records: [UInt8] = [1, 2, 3, 4, 6, 9, 16, 17, 23]
        let key = records[Int(bytes[1]) % records.count]
        var store = FlashStore(flash, layout: Memory<SimulatedNOR<4>>.layout)
        var value = [UInt8](repeating: 0, count: 240)
        var span = value.mutableSpan
        guard (try? store.mount()) != nil, let read = try? store.read(key, into: &span) else { return }
        var count = read
        if bytes[0] & 2 == 2 { count = Int(bytes[2]) % 241 }
        for (index, byte) in bytes.dropFirst(3).enumerated() where count > 0 { value[(Int(bytes[2]) + index) % count] ^= byte }
        try? store.put(key, value.span.extracting(0..<count))
    }
}

/// The keys of everybody who might send something: seed number n is 32 bytes of n.
enum Keys {
    static let count: UInt8 = 15
    private static let all = (0...count).map { number -> [UInt8] in
        let key = Ed25519.publicKey(seed: Bytes32(repeating: number))
        return (0..<32).map { key[$0] }
    }

    static func publicKey(_ number: UInt8) -> [UInt8] { all[Int(number)] }
    static func number(of key: [UInt8]) -> UInt8? { all.firstIndex(of: key).map { UInt8($0) } }

    static func sign(_ number: UInt8, _ message: [UInt8]) -> [UInt8] {
        var key = Bytes32(repeating: 0)
        for index in 0..<32 { key[index] = all[Int(number)][index] }
        let signature = Ed25519.sign(seed: Bytes32(repeating: number), publicKey: key, message: message.span.bytes)
        return (0..<64).map { signature[$0] }
    }

    /// What is signed (RFC 9052, section 4.4).
    static func toSign(_ type: String, _ claims: [UInt8], network: UInt64 = Device.network) -> [UInt8] {
        let associated = CBOR.encode { writer in
            writer.array(4)
            writer.text("lightnode")
            writer.uint(2)
            writer.uint(network)
            writer.text(type)
        }
        return CBOR.encode(capacity: claims.count + 128) { writer in
            writer.array(4)
            writer.text("Signature1")
            writer.bytes([0xa1, 0x01, 0x27])
            writer.bytes(associated)
            writer.bytes(claims)
        }
    }

    /// A COSE_Sign1 of `claims`.
    static func signed(_ type: String, by number: UInt8, _ claims: [UInt8], network: UInt64 = Device.network) -> [UInt8] {
        let signature = sign(number, toSign(type, claims, network: network))
        return [0xd2]
            + CBOR.encode(capacity: claims.count + 128) { writer in
                writer.array(4)
                writer.bytes([0xa1, 0x01, 0x27])
                writer.map(0)
                writer.bytes(claims)
                writer.bytes(signature)
            }
    }

    /// True if `key` is one of ours and has made this signature: found by signing again, so that no verification is trusted.
    static func hasSigned(_ key: [UInt8], _ type: String, _ whole: [UInt8]) -> Bool {
        guard let number = number(of: key), number > 0, let claims = judgeSign1(whole) else { return false }
        return sign(number, toSign(type, claims)) == Array(whole.suffix(64))
    }
}

/// All who can act on the node.
struct Rights: Equatable {
    struct Backup: Equatable {
        var key: [UInt8]
        var silence: UInt32
    }

    var owner: [UInt8]?
    var recovery: [UInt8]?
    var forbidsReset = false
    var backups: [Backup] = []

    init(owner: [UInt8]? = nil, recovery: [UInt8]? = nil) { (self.owner, self.recovery) = (owner, recovery) }

    init(_ ownership: borrowing Ownership) {
        if ownership.isOwned { owner = ownership.key(at: Ownership.ownerKey).array }
        if ownership.hasRecovery { recovery = ownership.key(at: Ownership.recoveryKey).array }
        forbidsReset = ownership.forbidsReset
        for rank in 0..<ownership.backups {
            backups.append(
                Backup(key: ownership.key(at: Ownership.backupKey(rank)).array, silence: ownership.silence(rank: rank)))
        }
    }

    /// What consents and acceptances name them by.
    var digest: [UInt8] {
        let encoded = CBOR.encode { writer in
            writer.array(4)
            for key in [owner, recovery] { if let key { writer.bytes(key) } else { writer.null() } }
            writer.uint(forbidsReset ? 1 : 0)
            writer.array(backups.count)
            for backup in backups {
                writer.array(2)
                writer.bytes(backup.key)
                writer.uint(UInt64(backup.silence))
            }
        }
        let hash = SHA512.hash(encoded.span.bytes)
        return (0..<32).map { hash[$0] }
    }
}
