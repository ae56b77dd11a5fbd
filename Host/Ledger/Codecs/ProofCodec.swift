// Proofs as bytes: those of RFC 9162's trees as RFC 9942 has them inside its receipts, those of the tree of states as docs/chain.cddl says.
import CBOR

extension InclusionProof {
    /// `[tree-size, leaf-index, [+ hash]]` (RFC 9942).
    public var bytes: [UInt8] { LogProof(first: size, second: index, path: path).bytes }

    /// Reads exactly one proof.
    public init(_ bytes: [UInt8]) throws(CBORError) {
        let read = try LogProof(bytes)
        self.init(size: read.first, index: read.second, path: read.path)
    }
}

extension ConsistencyProof {
    /// `[tree-size-1, tree-size-2, [* hash]]` (RFC 9942).
    public var bytes: [UInt8] { LogProof(first: former, second: size, path: path).bytes }

    /// Reads exactly one proof.
    public init(_ bytes: [UInt8]) throws(CBORError) {
        let read = try LogProof(bytes)
        self.init(former: read.first, size: read.second, path: read.path)
    }
}

/// What both proofs of RFC 9942 are as bytes: two numbers and a path.
private struct LogProof {
    let first, second: UInt64
    let path: [Hash32]

    /// A path longer than this belongs to no tree that there can be.
    private static let longestPath = 64

    init(first: UInt64, second: UInt64, path: [Hash32]) { (self.first, self.second, self.path) = (first, second, path) }

    var bytes: [UInt8] {
        CBOR.encode(capacity: 64 + 34 * path.count) { writer in
            writer.array(3)
            writer.uint(first)
            writer.uint(second)
            writer.array(path.count)
            for hash in path { writer.hash(hash) }
        }
    }

    init(_ bytes: [UInt8]) throws(CBORError) {
        var reader = CBORReader(bytes.span.bytes)
        try reader.array(count: 3)
        (first, second) = (try reader.uint(), try reader.uint())
        var path: [Hash32] = []
        for _ in 0..<(try reader.array(atMost: Self.longestPath)) { path.append(try reader.hash()) }
        self.path = path
        try reader.finish()
    }
}

extension StateProof {
    /// `[value / null, siblings, [path, value] / null]`.
    public var bytes: [UInt8] {
        CBOR.encode(capacity: 512) { writer in
            writer.array(3)
            writer.bytesOrNull(value)
            writer.hashes(siblings)
            if let other {
                writer.array(2)
                writer.hash(other.path)
                writer.bytes(other.value)
            } else {
                writer.null()
            }
        }
    }

    /// Reads exactly one proof.
    public init(_ bytes: [UInt8]) throws(CBORError) {
        var reader = CBORReader(bytes.span.bytes)
        try reader.array(count: 3)
        if try reader.peek() == .bytes {
            value = try reader.bytes().withUnsafeBytes { Array($0) }
        } else {
            try reader.null()
            value = nil
        }
        siblings = try reader.hashes(atMost: Self.largestDepth)
        if try reader.peek() == .array {
            try reader.array(count: 2)
            other = Leaf(path: try reader.hash(), value: try reader.bytes().withUnsafeBytes { Array($0) })
        } else {
            try reader.null()
            other = nil
        }
        try reader.finish()
        if value != nil, other != nil { throw .outOfRange }
    }
}
