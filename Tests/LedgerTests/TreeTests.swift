import CBOR
import Testing

@testable import Ledger

@Suite("Trees")
struct TreeTests {
    private let leaves = (0..<70).map { Hash32.leaf([UInt8($0)]) }

    @Test("The root over the leaves of RFC 6962's test tree is the one that Certificate Transparency publishes")
    func knownRoots() {
        let inputs: [String] = [
            "", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f",
        ]
        let roots = [
            "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
            "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
            "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
            "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
            "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
            "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
            "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
        ]
        let hashes = inputs.map { Hash32.leaf([UInt8](hex: $0) ?? [0xff]) }
        for (count, root) in roots.enumerated() { #expect(MerkleTree.root(Array(hashes.prefix(count + 1))).description == root) }
        #expect(MerkleTree.root([]).description == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
    }

    @Test("Every leaf of every tree up to 70 is proven, for its own place, tree and root alone")
    func inclusion() throws {
        for count in 1...leaves.count {
            let tree = Array(leaves.prefix(count)), root = MerkleTree.root(tree)
            for index in 0..<count {
                let proof = try InclusionProof(MerkleTree.inclusion(of: index, in: tree).bytes)
                #expect(proof.proves(leaves[index], in: root))
                #expect(!proof.proves(leaves[(index + 1) % leaves.count], in: root))
                #expect(
                    !InclusionProof(size: proof.size, index: (proof.index + 1) % UInt64(count + 1), path: proof.path)
                        .proves(leaves[index], in: root))
                #expect(
                    !InclusionProof(size: proof.size, index: proof.index, path: proof.path + [.zero]).proves(
                        leaves[index], in: root))
                if !proof.path.isEmpty {
                    #expect(
                        !InclusionProof(size: proof.size, index: proof.index, path: Array(proof.path.dropLast()))
                            .proves(leaves[index], in: root))
                }
            }
        }
    }

    @Test("Every tree up to 70 is proven to have grown out of each one before it, and out of no other")
    func consistency() throws {
        for count in 1...leaves.count {
            let tree = Array(leaves.prefix(count)), root = MerkleTree.root(tree)
            for former in 1...count {
                let proof = try ConsistencyProof(MerkleTree.consistency(from: former, in: tree).bytes)
                let before = MerkleTree.root(Array(leaves.prefix(former)))
                #expect(proof.proves(before, isStartOf: root))
                #expect(!proof.proves(.leaf([1, 2, 3]), isStartOf: root))
                #expect(!proof.proves(before, isStartOf: .leaf([1, 2, 3])))
                for place in proof.path.indices {
                    var path = proof.path
                    path[place] = .zero
                    #expect(!ConsistencyProof(former: proof.former, size: proof.size, path: path).proves(before, isStartOf: root))
                }
            }
        }
    }

    /// The tree of states as docs/chain.md defines it, computed from all leaves at once.
    private func defined(_ content: [(Hash32, [UInt8])], depth: Int = 0) -> Hash32 {
        if content.isEmpty { return .zero }
        if content.count == 1 { return .sha256([0] + content[0].0.bytes + content[0].1) }
        let left = content.filter { $0.0.bytes[depth / 8] >> UInt8(7 - depth % 8) & 1 == 0 }
        let right = content.filter { $0.0.bytes[depth / 8] >> UInt8(7 - depth % 8) & 1 == 1 }
        return .sha256([1] + defined(left, depth: depth + 1).bytes + defined(right, depth: depth + 1).bytes)
    }

    @Test("A state's root follows from its content alone, whatever was put in, changed and taken out on the way")
    func canonical() throws {
        var dice = Dice(1), tree = StateTree(), content: [Hash32: [UInt8]] = [:], kept: [(StateTree, [Hash32: [UInt8]])] = []
        // Some paths share all but their last bits, so that branches are deep.
        let paths = (0..<60).map { Hash32.sha256([UInt8($0)]) } + (0..<8).map { Hash32([UInt8](repeating: 9, count: 31) + [$0])! }
        for _ in 0..<400 {
            var changes: [Hash32: [UInt8]?] = [:]
            for _ in 0..<dice.below(6) + 1 {
                changes[dice.pick(paths)] = dice.below(3) == 0 ? .some(nil) : [UInt8(dice.below(256))]
            }
            try tree.apply(changes.map { StateTree.Change(path: $0.key, value: $0.value) }.sorted { $0.path < $1.path })
            for (path, value) in changes { content[path] = value }
            kept.append((tree, content))
        }
        // Each earlier state is still there, untouched by what came after.
        for (tree, content) in kept {
            #expect(tree.root == defined(content.map { ($0.key, $0.value) }))
            for path in paths { #expect(try tree.value(at: path) == content[path]) }
        }
    }

    @Test("What a state has at a path, or has not, is proven by its root; no other value, path or root is")
    func stateProofs() throws {
        var dice = Dice(2), tree = StateTree()
        let paths = (0..<100).map { Hash32.sha256([UInt8($0)]) }
        try tree.apply(paths.prefix(50).sorted().map { .init(path: $0, value: [UInt8(dice.below(256)), 2]) })
        for path in paths {
            let proof = try StateProof(try tree.proof(of: path).bytes)
            #expect(proof.value == (try tree.value(at: path)))
            #expect(proof.proves(path, in: tree.root))
            #expect(!proof.proves(path, in: .sha256([0])))
            let other = paths.first { $0 != path }!
            let isTrueOfOther = try tree.value(at: other) == proof.value
            #expect(!proof.proves(other, in: tree.root) || isTrueOfOther)
            let absence = StateProof(value: nil, siblings: proof.siblings, other: proof.other)
            if proof.value != nil { #expect(!absence.proves(path, in: tree.root)) }
            for place in proof.siblings.indices {
                var siblings = proof.siblings
                siblings[place] = .sha256([7])
                #expect(!StateProof(value: proof.value, siblings: siblings, other: proof.other).proves(path, in: tree.root))
            }
            if let leaf = proof.other {
                let moved = StateProof.Leaf(path: leaf.path, value: leaf.value + [0])
                #expect(!StateProof(value: nil, siblings: proof.siblings, other: moved).proves(path, in: tree.root))
            }
        }
    }

    /// Nodes in memory, which count how many were written and read.
    private final class Shelf: StateSource {
        var nodes: [Hash32: [UInt8]] = [:]
        var reads = 0
        func node(_ hash: Hash32) throws -> [UInt8] {
            reads += 1
            return nodes[hash] ?? []
        }
    }

    @Test("A change of a large state writes and reads as many nodes as its path is long, and none of a damaged store is believed")
    func growsWithTheChange() throws {
        var tree = StateTree()
        let paths = (0..<10_000).map { Hash32.sha256([UInt8($0 & 255), UInt8($0 >> 8)]) }.sorted()
        try tree.apply(paths.map { .init(path: $0, value: [1]) })
        let shelf = Shelf()
        try tree.keep { shelf.nodes[$0] = $1 }
        let all = shelf.nodes.count
        #expect(all >= 19_999)

        var again = StateTree(root: tree.root, source: shelf)
        try again.apply([.init(path: paths[5000], value: [2])])
        #expect(shelf.reads < 40)
        var written = 0
        try again.keep { _, _ in written += 1 }
        #expect(written < 40)
        try again.apply([.init(path: paths[5000], value: [1])])
        #expect(again.root == tree.root)

        let damaged = StateTree(root: tree.root, source: shelf)
        for hash in shelf.nodes.keys { shelf.nodes[hash]![5] ^= 1 }
        #expect(throws: (any Error).self) { try damaged.value(at: paths[0]) }
    }
}
