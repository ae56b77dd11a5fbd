// Claims of signed messages, taken apart for the executor's judge by none of the executor's code.
import Vocabulary

/// A CBOR item as a value.
indirect enum Item: Equatable {
    case uint(UInt64), bytes([UInt8]), text([UInt8]), array([Item]), map([Item]), other

    /// Nil unless `bytes` are one deterministic item.
    init?(_ bytes: [UInt8]) {
        guard CBORJudge.isItem(bytes) else { return nil }
        var judge = CBORJudge(bytes)
        self = Self.next(&judge)
    }

    private static func next(_ judge: inout CBORJudge) -> Item {
        guard let (major, _, argument) = judge.head() else { return .other }
        switch major {
        case 0: return .uint(argument)
        case 2: return .bytes(judge.take(Int(argument)))
        case 3: return .text(judge.take(Int(argument)))
        case 4: return .array((0..<Int(argument)).map { _ in next(&judge) })
        case 5: return .map((0..<2 * Int(argument)).map { _ in next(&judge) })
        case 6: return next(&judge)
        default: return .other
        }
    }

    var uint: UInt64? { if case .uint(let value) = self { value } else { nil } }
    var bytes: [UInt8]? { if case .bytes(let value) = self { value } else { nil } }
    var text: [UInt8]? { if case .text(let value) = self { value } else { nil } }
    var array: [Item]? { if case .array(let items) = self { items } else { nil } }

    /// The value of an integer key, which is not negative.
    subscript(key: Int32) -> Item? {
        guard case .map(let items) = self else { return nil }
        for at in stride(from: 0, to: items.count, by: 2) where items[at] == .uint(UInt64(key)) { return items[at + 1] }
        return nil
    }

    /// The map under the one negative key of a claims set.
    var privateClaim: Item? {
        guard case .map(let items) = self else { return nil }
        return stride(from: 0, to: items.count, by: 2).first { items[$0] == .other }.map { items[$0 + 1] }
    }
}

/// What one signed message says.
struct Statement {
    let whole: [UInt8]
    private let cwt: Item
    private let node: Item

    init?(_ whole: [UInt8]) {
        guard let claims = judgeSign1(whole).flatMap({ Item($0) }), let node = claims.privateClaim else { return nil }
        (self.whole, cwt, self.node) = (whole, claims, node)
    }

    var audience: [UInt8]? { cwt[CWTKey.audience]?.text }
    var expiry: UInt64? { cwt[CWTKey.expiry]?.uint }
    var notBefore: UInt64? { cwt[CWTKey.notBefore]?.uint }
    var issuedAt: UInt64? { cwt[CWTKey.issuedAt]?.uint }
    var epoch: UInt64? { node[NodeKey.epoch]?.uint }
    var seq: UInt64? { node[NodeKey.seq]?.uint }
    var token: [UInt8]? { node[NodeKey.token]?.bytes }
    var nested: [UInt8]? { node[NodeKey.nested]?.bytes }
    var consent: [UInt8]? { node[NodeKey.consent]?.bytes }
    var recoveryKey: [UInt8]? { node[NodeKey.recoveryKey]?.bytes }
    var flags: UInt64? { node[NodeKey.flags]?.uint }
    var uses: UInt64? { node[NodeKey.uses]?.uint }
    var hops: UInt64 { node[NodeKey.hops]?.uint ?? 0 }
    var isMetered: Bool { node[NodeKey.meter] != nil }
    var grantID: [UInt8]? { node[NodeKey.grantID]?.bytes }
    var paid: UInt64? { node[NodeKey.paid]?.uint }
    var purpose: UInt64? { node[NodeKey.purpose]?.uint }
    var counterparty: [UInt8]? { node[NodeKey.counterparty]?.bytes }
    var authorities: [UInt8]? { node[NodeKey.authorities]?.bytes }
    var outcome: UInt64? { node[NodeKey.outcome]?.uint }
    /// A grant's name.
    var mark: [UInt8] { Array(whole.suffix(64).prefix(8)) }

    /// The key that it is about: {1: COSE_Key}, of whose keys only the last one, -2, is followed by bytes.
    var confirmation: [UInt8]? {
        guard case .map(let key)? = cwt[CWTKey.confirmation]?[1] else { return nil }
        return key.last?.bytes
    }

    /// Device and method.
    var call: (device: [UInt8], method: [UInt8])? {
        guard let call = node[NodeKey.call]?.array, call.count >= 2, let device = call[0].text, let method = call[1].text else {
            return nil
        }
        return (device, method)
    }

    /// True when the scope of a grant has the device with its method, or with none named.
    func covers(_ call: (device: [UInt8], method: [UInt8])) -> Bool {
        (node[NodeKey.scope]?.array ?? []).contains { entry in
            guard let names = entry.array, names.first?.text == call.device else { return false }
            return names.count == 1 || names.dropFirst().contains { $0.text == call.method }
        }
    }

    var backups: [Rights.Backup]? {
        node[NodeKey.backups]?.array?.compactMap { entry in
            guard let pair = entry.array, pair.count == 2, let key = pair[0].bytes, let silence = pair[1].uint else { return nil }
            return Rights.Backup(key: key, silence: UInt32(truncatingIfNeeded: silence))
        }
    }
}
