// Merkle trees as RFC 9162, section 2.1, has them, over SHA-256: roots, proofs of inclusion and of consistency, and their verification.

/// How large a tree may be that a proof speaks of: far above all heights, and far below what could overflow.
private let largestTree: UInt64 = 1 << 60

/// Where a tree that only grows stands: enough to add leaves and to tell its root, for as many hashes as its size has bits.
public struct MerkleFrontier: Hashable, Sendable {
    /// Leaves so far.
    public private(set) var size: UInt64 = 0
    /// Roots of the perfect subtrees, the largest first: one for each bit of `size` that is set.
    private(set) var peaks: [Hash32] = []

    /// An empty tree.
    public init() {}

    /// Where a tree stood; nil unless there is one hash for each bit of `size`.
    init?(size: UInt64, peaks: [Hash32]) {
        guard size < largestTree, peaks.count == size.nonzeroBitCount else { return nil }
        (self.size, self.peaks) = (size, peaks)
    }

    /// One more leaf, by its hash.
    public mutating func append(_ leaf: Hash32) {
        var hash = leaf, bits = size
        while bits & 1 == 1 {
            hash = .node(peaks.removeLast(), hash)
            bits >>= 1
        }
        peaks.append(hash)
        size += 1
    }

    /// The root: SHA-256 of nothing for an empty tree.
    public var root: Hash32 {
        guard var root = peaks.last else { return .sha256([]) }
        for peak in peaks.dropLast().reversed() { root = .node(peak, root) }
        return root
    }
}

/// Roots and proofs of a tree whose leaves' hashes are all there.
public enum MerkleTree {
    /// The root over leaves' hashes.
    public static func root(_ leaves: [Hash32]) -> Hash32 {
        var tree = MerkleFrontier()
        for leaf in leaves { tree.append(leaf) }
        return tree.root
    }

    /// The root over some of the leaves, at least one.
    private static func root(_ leaves: ArraySlice<Hash32>) -> Hash32 {
        var tree = MerkleFrontier()
        for leaf in leaves { tree.append(leaf) }
        return tree.root
    }

    /// The proof that the leaf at `index` is in the tree.
    public static func inclusion(of index: Int, in leaves: [Hash32]) -> InclusionProof {
        precondition(leaves.indices.contains(index))
        var path: [Hash32] = [], part = leaves[...]
        while part.count > 1 {
            let split = part.startIndex + largestPower(below: part.count)
            if index < split {
                path.append(root(part[split...]))
                part = part[..<split]
            } else {
                path.append(root(part[..<split]))
                part = part[split...]
            }
        }
        return InclusionProof(size: UInt64(leaves.count), index: UInt64(index), path: path.reversed())
    }

    /// The proof that the tree over the first `size` leaves has grown into the one over all.
    public static func consistency(from size: Int, in leaves: [Hash32]) -> ConsistencyProof {
        precondition(size > 0 && size <= leaves.count)
        var path: [Hash32] = [], part = leaves[...], isWhole = true
        // Down to the subtree that the former tree ends with.
        while part.endIndex != size {
            let split = part.startIndex + largestPower(below: part.count)
            if size <= split {
                path.append(root(part[split...]))
                part = part[..<split]
            } else {
                path.append(root(part[..<split]))
                part = part[split...]
                isWhole = false
            }
        }
        if !isWhole { path.append(root(part)) }
        return ConsistencyProof(former: UInt64(size), size: UInt64(leaves.count), path: path.reversed())
    }

    /// The largest power of two below `count`, which is at least 2.
    private static func largestPower(below count: Int) -> Int { 1 << (Int.bitWidth - 1 - (count - 1).leadingZeroBitCount) }
}

/// That a leaf is in a tree (RFC 9162, section 2.1.3).
public struct InclusionProof: Hashable, Sendable {
    /// Leaves of the tree.
    public let size: UInt64
    /// The leaf's place, the first being 0.
    public let index: UInt64
    /// Hashes of the subtrees beside the way from the leaf to the root.
    public let path: [Hash32]

    init(size: UInt64, index: UInt64, path: [Hash32]) { (self.size, self.index, self.path) = (size, index, path) }

    /// The root that the tree has if `leaf` is at its place; nil for a proof that cannot be one.
    func root(of leaf: Hash32) -> Hash32? {
        guard index < size, size < largestTree else { return nil }
        var place = index, last = size - 1, hash = leaf
        for step in path {
            if last == 0 { return nil }
            if place & 1 == 1 || place == last {
                hash = .node(step, hash)
                while place & 1 == 0, place != 0 { (place, last) = (place >> 1, last >> 1) }
            } else {
                hash = .node(hash, step)
            }
            (place, last) = (place >> 1, last >> 1)
        }
        return last == 0 ? hash : nil
    }

    /// True if the tree with that root has `leaf` at the proof's place.
    public func proves(_ leaf: Hash32, in root: Hash32) -> Bool { self.root(of: leaf) == root }
}

/// That a tree has grown out of another without changing it (RFC 9162, section 2.1.4).
public struct ConsistencyProof: Hashable, Sendable {
    /// Leaves of the former tree, at least one.
    public let former: UInt64
    /// Leaves of the present tree.
    public let size: UInt64
    /// The hashes that both roots can be made of.
    public let path: [Hash32]

    init(former: UInt64, size: UInt64, path: [Hash32]) { (self.former, self.size, self.path) = (former, size, path) }

    /// True if the tree with root `root` began with the one with root `formerRoot`.
    public func proves(_ formerRoot: Hash32, isStartOf root: Hash32) -> Bool {
        guard former > 0, former <= size, size < largestTree else { return false }
        if former == size { return path.isEmpty && formerRoot == root }
        // A former tree that is a perfect subtree is its own first hash.
        var steps = former.nonzeroBitCount == 1 ? [formerRoot] + path : path
        guard !steps.isEmpty else { return false }
        var place = former - 1, last = size - 1
        while place & 1 == 1 { (place, last) = (place >> 1, last >> 1) }
        let first = steps.removeFirst()
        var (before, now) = (first, first)
        for step in steps {
            if last == 0 { return false }
            if place & 1 == 1 || place == last {
                (before, now) = (.node(step, before), .node(step, now))
                while place & 1 == 0, place != 0 { (place, last) = (place >> 1, last >> 1) }
            } else {
                now = .node(now, step)
            }
            (place, last) = (place >> 1, last >> 1)
        }
        return last == 0 && before == formerRoot && now == root
    }
}
