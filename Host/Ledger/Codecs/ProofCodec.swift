// Proofs as bytes: those of RFC 9162's trees as RFC 9942 has them inside its receipts, those of the tree of states as docs/chain.cddl says.
import CBOR

extension InclusionProof {
    /// A path longer than this belongs to no tree that there can be.
    fileprivate static let longestPath = 64

    /// `[tree-size, leaf-index, [+ hash]]` (RFC 9942).
    public var bytes: [UInt8] {
        CBOR.encode(capacity: 64 + 34 * path.count) { writer in
            writer.array(3)
            writer.uint(size)
            writer.uint(index)
            writer.array(path.count)
            for hash in path { writer.hash(hash) }
        }
    }

    /// Reads exactly one proof.
    public init(_ bytes: [UInt8]) throws(CBORError) {
        var reader = CBORReader(bytes.span.bytes)
        try reader.array(count: 3)
        self.init(size: try reader.uint(), index: try reader.uint(), path: try reader.path())
        try reader.finish()
    }
}

extension ConsistencyProof {
    /// `[tree-size-1, tree-size-2, [* hash]]` (RFC 9942).
    public var bytes: [UInt8] {
        CBOR.encode(capacity: 64 + 34 * path.count) { writer in
            writer.array(3)
            writer.uint(former)
            writer.uint(size)
            writer.array(path.count)
            for hash in path { writer.hash(hash) }
        }
    }

    /// Reads exactly one proof.
    public init(_ bytes: [UInt8]) throws(CBORError) {
        var reader = CBORReader(bytes.span.bytes)
        try reader.array(count: 3)
        self.init(former: try reader.uint(), size: try reader.uint(), path: try reader.path())
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

extension CBORReader {
    @_lifetime(self: copy self)
    fileprivate mutating func path() throws(CBORError) -> [Hash32] {
        var path: [Hash32] = []
        for _ in 0..<(try array(atMost: InclusionProof.longestPath)) { path.append(try hash()) }
        return path
    }
}
