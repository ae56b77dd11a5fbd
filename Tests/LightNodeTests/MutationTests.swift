// Every field of every message changed: refused, and nothing moves, in flash, in what the device says of itself, or at a pin.

import LightNode
import SimulatedNOR
import Testing

@testable import NodeProtocol

@Suite("Mutations") struct MutationTests {
    /// Sends what must be refused, and counts.
    final class Judge {
        let stage: Stage
        let type: NodeProtocol.MessageType
        private(set) var count = 0
        private let moves: Int
        private let operations: Int

        init(_ stage: Stage, _ type: NodeProtocol.MessageType) {
            (self.stage, self.type) = (stage, type)
            (moves, operations) = (stage.wires.moves, stage.flash.operations)
        }

        func refuse(_ bytes: [UInt8], _ what: @autoclosure () -> String) {
            stage.forgetAttempts()
            count += 1
            if stage.refusal(type, bytes) == nil { Issue.record("\(what()) was accepted") }
            if stage.wires.moves != moves { Issue.record("\(what()) moved something") }
            if stage.flash.operations != operations { Issue.record("\(what()) wrote to flash") }
        }
    }

    @Test(
        "Mutated in any field, a message is refused and leaves no trace; the message itself is then accepted",
        arguments: Sample.all)
    func mutate(_ sample: Sample) throws {
        let stage = try sample.stage()
        let message = try sample.message(stage)
        let before = Footprint(stage)
        let judge = Judge(stage, message.type)
        for bit in 0..<(message.bytes.count * 8) {
            var bytes = message.bytes
            bytes[bit >> 3] ^= 1 << UInt8(bit & 7)
            judge.refuse(bytes, "bit \(bit) flipped")
        }
        for length in 0..<message.bytes.count { judge.refuse(Array(message.bytes.prefix(length)), "cut to \(length) bytes") }
        judge.refuse(message.bytes + [0], "one byte longer")

        let claims = try SignedObject.claims(message.bytes)
        let signature = Array(message.bytes.suffix(64))
        for (path, changed) in Self.changes(of: claims) {
            judge.refuse(Self.assemble(changed.encoded, signature), "\(path) with the old signature")
        }
        // Even its rightful signer cannot say what the protocol does not know.
        for (path, changed) in Self.misshapen(claims, sample) {
            judge.refuse(
                SignedObject.sign(changed.encoded, type: message.type, network: Cast.network, key: sample.signer),
                "\(path), signed well")
        }
        for (path, payload) in Self.badlyEncoded(claims) {
            judge.refuse(
                SignedObject.sign(payload, type: message.type, network: Cast.network, key: sample.signer), "\(path), signed well")
        }
        for other in NodeProtocol.MessageType.allCases where other != message.type {
            judge.refuse(
                SignedObject.sign(claims.encoded, type: other, network: Cast.network, key: sample.signer), "signed as \(other)")
        }
        judge.refuse(
            SignedObject.sign(claims.encoded, type: message.type, network: 8, key: sample.signer), "signed for another network")
        for key in [
            Cast.identity, Cast.claim, Cast.alice, Cast.bob, Cast.recovery, Cast.backup, Cast.holder, Cast.friend, Cast.mallory,
        ]
        where key.publicKey != sample.signer.publicKey {
            judge.refuse(
                SignedObject.sign(claims.encoded, type: message.type, network: Cast.network, key: key), "signed by another")
        }
        mutateNested(claims, sample, message, judge)
        #expect(Footprint(stage) == before)
        stage.forgetAttempts()
        #expect(try stage.send(message).outcome == .done)
        print("mutations: \(sample.name): \(judge.count) refused")
    }

    /// A grant or acceptance that is not what was signed, in a message that is signed well.
    private func mutateNested(_ claims: CBORItem, _ sample: Sample, _ message: SignedMessage, _ judge: Judge) {
        guard let nested = claims[Int64(SignedMessage.nodeClaim)]?[4]?.bytes else { return }
        for bit in 0..<(nested.count * 8) {
            var bytes = nested
            bytes[bit >> 3] ^= 1 << UInt8(bit & 7)
            let changed = Self.replacing(claims, [.negative(Int64(SignedMessage.nodeClaim)), .uint(4)], with: .bytes(bytes))
            judge.refuse(
                SignedObject.sign(changed.encoded, type: message.type, network: Cast.network, key: sample.signer),
                "bit \(bit) of what it carries")
        }
    }

    // MARK: Changes

    private static func assemble(_ payload: [UInt8], _ signature: [UInt8]) -> [UInt8] {
        CBORItem.tag(18, .array([.bytes([0xA1, 0x01, 0x27]), .map([:]), .bytes(payload), .bytes(signature)])).encoded
    }

    private static let boundaries: [UInt64] = [
        0, 1, 23, 24, 255, 256, 65535, 65536, 0xFFFF_FFFF, 0x1_0000_0000, 0x100_0000_0000, 0xFE_FFFF_FFFF_FFFF,
        0xFF_0000_0000_0000,
        0xFF_FFFF_FFFF_FFFF, 0x100_0000_0000_0000, 0x8000_0000_0000_0000, .max,
    ]

    /// Boundary values of the type of `item`, none equal to it.
    private static func others(_ item: CBORItem) -> [CBORItem] {
        var values: [CBORItem] = []
        switch item {
        case .uint(let value):
            for other in boundaries { values.append(.uint(other)) }
            values += [.uint(value &- 1), .uint(value &+ 1)]
        case .bytes(let bytes):
            let zeros = [UInt8](repeating: 0, count: bytes.count)
            let ones = [UInt8](repeating: 255, count: bytes.count)
            values = [.bytes([]), .bytes(Array(bytes.dropLast())), .bytes(bytes + [0]), .bytes(zeros), .bytes(ones)]
        case .text(let text):
            let long = String(repeating: "a", count: 17)
            values = [.text(""), .text(String(text.dropLast())), .text(text + "a"), .text(text.uppercased()), .text(long)]
        default: break
        }
        return values.filter { $0 != item }
    }

    /// Values of other types.
    private static func strangers(_ item: CBORItem) -> [CBORItem] {
        let all: [CBORItem] = [
            .uint(1), .negative(-1), .bytes([1]), .text("a"), .array([]), .map([:]), .tag(1, .uint(1)), .bool(true), .null,
        ]
        return all.filter { other in
            switch (other, item) {
            case (.uint, .uint), (.bytes, .bytes), (.text, .text), (.array, .array), (.map, .map), (.negative, .negative): false
            default: true
            }
        }
    }

    /// Each leaf, element and key of `item` changed in each way.
    static func changes(of item: CBORItem) -> [(String, CBORItem)] {
        var result = (others(item) + strangers(item)).map { ("\($0)", $0) }
        switch item {
        case .map(let items):
            for (key, value) in items {
                result += changes(of: value).map { ("\(key)/\($0)", .map(items.merging([key: $1]) { $1 })) }
                result.append(("\(key) left out", .map(items.filter { $0.key != key })))
            }
            for label in 0..<40 where items[.uint(UInt64(label))] == nil {
                result.append(("\(label) added", .map(items.merging([.uint(UInt64(label)): .uint(1)]) { $1 })))
            }
        case .array(let items):
            for index in items.indices {
                result += changes(of: items[index]).map { path, value in
                    var items = items
                    items[index] = value
                    return ("[\(index)]/\(path)", .array(items))
                }
            }
            result.append(("one more", .array(items + [.null])))
            if !items.isEmpty { result.append(("one less", .array(Array(items.dropLast())))) }
        default: break
        }
        return result
    }

    static func replacing(_ item: CBORItem, _ path: [CBORItem], with value: CBORItem) -> CBORItem {
        guard let key = path.first, case .map(var items) = item, let inner = items[key] else { return value }
        items[key] = replacing(inner, Array(path.dropFirst()), with: value)
        return .map(items)
    }

    /// Claims that no message of this type may have, lack or write like this.
    private static func misshapen(_ claims: CBORItem, _ sample: Sample) -> [(String, CBORItem)] {
        let node = CBORItem.negative(Int64(SignedMessage.nodeClaim))
        guard case .map(let outer) = claims, let own = outer[node], case .map(let inner) = own else { return [] }
        var result: [(String, CBORItem)] = []
        for (path, items, optional) in [([CBORItem](), outer, sample.optional), ([node], inner, sample.optionalNode)] {
            func with(_ items: [CBORItem: CBORItem]) -> CBORItem { replacing(claims, path, with: .map(items)) }
            for (key, value) in items {
                if case .uint(let label) = key, optional.contains(Int64(label)) {
                } else {
                    result.append(("\(key) left out", with(items.filter { $0.key != key })))
                }
                for stranger in strangers(value) {
                    result.append(("\(key) as \(stranger)", with(items.merging([key: stranger]) { $1 })))
                }
            }
            let strange: [CBORItem] = [
                .uint(1), .uint(2), .uint(9), .uint(23), .uint(30), .uint(31), .uint(32), .uint(256), .negative(-1), .text("a"),
                .bytes([1]),
            ]
            for key in strange where items[key] == nil {
                result.append(("\(key) added", with(items.merging([key: CBORItem.uint(1)]) { $1 })))
            }
        }
        result.append(("no map", .array([claims])))
        return result
    }

    /// The same claims in encodings that are not deterministic.
    private static func badlyEncoded(_ claims: CBORItem) -> [(String, [UInt8])] {
        guard case .map(let items) = claims else { return [] }
        let pairs = items.map { ($0.key.encoded, $0.value.encoded) }.sorted { $0.0.lexicographicallyPrecedes($1.0) }
        func map(_ pairs: [([UInt8], [UInt8])]) -> [UInt8] { [0xA0 | UInt8(pairs.count)] + pairs.flatMap { $0 + $1 } }
        let first = pairs[0]
        return [
            ("keys in reverse", map(pairs.reversed())), ("a key twice", map([first] + pairs)),
            ("a byte behind", map(pairs) + [0]),
            ("indefinite length", [0xBF] + pairs.flatMap { $0 + $1 } + [0xFF]),
            ("a longer head", [0xB8, UInt8(pairs.count)] + pairs.flatMap { $0 + $1 }),
            ("a longer key", map([([0x18] + first.0, first.1)] + pairs.dropFirst())), ("nothing", []),
        ]
    }
}

@Suite("Replays") struct ReplayTests {
    @Test("Each type of message is accepted once, and never again, in whatever state", arguments: Sample.all)
    func replay(_ sample: Sample) throws {
        let stage = try sample.stage()
        let message = try sample.message(stage)
        try stage.send(message)
        var tried = 0
        func refuse(_ state: String) {
            for reboots in 0..<2 {
                let before = Footprint(stage)
                #expect(stage.refusal(message) != nil, "\(sample.name) was accepted again \(state)")
                for type in NodeProtocol.MessageType.allCases {
                    #expect(stage.refusal(type, message.bytes) != nil, "\(sample.name) was accepted as \(type) \(state)")
                    stage.clock.pass(seconds: 1)
                    tried += 1
                }
                #expect(Footprint(stage) == before, "\(sample.name) left a trace \(state)")
                if reboots == 0 { stage.reboot() }
            }
        }
        refuse("at once")
        // Whoever owns it now hands it on.
        let owner = [Cast.alice, Cast.bob, Cast.backup].first {
            stage.condition == .owned && stage.refusal(stage.command("$('led').off()", by: $0)) == nil
        }
        if let owner {
            for _ in 0..<40 { try stage.send(stage.command("$('led').off()", by: owner)) }
            refuse("after a page turn")
            try stage.send(stage.transfer(to: Cast.mallory, by: owner))
            refuse("after a transfer")
            try stage.send(stage.rotate(to: Cast.alice, by: Cast.mallory))
            refuse("after a rotation")
            try stage.send(stage.release())
        }
        refuse("while it is nobody's")
        try stage.physicalReset()
        refuse("after a reset")
        try stage.send(stage.bindMessage())
        refuse("under its next owner")
        let other = Stage()
        #expect(other.refusal(message) == .wrongState)
        print("replays: \(sample.name): \(tried) refused")
    }
}
