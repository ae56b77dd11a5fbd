import HostCrypto
import Testing

@testable import Ledger

@Suite("Mutations")
struct MutationTests {
    /// A chain with some blocks, a certificate for its last header, and a client that believes the first ones.
    private func town() throws -> Town {
        var town = try Town()
        for number in 0..<5 {
            try town.seal([
                try town.sign(.transfer(to: Hash32(Cast.bob), amount: UInt64(number + 1), token: nil), by: Cast.alice).bytes
            ])
        }
        return town
    }

    @Test(
        "A header with a bit changed anywhere, or signed by another, is believed by no client, and its block is followed by no ledger"
    )
    func headers() throws {
        let town = try town(), block = try #require(town.blocks.last), signed = block.header
        let certificate = try town.certificate(signed.header, by: town.ledger.present)
        var before = try Ledger(genesis: town.ledger.genesis)
        for block in town.blocks.dropLast() { before = try before.following(block).after }
        var client = TrustedChain(genesis: town.ledger.genesis)
        try client.believe(signed, certificate, representatives: town.ledger.present, next: town.ledger.next)
        #expect(client.header == signed.header)
        #expect(try before.following(block).after.head == town.ledger.head)

        for place in signed.bytes.indices {
            for change: UInt8 in [1, 0x80] {
                var bytes = signed.bytes
                bytes[place] ^= change
                guard let mutated = try? SignedHeader(bytes) else { continue }
                var client = TrustedChain(genesis: town.ledger.genesis)
                #expect(throws: LedgerRefusal.self) {
                    try client.believe(mutated, certificate, representatives: town.ledger.present, next: town.ledger.next)
                }
                #expect(client.header == nil)
                #expect(throws: LedgerRefusal.self) {
                    try before.following(
                        Block(header: mutated, contribution: block.contribution, transactions: block.transactions))
                }
            }
        }
    }

    @Test("Each field of a header, changed and signed anew by the rightful producer, is refused by who executes the block")
    func fields() throws {
        let town = try town(), block = try #require(town.blocks.last), good = block.header.header
        var before = try Ledger(genesis: town.ledger.genesis)
        for block in town.blocks.dropLast() { before = try before.following(block).after }
        let producer = try #require(Cast.byKey[good.producer])
        func header(_ field: Int) -> Header {
            func hash(_ at: Int, _ value: Hash32) -> Hash32 { at == field ? .sha256([UInt8(at)]) : value }
            return Header(
                height: field == 0 ? good.height - 1 : good.height, slot: field == 1 ? good.slot + 105 : good.slot,
                previous: hash(2, good.previous), transactions: hash(3, good.transactions), receipts: hash(4, good.receipts),
                state: hash(5, good.state), history: hash(6, good.history), present: hash(7, good.present),
                next: hash(8, good.next),
                producer: good.producer)
        }
        func follow(_ header: Header, _ contribution: Contribution, _ transactions: [[UInt8]]) throws {
            _ = try before.following(
                Block(
                    header: SignedHeader(header, network: Cast.network, key: producer), contribution: contribution,
                    transactions: transactions))
        }
        try follow(header(-1), block.contribution, block.transactions)
        #expect(throws: LedgerRefusal.wrongBlock("slot \(good.slot) has not come yet")) {
            try before.following(block, latest: good.slot - 1)
        }
        for field in 0...8 {
            #expect(header(field) != good)
            #expect(throws: LedgerRefusal.self) { try follow(header(field), block.contribution, block.transactions) }
        }
        let (reveal, commitment) = (block.contribution.reveal, block.contribution.commitment)
        #expect(throws: LedgerRefusal.self) { try follow(good, .init(reveal: .zero, commitment: commitment), block.transactions) }
        #expect(throws: LedgerRefusal.self) { try follow(good, .init(reveal: reveal, commitment: .zero), block.transactions) }
        #expect(throws: LedgerRefusal.self) { try follow(good, block.contribution, []) }
        #expect(throws: LedgerRefusal.self) { try follow(good, block.contribution, block.transactions + block.transactions) }
        #expect(throws: LedgerRefusal.self) { try follow(good, block.contribution, [[1, 2, 3]]) }
        // The rightful header in the hands of another producer.
        let other = try #require(Cast.representatives.first { Hash32($0) != good.producer })
        let stolen = Header(
            height: good.height, slot: good.slot, previous: good.previous, transactions: good.transactions,
            receipts: good.receipts,
            state: good.state, history: good.history, present: good.present, next: good.next, producer: Hash32(other))
        #expect(throws: LedgerRefusal.wrongBlock("slot \(good.slot) is another's")) {
            try before.following(
                Block(
                    header: SignedHeader(stolen, network: Cast.network, key: other), contribution: block.contribution,
                    transactions: block.transactions))
        }
    }

    @Test("A certificate with a bit changed anywhere, with 70 signers, or of another network or chain makes nothing final")
    func certificates() throws {
        let town = try town(), signed = try #require(town.blocks.last).header, present = town.ledger.present,
            next = town.ledger.next
        let good = try town.certificate(signed.header, by: present)
        #expect(try Certificate(good.bytes) == good)
        func believe(_ certificate: Certificate, in genesis: Genesis? = nil) throws {
            var client = TrustedChain(genesis: genesis ?? town.ledger.genesis)
            try client.believe(signed, certificate, representatives: present, next: next)
        }
        try believe(good)
        // Every byte before the signatures; of these the first and last of each: 71 signatures are verified for each of them.
        let start = good.bytes.count - good.signatures.count
        let places = Array(0..<start) + stride(from: start, to: good.bytes.count, by: 64).flatMap { [$0, $0 + 63] }
        for place in places {
            var bytes = good.bytes
            bytes[place] ^= 1
            guard let mutated = try? Certificate(bytes) else { continue }
            #expect(throws: LedgerRefusal.self) { try believe(mutated) }
        }
        let few = try town.certificate(signed.header, by: present, count: 70)
        #expect(throws: LedgerRefusal.notFinal("70 of 105 representatives have signed, and it takes 71")) { try believe(few) }
        let vote = CertificateVote(for: signed.header)
        let elsewhere = Certificate(
            vote,
            signatures: try present.keys.prefix(71).enumerated().map {
                ($0, vote.signature(network: 8, key: try #require(Cast.byKey[$1])))
            })
        #expect(throws: LedgerRefusal.self) { try believe(elsewhere) }
        // The same representatives begin another chain: a header of height 1 does not pass from one to the other.
        var rules = Genesis.Rules()
        rules.fee = 2
        let other = try Town(rules), first = town.blocks[0].header
        var client = TrustedChain(genesis: other.ledger.genesis)
        let certificate = try town.certificate(first.header, by: present)
        #expect(throws: LedgerRefusal.notFinal("it belongs to another chain")) {
            try client.believe(first, certificate, representatives: present, next: next)
        }
    }

    @Test(
        "A client that was away believes a header with 36 known signers, not one with 35, nor one that contradicts what is final")
    func skipping() throws {
        var town = try Town()
        try town.seal()
        let newcomers = Cast.people.map { Hash32($0) }
        func client(knowing known: Int) throws -> (TrustedChain, Representatives) {
            // A set of which the client knows so many, by whom 71 sign.
            let keys = Cast.representatives.prefix(known).map { Hash32($0) } + newcomers
            let fillers = (0..<105 - keys.count).map { Hash32.sha256([UInt8($0)]) }
            let set = try #require(Representatives(keys + fillers))
            return (TrustedChain(genesis: town.ledger.genesis), set)
        }
        for known in [35, 36] {
            var (client, set) = try client(knowing: known)
            let producer = Cast.representatives[0]
            let header = Header(
                height: 50, slot: 1000, previous: .sha256([9]), transactions: .zero, receipts: .zero, state: .zero,
                history: .zero,
                present: set.commitment, next: set.commitment, producer: Hash32(producer))
            let vote = CertificateVote(for: header)
            let signatures = set.keys.enumerated().compactMap { seat, key in
                Cast.byKey[key].map { (seat, vote.signature(network: Cast.network, key: $0)) }
            }
            let certificate = Certificate(vote, signatures: Array(signatures.prefix(80)))
            let signed = SignedHeader(header, network: Cast.network, key: producer)
            if known == 36 {
                try client.believe(signed, certificate, representatives: set, next: set)
                #expect(client.header == header)
                // Older ones, and others at the same height, contradict it.
                let first = town.blocks[0].header
                #expect(throws: LedgerRefusal.self) {
                    try client.believe(
                        first, try town.certificate(first.header, by: town.ledger.present), representatives: town.ledger.present,
                        next: town.ledger.next)
                }
            } else {
                #expect(throws: LedgerRefusal.notFinal("35 of its signers are known, and it takes 36: fetch headers in between"))
                {
                    try client.believe(signed, certificate, representatives: set, next: set)
                }
            }
        }
    }

    @Test("What a client shows is proven: a transaction, a receipt, an earlier header, an account, and that there is none")
    func proofs() throws {
        let town = try town(), last = try #require(town.blocks.last), header = last.header.header
        var client = TrustedChain(genesis: town.ledger.genesis)
        try client.believe(
            last.header, try town.certificate(header, by: town.ledger.present), representatives: town.ledger.present,
            next: town.ledger.next)

        let id = try SignedTransaction(last.transactions[0]).id
        #expect(header.proves(transaction: id, MerkleTree.inclusion(of: 0, in: [id])))
        #expect(!header.proves(transaction: .zero, MerkleTree.inclusion(of: 0, in: [id])))

        let leaves = [town.ledger.genesis.hash] + town.blocks.dropLast().map(\.header.header.hash)
        for (place, block) in town.blocks.dropLast().enumerated() {
            let proof = MerkleTree.inclusion(of: place + 1, in: leaves)
            #expect(client.proves(block.header.header, proof))
            let bytes = proof.bytes
            for place in bytes.indices {
                var mutated = bytes
                mutated[place] ^= 1
                guard let proof = try? InclusionProof(mutated) else { continue }
                #expect(!client.proves(block.header.header, proof))
            }
        }

        let key = StateKey.account(Hash32(Cast.alice)), proof = try town.ledger.proof(of: key)
        #expect(try header.record(at: key, proof)?.nonce == 5)
        let nobody = StateKey.account(.sha256([1, 2, 3])), absence = try town.ledger.proof(of: nobody)
        #expect(try header.record(at: nobody, absence) == nil)
        for (key, proof) in [(key, proof), (nobody, absence)] {
            let bytes = proof.bytes
            for place in bytes.indices {
                var mutated = bytes
                mutated[place] ^= 1
                guard let read = try? StateProof(mutated) else { continue }
                #expect(throws: LedgerRefusal.self) { try header.record(at: key, read) }
            }
        }
        #expect(throws: LedgerRefusal.self) { try header.record(at: nobody, proof) }
    }
}
