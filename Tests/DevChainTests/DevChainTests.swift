import Foundation
import HostCrypto
import Ledger
import Reporting
import Testing

@testable import DevChain

@Suite("Development chain")
struct DevChainTests {
    private let keys = DevKeys(seed: "tests")
    private let folder = FileManager.default.temporaryDirectory.appending(path: "lnchain-\(UUID().uuidString)").path

    init() throws { try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true) }

    private func chain(_ name: String = "chain.sqlite", accounts: Int = 20) throws -> DevChain {
        let genesis = try keys.genesis(network: 99, time: 1_800_000_000, accounts: accounts, balance: 1_000_000)
        return try DevChain(new: "\(folder)/\(name)", genesis: genesis, keys: keys)
    }

    private func pay(_ chain: DevChain, from sender: Int = 0, to: Int = 1, _ amount: UInt64 = 5, ahead: UInt64 = 0) throws
        -> Hash32
    {
        let key = keys.account(sender), nonce = try chain.position.get(.account(Hash32(key.publicKey)))?.nonce ?? 0
        let transaction = Transaction(
            sender: Hash32(key.publicKey), nonce: nonce + ahead, until: 1 << 39, fee: 1,
            action: .transfer(to: Hash32(keys.account(to).publicKey), amount: amount, token: nil))
        return try chain.submit(transaction.signed(network: 99, key: key).bytes)
    }

    private func balance(_ chain: DevChain, _ number: Int) throws -> UInt64? {
        try chain.position.get(.account(Hash32(keys.account(number).publicKey)))?.balance
    }

    @Test("What was submitted is in the next block, which a client believes because of its certificate, and proven from there")
    func seal() throws {
        let chain = try chain()
        let id = try pay(chain)
        #expect(try chain.waiting() == 1)
        #expect(try chain.seal().refused.isEmpty)
        #expect(try chain.waiting() == 0)
        #expect(try balance(chain, 1) == 1_000_005)

        var client = TrustedChain(genesis: chain.genesis)
        let block = try #require(try chain.block(at: 1)), sets = try chain.representatives(at: 1)
        try client.believe(
            block.header, try #require(try chain.certificate(at: 1)), representatives: sets.present, next: sets.next)
        let header = try #require(client.header)
        #expect(header.proves(transaction: id, MerkleTree.inclusion(of: 0, in: [id])))
        let key = StateKey.account(Hash32(keys.account(1).publicKey))
        #expect(try header.record(at: key, try chain.position.proof(of: key))?.balance == 1_000_005)
    }

    @Test(
        "What no block could have is refused when it is submitted; what a block does not take is told by the call that seals it")
    func refusals() throws {
        let chain = try chain()
        let stranger = SigningKey.generate(), key = keys.account(0)
        let unknown = Transaction(sender: Hash32(stranger.publicKey), nonce: 0, until: 9, fee: 1, action: .resign)
        #expect(throws: LedgerRefusal.unknownAccount(Hash32(stranger.publicKey))) {
            try chain.submit(unknown.signed(network: 99, key: stranger).bytes)
        }
        let elsewhere = Transaction(sender: Hash32(key.publicKey), nonce: 0, until: 9, fee: 1, action: .resign)
        #expect(throws: LedgerRefusal.badSignature) { try chain.submit(elsewhere.signed(network: 98, key: key).bytes) }
        #expect(throws: LedgerRefusal.self) { try chain.submit([1, 2, 3]) }
        _ = try pay(chain, 2_000_000)
        #expect(try chain.seal().refused.map(\.reason) == [.insufficientFunds(needed: 2_000_000, there: 999_999)])
        #expect(try chain.waiting() == 0)
        try chain.warp(slots: 20)
        let late = Transaction(sender: Hash32(key.publicKey), nonce: 0, until: 9, fee: 1, action: .resign)
        #expect(throws: LedgerRefusal.expired(slot: 9)) { try chain.submit(late.signed(network: 99, key: key).bytes) }
    }

    @Test("Many blocks in one call, a day of empty slots in another: followed from the genesis, each block is right")
    func blocks() throws {
        let chain = try chain()
        try chain.seal(blocks: 250)
        #expect((chain.position.height, chain.position.slot) == (250, 250))
        try chain.warp(slots: 9600)
        #expect((chain.position.height, chain.position.slot) == (251, 251 + 9600))
        var ledger = try Ledger(genesis: chain.genesis), client = TrustedChain(genesis: chain.genesis)
        for height in UInt64(1)...251 {
            let block = try #require(try chain.block(at: height))
            ledger = try ledger.following(try Block(block.bytes)).after
            guard height % 50 == 1 else { continue }
            let sets = try chain.representatives(at: height)
            try client.believe(
                block.header, try #require(try chain.certificate(at: height)), representatives: sets.present, next: sets.next)
        }
        #expect(ledger.head == chain.position.head)
        #expect(client.header?.height == 251)
    }

    @Test("A revert restores blocks, state and clock exactly; what is sealed then is another chain, and later snapshots are gone")
    func revert() throws {
        let chain = try chain()
        _ = try pay(chain)
        try chain.seal()
        let moment = try chain.snapshot(), head = chain.position.head, root = chain.position.state.root
        try chain.warp(slots: 500)
        _ = try pay(chain, 100)
        try chain.seal(blocks: 3)
        let later = try chain.snapshot()
        _ = try pay(chain, 7)
        try chain.revert(to: moment.id)
        #expect((chain.position.head, chain.position.state.root, chain.clock) == (head, root, moment.clock))
        #expect(try balance(chain, 1) == 1_000_005)
        #expect(try chain.waiting() == 0)
        #expect(throws: Failure.self) { try chain.revert(to: later.id) }
        try chain.seal()
        #expect(chain.position.slot == moment.clock)
        // The same moment again, and from another process.
        try chain.revert(to: moment.id)
        let again = try DevChain(opening: "\(folder)/chain.sqlite")
        #expect((again.position.head, again.clock) == (head, moment.clock))
    }

    @Test("Opened again the chain goes on where it stood, down to the reveals of its producers")
    func restart() throws {
        let first = try chain()
        try first.seal(blocks: 120)
        _ = try pay(first)
        let again = try DevChain(opening: "\(folder)/chain.sqlite")
        #expect((again.position.head, again.clock) == (first.position.head, first.clock))
        #expect(try again.waiting() == 1)
        try again.seal(blocks: 120)
        #expect(try balance(again, 1) == 1_000_005)
        var ledger = try Ledger(genesis: again.genesis)
        for height in UInt64(1)...240 { ledger = try ledger.following(try #require(try again.block(at: height))).after }
        #expect(ledger.head == again.position.head)
    }

    @Test(
        "A dump is the whole chain; one of another version, of another program or with a block changed is refused, and nothing is written"
    )
    func dumps() throws {
        let chain = try chain()
        _ = try pay(chain)
        try chain.seal(blocks: 5)
        let dump = "\(folder)/dump.sqlite", loaded = "\(folder)/loaded.sqlite"
        try chain.dump(to: dump)
        let copy = try DevChain.load(dump, to: loaded)
        #expect(copy.position.head == chain.position.head)
        try copy.seal()
        #expect(throws: Failure.self) { try DevChain.load(dump, to: loaded) }

        func changed(_ sql: String) throws -> String {
            let path = "\(folder)/\(UUID().uuidString).sqlite"
            try chain.dump(to: path)
            try DevStore(path: path).write { try $0.execute(sql: sql) }
            return path
        }
        for sql in [
            "PRAGMA user_version = 2", "PRAGMA application_id = 5", "DELETE FROM blocks WHERE height = 3",
            "UPDATE blocks SET block = x'00' WHERE height = 2", "DELETE FROM chain",
        ] {
            let path = try changed(sql), target = "\(folder)/\(UUID().uuidString).target"
            #expect(throws: (any Error).self, "\(sql)") { try DevChain.load(path, to: target) }
            #expect(!FileManager.default.fileExists(atPath: target))
        }
    }
}
