// The tree of states: a binary tree over SHA-256 of keys, in which a subtree with one leaf is that leaf. Its shape follows from its content
// alone, so that equal states have equal roots, whatever led there. Nodes never change: a new state shares with the one before all that the
// change did not touch, so that keeping or dropping a state costs what the change costs (docs/chain.md).
import Reporting

/// Where nodes of a tree are that are not in memory.
public protocol StateSource: AnyObject {
    /// The encoding of the node with that hash; it is checked against the hash.
    func node(_ hash: Hash32) throws -> [UInt8]
}

/// A node and all below it. It is read when it is first asked for, if it is in a source, and never changes otherwise.
final class StateNode {
    enum Content {
        case unread
        case leaf(path: Hash32, value: [UInt8])
        case branch(StateNode?, StateNode?)
    }

    let hash: Hash32
    private(set) var content: Content
    /// Kept by a source, with all below it.
    private(set) var isKept: Bool

    private init(hash: Hash32, content: Content, isKept: Bool) {
        (self.hash, self.content, self.isKept) = (hash, content, isKept)
    }

    static func leaf(_ path: Hash32, _ value: [UInt8]) -> StateNode {
        StateNode(hash: leafHash(path, value), content: .leaf(path: path, value: value), isKept: false)
    }

    static func branch(_ left: StateNode?, _ right: StateNode?) -> StateNode {
        StateNode(hash: .node(left?.hash ?? .zero, right?.hash ?? .zero), content: .branch(left, right), isKept: false)
    }

    /// A node that a source has; nil for an empty subtree.
    static func kept(_ hash: Hash32) -> StateNode? {
        hash == .zero ? nil : StateNode(hash: hash, content: .unread, isKept: true)
    }

    static func leafHash(_ path: Hash32, _ value: [UInt8]) -> Hash32 {
        .sha256 { hash in
            hash.update(tag: 0)
            hash.update(path)
            value.withUnsafeBytes { hash.update($0) }
        }
    }

    /// What is hashed: 0x00 ‖ path ‖ value, or 0x01 ‖ left ‖ right.
    private var encoded: [UInt8]? {
        switch content {
        case .unread: nil
        case .leaf(let path, let value): [0] + path.bytes + value
        case .branch(let left, let right): [1] + (left?.hash ?? .zero).bytes + (right?.hash ?? .zero).bytes
        }
    }

    func read(from source: (any StateSource)?) throws -> Content {
        guard case .unread = content else { return content }
        guard let source else { preconditionFailure("a tree with unread nodes has a source") }
        let bytes = try source.node(hash)
        guard Hash32.sha256(bytes) == hash, let kind = bytes.first, bytes.count > Hash32.size else {
            throw Failure(
                .environment, "the stored state of the chain is damaged: node \(hash) is another one",
                advice: "Load a dump of the chain, or begin a new one")
        }
        if kind == 0 {
            content = .leaf(path: Hash32(bytes.span.bytes, at: 1), value: Array(bytes[(1 + Hash32.size)...]))
        } else {
            precondition(bytes.count == 1 + 2 * Hash32.size, "only such bytes were ever hashed to a branch")
            content = .branch(.kept(Hash32(bytes.span.bytes, at: 1)), .kept(Hash32(bytes.span.bytes, at: 1 + Hash32.size)))
        }
        return content
    }

    /// Passes each node that no source keeps to `keep`, those below first, and takes it for kept then.
    func keep(_ keep: (Hash32, [UInt8]) throws -> Void) throws {
        guard !isKept, let encoded else { return }
        if case .branch(let left, let right) = content {
            try left?.keep(keep)
            try right?.keep(keep)
        }
        try keep(hash, encoded)
        isKept = true
    }
}

/// One state: a map from paths (hashes of keys) to values, with a root that commits to all of it.
public struct StateTree {
    private var top: StateNode?
    private let source: (any StateSource)?

    /// An empty state, kept in memory.
    init() { (top, source) = (nil, nil) }

    /// The state with that root, read from `source` as it is asked for.
    init(root: Hash32, source: any StateSource) { (top, self.source) = (.kept(root), source) }

    /// The root: zero for an empty state.
    public var root: Hash32 { top?.hash ?? .zero }

    /// What changes at one path.
    struct Change {
        var path: Hash32
        /// Nil takes it out.
        var value: [UInt8]?
    }

    /// The value at `path`; nil if there is none.
    func value(at path: Hash32) throws -> [UInt8]? {
        var node = top, depth = 0
        while let here = node {
            switch try here.read(from: source) {
            case .leaf(let found, let value): return found == path ? value : nil
            case .branch(let left, let right): node = path.bit(depth) ? right : left
            case .unread: preconditionFailure("a node that was read is read")
            }
            depth += 1
        }
        return nil
    }

    /// All values, in the order of their paths.
    func visit(_ body: (Hash32, [UInt8]) throws -> Void) throws {
        func descend(_ node: StateNode?) throws {
            switch try node?.read(from: source) {
            case .leaf(let path, let value): try body(path, value)
            case .branch(let left, let right):
                try descend(left)
                try descend(right)
            case .unread, nil: break
            }
        }
        try descend(top)
    }

    /// Changes the state; `changes` are in ascending order of their paths, each path once.
    mutating func apply(_ changes: [Change]) throws {
        top = try updated(top, changes[...], depth: 0)
    }

    /// Passes each node that the source does not have yet to `keep`.
    public func keep(_ keep: (Hash32, [UInt8]) throws -> Void) throws { try top?.keep(keep) }

    private func updated(_ node: StateNode?, _ changes: ArraySlice<Change>, depth: Int) throws -> StateNode? {
        guard !changes.isEmpty else { return node }
        guard let node else { return built(changes.filter { $0.value != nil }[...], depth: depth) }
        switch try node.read(from: source) {
        case .leaf(let path, let value):
            if changes.count == 1, changes.first?.path == path, changes.first?.value == value { return node }
            var all = changes.filter { $0.value != nil }
            if !changes.contains(where: { $0.path == path }) {
                all.insert(Change(path: path, value: value), at: all.firstIndex { $0.path > path } ?? all.endIndex)
            }
            return built(all[...], depth: depth)
        case .branch(let left, let right):
            let split = changes.partitioningIndex { $0.path.bit(depth) }
            let newLeft = try updated(left, changes[..<split], depth: depth + 1)
            let newRight = try updated(right, changes[split...], depth: depth + 1)
            if newLeft === left, newRight === right { return node }
            return try joined(newLeft, newRight)
        case .unread: preconditionFailure("a node that was read is read")
        }
    }

    /// The subtree of leaves alone.
    private func built(_ leaves: ArraySlice<Change>, depth: Int) -> StateNode? {
        guard let first = leaves.first else { return nil }
        if leaves.count == 1 { return .leaf(first.path, first.value ?? []) }
        let split = leaves.partitioningIndex { $0.path.bit(depth) }
        return .branch(built(leaves[..<split], depth: depth + 1), built(leaves[split...], depth: depth + 1))
    }

    /// Two subtrees under one node; a leaf that is alone takes the node's place.
    private func joined(_ left: StateNode?, _ right: StateNode?) throws -> StateNode? {
        guard let only = left ?? right else { return nil }
        if left == nil || right == nil, case .leaf = try only.read(from: source) { return only }
        return .branch(left, right)
    }

    /// The proof of what is at `path`, also that nothing is.
    func proof(of path: Hash32) throws -> StateProof {
        var siblings: [Hash32] = [], node = top
        while let here = node {
            switch try here.read(from: source) {
            case .leaf(let found, let value):
                return found == path
                    ? StateProof(value: value, siblings: siblings, other: nil)
                    : StateProof(value: nil, siblings: siblings, other: .init(path: found, value: value))
            case .branch(let left, let right):
                let goesRight = path.bit(siblings.count)
                siblings.append((goesRight ? left : right)?.hash ?? .zero)
                node = goesRight ? right : left
            case .unread: preconditionFailure("a node that was read is read")
            }
        }
        return StateProof(value: nil, siblings: siblings, other: nil)
    }
}

extension ArraySlice {
    /// The first index whose element satisfies `belongs`; all behind it must too.
    fileprivate func partitioningIndex(where belongs: (Element) -> Bool) -> Index {
        var (low, high) = (startIndex, endIndex)
        while low < high {
            let middle = low + (high - low) / 2
            if belongs(self[middle]) { high = middle } else { low = middle + 1 }
        }
        return low
    }
}

/// What a state has at one path, proven by its root alone.
public struct StateProof: Hashable, Sendable {
    /// A leaf that is where the path would be.
    struct Leaf: Hashable, Sendable {
        let path: Hash32
        let value: [UInt8]
    }

    /// What is at the path; nil if nothing is.
    public let value: [UInt8]?
    /// The subtrees beside the way from the root to the path, the highest first; zero for an empty one.
    let siblings: [Hash32]
    let other: Leaf?

    /// True if the state with that root has `value` at `path`.
    func proves(_ path: Hash32, in root: Hash32) -> Bool {
        guard siblings.count <= StateProof.largestDepth else { return false }
        var hash: Hash32
        switch (value, other) {
        case (let value?, nil): hash = StateNode.leafHash(path, value)
        case (nil, let other?):
            guard other.path != path, other.path.sharesPrefix(siblings.count, with: path) else { return false }
            hash = StateNode.leafHash(other.path, other.value)
        case (nil, nil): hash = .zero
        case (_?, _?): return false
        }
        for (depth, sibling) in siblings.enumerated().reversed() {
            hash = path.bit(depth) ? .node(sibling, hash) : .node(hash, sibling)
        }
        return hash == root
    }

    /// As many as a path has bits.
    static let largestDepth = 256
}
