// The executor as a whole under fuzzing: a life of datagrams, signatures, power cuts and passing time, and what no life may do.
import CBOR
import CoAP
import CodecSupport
import DeviceModel
import Drivers
import Ed25519
import HAL
import LightNode
import NodeServer
import SimulatedNOR
import Vocabulary

/// What happens to the device, one after the other: `[kind, length high, length low, bytes…]` each; an unfinished one ends the life.
///
/// | Kind (modulo 8) | Bytes |
/// |---|---|
/// | 0, 1 | a datagram |
/// | 2, 3 | message type, signer (1 to 15: the seed of 32 such bytes), claims: signed and posted |
/// | 4 | none: power off and on |
/// | 5 | after which flash operation the power fails; it comes back with the next reboot, or at the end |
/// | 6 | seconds that pass, times 16 |
/// | 7 | none: the reset button |
private struct Life {
    private var rest: ArraySlice<UInt8>

    init(_ input: [UInt8]) { rest = input[...] }

    mutating func next() -> (kind: UInt8, bytes: [UInt8])? {
        guard rest.count >= 3 else { return nil }
        let kind = rest.removeFirst() & 7, high = Int(rest.removeFirst()), count = high << 8 | Int(rest.removeFirst())
        guard count <= rest.count else { return nil }
        defer { rest.removeFirst(count) }
        return (kind, Array(rest.prefix(count)))
    }
}

private final class Outside {
    var microseconds: UInt64 = 0
    var random: UInt64 = 1
    var moves = 0
    var levels: [String: Bool] = [:]
}

private struct Pin: OutputPin {
    let outside: Outside
    let name: String
    func setHigh() { set(true) }
    func setLow() { set(false) }
    var isSetHigh: Bool { outside.levels[name] ?? false }
    private func set(_ level: Bool) {
        if isSetHigh != level { outside.moves += 1 }
        outside.levels[name] = level
    }
}

private struct Table: DeviceTable {
    var events = EventQueue()
    var led: LED<Pin>
    var lock: Lock<Pin>

    init(_ outside: Outside) {
        led = LED(Pin(outside: outside, name: "led"))
        lock = Lock(Pin(outside: outside, name: "lock"))
    }

    static func declaration(_ index: UInt8) -> Declaration? {
        switch index {
        case 0: Declaration("led", LED<Pin>.self)
        case 1: Declaration("lock", Lock<Pin>.self)
        default: nil
        }
    }

    mutating func reach(_ index: UInt8, _ request: inout DeviceRequest) {
        switch index {
        case 0: request.reach(&led)
        case 1: request.reach(&lock)
        default: break
        }
    }
}

private struct Chip: Platform {
    var board: StaticString { "fuzzed" }
    var version: Version { Version(0, 0, 1) }
    var imageHash: InlineArray<24, UInt8> { .init(repeating: 0xF0) }
    var hardwareSerial: UInt64 { 1 }
    var isReadbackProtected = false
    mutating func protectReadback() { isReadbackProtected = true }
    var resetReason: ResetReason { .power }
    var stackUsed: UInt32 { 0 }
    var stackSize: UInt32 { 0 }
    var isTrueRandom: Bool { true }
    let outside: Outside

    mutating func microseconds() -> UInt64 { outside.microseconds }
    mutating func fillRandom(_ bytes: inout MutableRawSpan) {
        for index in 0..<bytes.byteCount {
            outside.random = outside.random &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            bytes.storeBytes(of: UInt8(truncatingIfNeeded: outside.random >> 33), toByteOffset: index, as: UInt8.self)
        }
    }
}

/// What the device shows of itself.
private struct Shown {
    var condition: Condition
    var epoch: UInt32
    var highWater: UInt64 = 0
    var log: UInt32 = 0
}

private struct Device: ~Copyable {
    private typealias Server = NodeServer<SimulatedNOR<4>, Table, Chip>
    let flash = SimulatedNOR<4>(pages: Array(repeating: 1024, count: 16))
    private(set) var outside = Outside()
    private var server: Server
    private var nextID: UInt16 = 0
    static let network: UInt64 = 7

    init() {
        server = Server(Node(flash: flash, devices: Table(outside), platform: Chip(outside: outside)))
    }

    mutating func reboot(_ faults: SimulatedNOR<4>.Faults = .none) {
        flash.powerUp(faults)
        outside = Outside()
        server = Server(Node(flash: flash, devices: Table(outside), platform: Chip(outside: outside)))
    }

    mutating func button() { try? server.node.physicalReset() }
    mutating func pass(_ seconds: UInt64) {
        outside.microseconds += seconds * 1_000_000
        server.node.poll()
    }

    var shown: Shown {
        mutating get {
            var shown = Shown(condition: server.node.condition, epoch: server.node.epoch)
            let status = CBOR.encode(capacity: 1024) { server.node.writeStatus(&$0) }
            var reader = CBORReader(status.span.bytes)
            guard var map = try? reader.map() else { return shown }
            while let key = try? reader.nextKey(&map) {
                switch key {
                case .int(5): shown.highWater = (try? reader.uint()) ?? 0
                case .int(9): shown.log = (try? reader.uint32()) ?? 0
                default: try? reader.skip()
                }
            }
            return shown
        }
    }

    /// The answer to a datagram; empty when there is none.
    mutating func receive(_ datagram: [UInt8]) -> [UInt8] {
        server.receive(datagram.span.bytes)
        return server.answer.array
    }

    /// Gives it the identity of signer 1 and the claim key of signer 2.
    mutating func provision() {
        var reply = [UInt8](repeating: 0, count: 256)
        let claim = Device.publicKey(2)
        let request = CBOR.encode { writer in
            writer.map(3)
            writer.key(0)
            writer.bytes(claim)
            writer.key(1)
            writer.bytes([UInt8](repeating: 1, count: 32))
            writer.key(2)
            writer.uint(Device.network)
        }
        _ = try? server.node.provision(request.span.bytes, reply: reply.mutableSpan)
    }

    /// Signs `claims` and posts them.
    mutating func post(_ type: MessageType, signer: UInt8, _ claims: [UInt8]) -> [UInt8] {
        let name = type.name.bytes.array
        let associated = CBOR.encode { writer in
            writer.array(4)
            writer.text("lightnode")
            writer.uint(2)
            writer.uint(Device.network)
            writer.text(name.span.bytes)
        }
        let toSign = CBOR.encode { writer in
            writer.array(4)
            writer.text("Signature1")
            writer.bytes([0xa1, 0x01, 0x27])
            writer.bytes(associated)
            writer.bytes(claims)
        }
        let seed = Bytes32(repeating: signer)
        let signature = Ed25519.sign(seed: seed, publicKey: Ed25519.publicKey(seed: seed), message: toSign.span.bytes)
        let signed = (0..<64).map { signature[$0] }
        let payload =
            [0xd2]
            + CBOR.encode { writer in
                writer.array(4)
                writer.bytes([0xa1, 0x01, 0x27])
                writer.map(0)
                writer.bytes(claims)
                writer.bytes(signed)
            }
        nextID &+= 1
        var buffer = [UInt8](repeating: 0, count: payload.count + 64)
        var writer = CoAPWriter(buffer.mutableSpan, type: .confirmable, code: .post, id: nextID, token: CoAPToken(1, count: 1))
        writer.option(CoAPOptionNumber.uriPath, name.span.bytes)
        writer.contentFormat(CoAPContentFormat.coseSign1)
        writer.payload(payload.span.bytes)
        guard let count = try? writer.finish() else { return [] }
        return receive(Array(buffer.prefix(count)))
    }

    static func publicKey(_ signer: UInt8) -> [UInt8] {
        let key = Ed25519.publicKey(seed: Bytes32(repeating: signer))
        return (0..<32).map { key[$0] }
    }
}

/// Whatever happens to a device: it answers with CoAP or not at all, forgets neither its epoch nor its log nor what it has seen, never
/// takes itself for blank again, moves no pin without a log entry, and programs its flash by the rules.
@Sendable func checkExecutor(_ input: [UInt8]) throws {
    var life = Life(input), device = Device()
    device.provision()
    var before = device.shown
    for _ in 0..<24 {
        guard let (kind, bytes) = life.next() else { break }
        let moves = device.outside.moves
        var isQuiet = true
        switch kind {
        case 0, 1: try checkAnswer(device.receive(bytes), to: bytes, input)
        case 2, 3:
            guard bytes.count >= 2, let type = MessageType(rawValue: bytes[0] % 16), type.isRequest else { continue }
            try checkAnswer(device.post(type, signer: bytes[1] % 15 + 1, Array(bytes.dropFirst(2))), to: nil, input)
        case 4:
            device.reboot()
            isQuiet = false
        case 5: device.flash.faults = .cut(at: device.flash.operations + Int(bytes.first ?? 0) % 32, torn: UInt64(bytes.count))
        case 6:
            device.pass(UInt64(bytes.first ?? 0) * 16)
            isQuiet = false
        default:
            device.button()
            isQuiet = false
        }
        if device.flash.isCut {
            // Without power nothing is shown; what counts is what comes back.
            device.reboot()
            isQuiet = false
        }
        let after = device.shown
        if let broken = broken(before, after) { throw Violation(broken, input) }
        if isQuiet, device.outside.moves != moves, after.log == before.log {
            throw Violation("a pin moved without a log entry", input)
        }
        before = after
    }
    device.reboot()
    if let broken = broken(before, device.shown) { throw Violation("after a reboot: \(broken)", input) }
    if let first = device.flash.violations.first { throw Violation("the flash was misused: \(first)", input) }
}

private func broken(_ before: Shown, _ after: Shown) -> String? {
    if after.condition == .blank, before.condition != .blank { return "the device takes itself for blank" }
    if after.condition == .damaged { return before.condition == .damaged ? nil : "the device is damaged" }
    if after.epoch < before.epoch { return "the epoch fell from \(before.epoch) to \(after.epoch)" }
    if after.log < before.log { return "the log shrank from \(before.log) to \(after.log)" }
    if after.epoch == before.epoch, after.highWater < before.highWater { return "the high-water mark fell" }
    return nil
}

/// An answer is a message, and one to this request.
private func checkAnswer(_ answer: [UInt8], to request: [UInt8]?, _ input: [UInt8]) throws {
    guard !answer.isEmpty else { return }
    do {
        let message = try CoAPMessage(answer.span.bytes)
        guard let request, let asked = try? CoAPMessage(request.span.bytes) else { return }
        if asked.code.isRequest, message.code != .empty, message.token != asked.token {
            throw Violation("another token in the answer", input)
        }
    } catch is CoAPError {
        throw Violation("the answer \(hexString(answer)) is no message", input)
    }
}
