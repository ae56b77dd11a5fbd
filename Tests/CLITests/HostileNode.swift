// A node that has a genuine identity and signs what is not so: the executor itself, whose answers are changed and signed again with the
// identity key that is in its flash.
import CoAP
import Foundation
import HostedNode
import SimulatedNOR
import Synchronization
import Transport

@testable import HostCrypto
@testable import NodeProtocol

/// What is between the program and an executor, and together with it is a node.
final class HostileNode: Sendable {
    /// What it says in place of what is so.
    enum Lie: Hashable, Sendable {
        /// Each text is `terminalText`, signed or not, but for the issuer.
        case texts
        /// The board and its version are `terminalText`, signed or not.
        case names
        /// Another issuer.
        case issuer
        /// Each number is this one.
        case numbers(UInt64)
        /// One claim of the node's map.
        case claim(Int64, CBORItem)
        /// Without one claim of the node's map.
        case missing(Int64)
        /// Signed for another network.
        case network(UInt64)
        /// Signed as another type of message.
        case type(MessageType)
        /// The list of devices.
        case devices(CBORItem)
        /// A log that has another entry behind each, up to the last number that there is.
        case endlessLog

        private static let zeros = CBORItem.bytes(Array(repeating: 0, count: 32))
        private static let evil = CBORItem.text(terminalText)
        private static func device(_ name: String, _ interface: String) -> CBORItem {
            .array([.array([.text(name), .text(interface), .uint(.max), .bool(true), .text(name)])])
        }

        /// Some of each kind.
        static let all: [Lie] =
            [
                .texts, .names, .issuer, .numbers(.max), .numbers(1 << 63), .numbers(1 << 32 - 1), .numbers(1 << 32 - 2),
                .numbers(0),
                .network(2), .type(.telemetry), .type(.receipt),
                .claim(NodeClaim.index, .uint(UInt64(LogNumber.end) - 1)), .claim(NodeClaim.index, .uint(1 << 32 - 1)),
                .claim(NodeClaim.index, .uint(0)), .claim(NodeClaim.outcome, .uint(200)), .claim(NodeClaim.outcome, .uint(0)),
                .claim(NodeClaim.previous, zeros), .claim(NodeClaim.message, zeros), .claim(NodeClaim.seq, .uint(1)),
                .claim(NodeClaim.call, .array([.text("lock"), .text("open")])), .claim(NodeClaim.call, .array([evil, evil])),
                .claim(NodeClaim.call, .array([.text("bind"), evil, evil])), .claim(NodeClaim.call, .array([])),
                .claim(NodeClaim.value, evil),
                .claim(NodeClaim.expected, .array([.uint(255), .negative(.min), .uint(1 << 63 - 1)])),
                .claim(NodeClaim.epoch, .uint(1 << 32 - 1)), .claim(NodeClaim.head, .array([.uint(1 << 32 - 1), zeros])),
                .claim(NodeClaim.head, .array([.uint(0), zeros])), .claim(NodeClaim.since, .uint(1 << 32 - 1)),
                .claim(NodeClaim.lostFrom, .uint(0)), .claim(NodeClaim.mark, .uint(.max)),
                .claim(NodeClaim.authorityList, .array([zeros, zeros, .uint(1), .array([])])),
                .claim(NodeClaim.authorities, zeros), .claim(NodeClaim.first, .uint(UInt64(LogNumber.end) - 1)),
                .claim(NodeClaim.samples, .array([.array([evil, evil, evil, .uint(1 << 32 - 1)])])),
                .claim(NodeClaim.time, .uint(.max)), .claim(NodeClaim.refusal, .uint(255)), .missing(NodeClaim.head),
                .missing(NodeClaim.entry), .missing(NodeClaim.authorityList),
                .devices(device(terminalText, terminalText)), .devices(device("led", "((((;;||::,,)")),
                .devices(device("'; rm", "a(b:c 9..1=2,d:e -9223372036854775808..9223372036854775807)|k:u:|;;")),
                .devices(device(String(repeating: "n", count: 300), String(repeating: "m(a:b 0..1);", count: 40))),
                .devices(.map([:])),
            ]
    }

    private let lie: Lie
    private let key: Mutex<SigningKey?>
    /// The chain before each entry that it makes up, so that a repeated request gets the same answer.
    private let chains = Mutex<[UInt32: [UInt8]]>([:])
    /// How long the node's log is; what is made up begins behind it.
    private let length = Mutex<UInt32>(.max)
    /// Those of an answer that holds entries.
    private let options = Mutex<[Message.Option]>([])

    /// - Parameter identity: signs; without it only what is unsigned is changed, until the node is given an identity.
    init(_ lie: Lie, identity: SigningKey?) {
        self.lie = lie
        key = Mutex(identity)
    }

    private var identity: SigningKey? { key.withLock { $0 } }

    /// The identity key in a node's flash.
    static func identity(of key: PublicKey, in flash: [UInt8]) -> SigningKey? {
        // Not in what is erased; a seed may begin with one such byte.
        for start in stride(from: 0, through: flash.count - 32, by: 2) where flash[start] & flash[start + 1] != 0xFF {
            if let found = SigningKey(seed: SecretBytes(Array(flash[start..<(start + 32)]))), found.publicKey == key {
                return found
            }
        }
        return nil
    }

    /// What comes back for a request.
    func pass(_ request: [UInt8], _ node: ([UInt8]) -> [UInt8]) -> [[UInt8]] {
        let answer = node(request)
        guard let message = try? Message(request), var changed = try? Message(answer) else {
            return answer.isEmpty ? [] : [answer]
        }
        let path = message.all(CoAPOptionNumber.uriPath).map(\.text).joined(separator: "/")
        if path == ResourcePath.provision, let seed = (try? CBORItem(message.payload))?[ProvisionRequestField.seed]?.bytes {
            key.withLock { $0 = SigningKey(seed: SecretBytes(seed)) }
        }
        if lie == .endlessLog, path == ResourcePath.history, let identity {
            let from = message.all(CoAPOptionNumber.uriQuery).first?.text.split(separator: "=").last.flatMap { UInt32($0) } ?? 0
            guard from >= length.withLock(\.self) else { return [answer] }
            // The node itself would sign so much only by and by.
            options.withLock { if changed.code == .content { $0 = changed.options } else { changed.options = $0 } }
            changed.code = .content
            changed.payload = (0..<4).flatMap { entry(from &+ $0, identity) }
        } else if !changed.payload.isEmpty, changed.block2 == nil {
            changed.payload = lied(changed.payload, path)
        }
        return [(try? changed.encoded()) ?? answer]
    }

    private func lied(_ payload: [UInt8], _ path: String) -> [UInt8] {
        if case .devices(let list) = lie { return path == ResourcePath.devices ? list.encoded : payload }
        if lie == .names, path == ResourcePath.status, case .map(var status)? = try? CBORItem(payload) {
            for key in [StatusField.board, StatusField.version] { status[CBORItem(key)] = .text(terminalText) }
            return CBORItem.map(status).encoded
        }
        guard let items = try? CBORItem.sequence(payload) else { return payload }
        return items.flatMap { item -> [UInt8] in
            guard let claims = try? SignedObject.claims(item), let identity else {
                return (try? CBORItem(item)).map { $0.changed(leaf).encoded } ?? item
            }
            return sign(changed(claims), path, identity)
        }
    }

    private func sign(_ claims: CBORItem, _ path: String, _ identity: SigningKey) -> [UInt8] {
        var type: MessageType =
            switch path {
            case ResourcePath.attest: .attest
            case ResourcePath.events: .telemetry
            default: claims[CWTClaim.node]?[NodeClaim.refusal] == nil ? .receipt : .refusal
            }
        if case .type(let other) = lie { type = other }
        let network: UInt64 = if case .network(let other) = lie { other } else { 1 }
        return SignedObject.sign(claims.encoded, type: type, network: network, key: identity)
    }

    private func leaf(_ item: CBORItem) -> CBORItem {
        switch (lie, item) {
        case (.texts, .text): .text(terminalText)
        case (.numbers(let number), .uint): .uint(number)
        default: item
        }
    }

    private func changed(_ claims: CBORItem) -> CBORItem {
        guard case .map(var outer) = claims, case .map(var inner)? = outer[CBORItem(CWTClaim.node)] else { return claims }
        switch lie {
        case .names:
            for key in [NodeClaim.board, NodeClaim.version] where inner[CBORItem(key)] != nil {
                inner[CBORItem(key)] = .text(terminalText)
            }
        case .issuer: outer[CBORItem(CWTClaim.issuer)] = .text(terminalText)
        case .claim(let key, let item):
            if inner[CBORItem(key)] != nil || key == NodeClaim.lostFrom { inner[CBORItem(key)] = item }
        case .missing(let key): inner[CBORItem(key)] = nil
        case .endlessLog:
            if let head = inner[CBORItem(NodeClaim.head)]?.array, let chain = head.last?.bytes {
                let first = length.withLock { length in
                    if length == .max { length = UInt32(head.first?.uint ?? 0) }
                    return length
                }
                chains.withLock { if $0.isEmpty { $0[first] = chain } }
                inner[CBORItem(NodeClaim.head)] = .array([.uint(1 << 32 - 1), .bytes(Array(repeating: 0, count: 32))])
            }
        default: inner = inner.mapValues { $0.changed(leaf) }
        }
        outer[CBORItem(CWTClaim.node)] = .map(Self.matched(inner))
        return .map(outer)
    }

    /// The log entry says what the claims say, so that they are looked at.
    private static func matched(_ claims: [CBORItem: CBORItem]) -> [CBORItem: CBORItem] {
        guard case .bytes(var entry)? = claims[CBORItem(NodeClaim.entry)], entry.count == LogField.size else { return claims }
        func put(_ value: UInt64?, _ field: Range<Int>) {
            guard let value else { return }
            for (offset, place) in field.enumerated() { entry[place] = UInt8(truncatingIfNeeded: value >> UInt64(8 * offset)) }
        }
        put(claims[CBORItem(NodeClaim.seq)]?.uint, LogField.seq)
        put(claims[CBORItem(NodeClaim.outcome)]?.uint, LogField.outcome)
        put(claims[CBORItem(NodeClaim.index)]?.uint, LogField.index)
        if let hash = claims[CBORItem(NodeClaim.message)]?.bytes, hash.count >= LogField.hash.count {
            entry.replaceSubrange(LogField.hash, with: hash.prefix(LogField.hash.count))
        }
        var matched = claims
        matched[CBORItem(NodeClaim.entry)] = .bytes(entry)
        return matched
    }

    /// An entry of a log that goes on for ever, as exported, and by every rule the node's own.
    private func entry(_ index: UInt32, _ identity: SigningKey) -> [UInt8] {
        var entry = [UInt8](repeating: 0, count: LogField.size)
        entry[LogField.origin.lowerBound] = MessageType.command.number
        (entry[LogField.device.lowerBound], entry[LogField.method.lowerBound]) = (0, 0)
        for offset in 0..<4 { entry[LogField.index.lowerBound + offset] = UInt8(truncatingIfNeeded: index >> UInt32(8 * offset)) }
        return chains.withLock { chains in
            let previous = chains[index] ?? Array(repeating: 0, count: 32)
            let claims = CBORItem.map([
                CBORItem(CWTClaim.issuer): .text(NodeAddress(of: identity.publicKey).description),
                CBORItem(CWTClaim.node): .map([
                    CBORItem(NodeClaim.epoch): .uint(1), CBORItem(NodeClaim.seq): .uint(0),
                    CBORItem(NodeClaim.call): .array([.text("led"), .text("on")]),
                    CBORItem(NodeClaim.index): .uint(UInt64(index)),
                    CBORItem(NodeClaim.previous): .bytes(previous),
                    CBORItem(NodeClaim.message): .bytes(Array(entry[LogField.hash])),
                    CBORItem(NodeClaim.outcome): .uint(0), CBORItem(NodeClaim.entry): .bytes(entry),
                ]),
            ])
            chains[index &+ 1] = Array(sha512(previous + entry).prefix(32))
            return SignedObject.sign(claims.encoded, type: .receipt, network: 1, key: identity)
        }
    }
}
