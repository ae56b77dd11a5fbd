// What a request makes a node do, known before it is forwarded: signatures to check, and signatures to make.
import CBOR
import COSE
import CoAP

/// The work of a node for one request.
struct Cost: Hashable, Sendable {
    /// Signature checks: a quarter of a second each on a Cortex-M0.
    var checks = 0
    /// Signatures that the node makes: a tenth of a second each there.
    var signatures = 0

    /// As many signed objects may lie in one another: a command, and grants passed on twice; or a change of ownership with its consents.
    static let maximumLinks = 5
    /// As many receipts fit an answer of `/history` at most: 1024 bytes, and no receipt takes fewer than 160.
    static let receiptsPerAnswer = 6

    /// What the node must do for a request to `path`, the segments below the node, or may have to: the rest is given back when its answer
    /// shows that it did less.
    init(of code: CoAPCode, _ path: [String], payload: [UInt8]) {
        switch (code, path.joined(separator: "/")) {
        case (.get, let resource) where Self.free.contains(resource): self.init()
        case (.get, _) where path.count == 2 && path[0] == "devices": self.init()
        case (.get, "events"): self.init(signatures: 1)
        case (.get, "history"): self.init(signatures: Self.receiptsPerAnswer)
        case (.post, "attest"), (.post, "provision"): self.init(signatures: 1)
        case (.post, let resource) where Self.messages.contains(resource):
            self.init(checks: Self.links(payload.span.bytes), signatures: 1)
        // What nothing is known of costs as much as anything may. Where nothing is sent nothing can be checked.
        default: self.init(checks: payload.isEmpty ? 0 : Self.maximumLinks, signatures: Self.receiptsPerAnswer)
        }
    }

    init(checks: Int = 0, signatures: Int = 0) {
        self.checks = checks
        self.signatures = signatures
    }

    /// What a node answers from memory.
    private static let free: Set<String> = ["status", "devices", "token", ".well-known/core"]
    /// Signed messages that a node takes (docs/protocol.md, "Messages"), answered by a receipt.
    static let messages: Set<String> = [
        "command", "state", "bind", "release", "transfer", "rotate", "recover", "backups", "takeover", "revoke", "tick", "time",
        "settings",
    ]

    /// How many signatures a message holds: its own, and those of the grants, acceptances and consents in it. What cannot be read counts
    /// for one: a node refuses it when it comes to it.
    static func links(_ bytes: RawSpan, depth: Int = 1) -> Int {
        guard depth < maximumLinks, let sign1 = try? COSESign1(bytes) else { return 1 }
        let nested = (try? nestedLinks(sign1.payload, depth: depth)) ?? 0
        return min(maximumLinks, 1 + nested)
    }

    /// How many signed receipts an answer holds: the items of a CBOR sequence; as many as there may be if it is none.
    static func items(_ sequence: [UInt8]) -> Int {
        var reader = CBORReader(sequence.span.bytes), count = 0
        while !reader.isAtEnd {
            do { try reader.skip() } catch { return receiptsPerAnswer }
            count += 1
        }
        return count
    }

    /// Those in the claims, as far as the claims can be read.
    private static func nestedLinks(_ claims: RawSpan, depth: Int) throws(CBORError) -> Int {
        var reader = CBORReader(claims), count = 0
        var map = try reader.map()
        while let key = try reader.nextKey(&map) {
            guard case .int(-65537) = key else {
                try reader.skip()
                continue
            }
            var own = try reader.map()
            while try reader.nextKey(&own) != nil {
                guard try reader.peek() == .bytes else {
                    try reader.skip()
                    continue
                }
                let value = try reader.bytes()
                // Keys, ids and tokens are shorter than a signature.
                if value.byteCount > COSE.signatureSize { count += links(value, depth: depth + 1) }
            }
        }
        return count
    }
}
