// What a block changes while it is executed, over the state before it: what one transaction changes comes in with it, or not at all.
import Reporting

struct Workspace {
    private let tree: StateTree
    /// What the block has changed so far; nil takes a record out.
    private var changed: [Hash32: [UInt8]?] = [:]
    /// What the transaction under way changes.
    private var pending: [Hash32: [UInt8]?] = [:]

    init(over tree: StateTree) { self.tree = tree }

    func get<Record>(_ key: StateKey<Record>) throws -> Record? {
        guard let bytes = try bytes(at: key.path) else { return nil }
        return try Record.stored(bytes)
    }

    mutating func set<Record>(_ key: StateKey<Record>, _ record: Record?) { pending[key.path] = .some(record?.encoded) }

    private func bytes(at path: Hash32) throws -> [UInt8]? {
        if let found = pending[path] { return found }
        if let found = changed[path] { return found }
        return try tree.value(at: path)
    }

    /// What the transaction has changed stays.
    mutating func accept() {
        for (path, value) in pending { changed[path] = value }
        pending.removeAll(keepingCapacity: true)
    }

    /// What the transaction has changed is forgotten.
    mutating func discard() { pending.removeAll(keepingCapacity: true) }

    /// The state behind the block.
    func result() throws -> StateTree {
        precondition(pending.isEmpty, "a transaction was taken or refused before the block ends")
        var result = tree
        try result.apply(changed.map { StateTree.Change(path: $0.key, value: $0.value) }.sorted { $0.path < $1.path })
        return result
    }
}

extension StateRecord {
    /// A record that the ledger itself has written.
    static func stored(_ bytes: [UInt8]) throws -> Self {
        do { return try Self(bytes) } catch {
            throw Failure(
                .environment, "the stored state of the chain is not one of this release: \(error)",
                advice: "Load a dump of the chain, or begin a new one")
        }
    }
}
