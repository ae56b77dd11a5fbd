import HostCrypto
import Testing

@testable import Ledger

@Suite("Transactions")
struct TransactionTests {
    @Test("A transfer moves tokens, its fee goes to the producer, and it cannot be carried out again")
    func transfer() throws {
        var town = try Town()
        let signed = try town.sign(.transfer(to: Hash32(Cast.bob), amount: 500, token: nil), by: Cast.alice, fee: 3)
        let draft = try town.seal([signed.bytes])
        #expect(try town.balance(Cast.alice) == 1_000_000 - 503)
        #expect(try town.balance(Cast.bob) == 1_000_500)
        #expect(try town.ledger.get(.account(draft.header.producer))?.balance == 3)
        #expect(draft.receipts.map(\.amount) == [500, 3])

        let root = town.ledger.state.root
        let again = try town.seal([signed.bytes])
        #expect(again.refused.map(\.reason) == [.wrongNonce(expected: 1)])
        #expect(again.included.isEmpty)
        // Nothing but the producer's reveal has changed.
        #expect(try town.balance(Cast.bob) == 1_000_500)
        #expect(town.ledger.state.root != root)
    }

    @Test(
        "What is forged, late, too cheap, of another network, out of order or not paid for is refused, says why, and leaves no trace"
    )
    func refusals() throws {
        var town = try Town()
        try town.seal(at: 10)
        let pay = Action.transfer(to: Hash32(Cast.bob), amount: 5, token: nil)
        let good = try town.sign(pay, by: Cast.alice)
        var forged = good.bytes
        forged[forged.count - 1] ^= 1
        let stranger = Cast.key(9, 1)
        let cases: [([UInt8], LedgerRefusal)] = [
            (forged, .badSignature),
            (try town.sign(pay, by: Cast.alice, network: 8).bytes, .badSignature),
            (try town.sign(pay, by: Cast.alice, until: 10).bytes, .expired(slot: 10)),
            (try town.sign(pay, by: Cast.alice, fee: 0).bytes, .feeTooLow(least: 1)),
            (try town.sign(pay, by: Cast.alice, ahead: 1).bytes, .wrongNonce(expected: 0)),
            (try town.sign(pay, by: stranger).bytes, .unknownAccount(Hash32(stranger))),
            (
                try town.sign(.transfer(to: Hash32(Cast.bob), amount: 1_000_000, token: nil), by: Cast.alice).bytes,
                .insufficientFunds(needed: 1_000_000, there: 999_999)
            ),
            (
                try town.sign(.transfer(to: Hash32(Cast.bob), amount: .max, token: nil), by: Cast.alice, fee: .max).bytes,
                .insufficientFunds(needed: .max, there: 1_000_000)
            ),
            (
                try town.sign(.transfer(to: Hash32(Cast.bob), amount: 1, token: .zero), by: Cast.alice).bytes,
                .unknown("token \(Hash32.zero)")
            ),
            (try town.sign(.resign, by: Cast.alice).bytes, .unknown("candidate \(Hash32(Cast.alice))")),
        ]
        let draft = try town.seal(cases.map(\.0) + [good.bytes])
        #expect(draft.refused.map(\.reason) == cases.map(\.1))
        #expect(draft.included.map(\.id) == [good.id])
        #expect(try town.account(Cast.alice).nonce == 1)
        for (_, reason) in cases { #expect(!reason.failure.advice.isEmpty) }
    }

    @Test(
        "Bytes that are not the one encoding of a transaction are refused, whichever byte was changed, and the decoder never traps"
    )
    func hostileBytes() throws {
        var town = try Town()
        let scope = [Offer.Right("lock", ["open"])]
        let offer = Offer(node: .zero, scope: scope, until: 99, terms: .metered(price: 1, tick: 600, ticks: 18))
        let contract = ContractAddress(height: 3, transaction: Hash32.sha256([3]))
        let actions: [Action] = [
            .transfer(to: .zero, amount: 1, token: .sha256([1])), .vote([.init(.zero, 5)]),
            .register(deposit: 1, commitment: .zero),
            .resign, .object(to: [.zero]), .evidence(first: [1], second: [2], voter: .zero),
            .state(node: [UInt8](repeating: 1, count: 20), message: [1]),
            .command(node: [UInt8](repeating: 1, count: 20), message: [1]),
            .publish(node: .zero, count: 1, chain: .zero, root: .zero),
            .createContract(offer), .call(contract: contract, ticks: 1, command: [1]),
            .settle(call: .zero, amount: 1, receipt: [1], review: nil), .review(call: .zero, isGood: true, review: [1]),
            .createToken(symbol: "LOCK", supply: 7), .endContract(contract),
        ]
        #expect(actions.map(\.number) == Array(0...14))
        for action in actions {
            let signed = try town.sign(action, by: Cast.alice)
            #expect(try SignedTransaction(signed.bytes) == signed)
            for place in signed.bytes.indices {
                for change: UInt8 in [1, 0x20, 0x80] {
                    var bytes = signed.bytes
                    bytes[place] ^= change
                    guard let read = try? SignedTransaction(bytes) else { continue }
                    #expect(!read.isAuthentic(network: Cast.network))
                    #expect(read.id != signed.id)
                }
            }
            for count in signed.bytes.indices {
                #expect(throws: LedgerRefusal.self) { try SignedTransaction(Array(signed.bytes.prefix(count))) }
            }
            #expect(throws: LedgerRefusal.self) { try SignedTransaction(signed.bytes + [0]) }
        }
        #expect(throws: LedgerRefusal.self) {
            try SignedTransaction([UInt8](repeating: 0xd2, count: SignedTransaction.largest + 1))
        }
        try town.seal()
    }

    @Test("A created token is its creator's, moves like any other, and cannot be made more of")
    func tokens() throws {
        var town = try Town()
        let token = try town.must(.createToken(symbol: "LOCK", supply: 1000), by: Cast.alice)
        try town.must(.transfer(to: Hash32(Cast.bob), amount: 400, token: token), by: Cast.alice)
        #expect(try town.ledger.get(.holding(of: token, by: Hash32(Cast.alice)))?.amount == 600)
        #expect(
            try town.act(.transfer(to: Hash32(Cast.carol), amount: 401, token: token), by: Cast.bob).refusal
                == .insufficientFunds(needed: 401, there: 400))
        try town.must(.transfer(to: Hash32(Cast.alice), amount: 400, token: token), by: Cast.bob)
        #expect(try town.ledger.get(.holding(of: token, by: Hash32(Cast.bob))) == nil)
        #expect(try town.ledger.get(.holding(of: token, by: Hash32(Cast.alice)))?.amount == 1000)
    }

    @Test(
        "What is written to a node is the node's own bytes, per sender: a stranger's words change nothing of the owner's mailbox")
    func mailbox() throws {
        var town = try Town()
        let node = try RealNode(), address = node.address.bytes
        let first = try node.message("$('lock').open(100)").bytes, second = try node.message("$('lock').open(200)").bytes
        try town.must(.command(node: address, message: first), by: Cast.alice)
        try town.must(.command(node: address, message: second), by: Cast.alice)
        let state = try node.message("$('led').on()", as: .state).bytes
        try town.must(.state(node: address, message: state), by: Cast.alice)
        let key = StateKey.mailbox(node: address, sender: Hash32(Cast.alice))
        let before = try #require(try town.ledger.get(key))
        try town.must(.state(node: address, message: try node.message("$('led').off()", as: .state).bytes), by: Cast.mallory)
        #expect(try town.ledger.get(key) == before)
        #expect((before.states, before.commands, before.newest) == (1, 2, .sha256(state)))
        let chain = Hash32.sha256(
            Hash32.sha256(Hash32.zero.bytes + Hash32.sha256(first).bytes).bytes + Hash32.sha256(second).bytes)
        #expect(before.chain == chain)
        // Another node's message, and what is none.
        let other = try RealNode(number: 1)
        for bytes in [try other.message("$('led').on()").bytes, [1, 2, 3]] {
            #expect(
                try town.act(.command(node: address, message: bytes), by: Cast.alice).refusal
                    == .notProven("it is no message for the node that it names"))
        }
    }

    @Test("A node's log is published as far as it goes, never less than before")
    func publications() throws {
        var town = try Town()
        let node = Hash32(Cast.key(3, 0))
        try town.must(.publish(node: node, count: 5, chain: .sha256([1]), root: .sha256([2])), by: Cast.alice)
        #expect(
            try town.act(.publish(node: node, count: 5, chain: .sha256([3]), root: .sha256([4])), by: Cast.alice).refusal != nil)
        try town.must(.publish(node: node, count: 6, chain: .sha256([3]), root: .sha256([4])), by: Cast.alice)
        #expect(try town.ledger.get(.publication(node: node, by: Hash32(Cast.alice)))?.count == 6)
    }

    @Test("Bad beginnings are refused: a representative twice, more tokens than can be counted, an account twice")
    func geneses() throws {
        let good = try Cast.genesis()
        #expect(try Genesis(good.bytes) == good)
        for place in good.bytes.indices.prefix(200) {
            var bytes = good.bytes
            bytes[place] ^= 1
            if let read = try? Genesis(bytes) { #expect(read.hash != good.hash) }
        }
        #expect(throws: LedgerRefusal.self) {
            try Genesis(network: 7, time: 0, balances: [], seats: good.seats.dropLast() + [good.seats[0]])
        }
        #expect(throws: LedgerRefusal.self) {
            try Genesis(network: 7, time: 0, balances: [.init(.zero, Genesis.largestSupply)], seats: good.seats)
        }
        #expect(throws: LedgerRefusal.self) {
            try Genesis(network: 7, time: 0, balances: [.init(.zero, 1), .init(.zero, 1)], seats: good.seats)
        }
    }
}
