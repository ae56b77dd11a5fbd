import HostCrypto
import Testing

@testable import Ledger

@Suite("Contracts")
struct ContractTests {
    /// Alice's lock for rent.
    private func rental(_ terms: Offer.Terms = .fixed(price: 50, seconds: 3600), token: Hash32? = nil, in town: inout Town)
        throws -> (node: RealNode, contract: ContractAddress)
    {
        let node = try RealNode()
        let offer = Offer(
            node: Hash32(node.identity), scope: [.init("led", ["on", "toggle"])], token: token, until: 100_000, terms: terms)
        let id = try town.must(.createContract(offer), by: Cast.alice)
        return (node, ContractAddress(height: town.ledger.height, transaction: id))
    }

    private func half(_ call: Hash32, _ amount: UInt64, by key: SigningKey = Cast.alice) -> [UInt8] {
        HalfReview(call: call, amount: amount).signed(network: Cast.network, key: key)
    }

    @Test(
        "50 tokens for an hour: escrow at Call, paid by Return with the node's receipt and the half-signed Review, reviewed once")
    func fixed() throws {
        var town = try Town()
        let (node, contract) = try rental(in: &town)
        let call = try town.must(.call(contract: contract, ticks: 1, command: nil), by: Cast.bob)
        #expect(try town.balance(Cast.bob) == 1_000_000 - 51)
        #expect(try town.ledger.get(.totals)?.escrow == 50)
        let receipt = try node.receipt(), review = half(call, 50)
        let before = try town.balance(Cast.alice)
        try town.must(.settle(call: call, amount: 50, receipt: receipt, review: review), by: Cast.alice)
        #expect(try town.balance(Cast.alice) == before + 50 - 1)
        #expect(try town.ledger.get(.totals)?.escrow == 0)

        #expect(
            try town.act(.review(call: call, isGood: false, review: review), by: Cast.carol).refusal
                == .notPossible("another called"))
        #expect(
            try town.act(.review(call: call, isGood: false, review: half(call, 49)), by: Cast.bob).refusal
                == .notProven("it is not the review that Return carried"))
        try town.must(.review(call: call, isGood: false, review: review), by: Cast.bob)
        #expect(
            try town.act(.review(call: call, isGood: false, review: review), by: Cast.bob).refusal
                == .notPossible("the call has its review"))
        let reputation = try #require(try town.ledger.get(.contract(contract.transaction))).reputation
        #expect((reputation.calls, reputation.paid, reputation.bad, reputation.badAmount) == (1, 1, 1, 50))
        #expect(reputation.isBad)
    }

    @Test(
        "A Return is invalid without the node's receipt for what was offered, or without the provider's half of the review for it"
    )
    func returns() throws {
        var town = try Town()
        let (node, contract) = try rental(in: &town)
        let call = try town.must(.call(contract: contract, ticks: 1, command: nil), by: Cast.bob)
        let receipt = try node.receipt("$('led').on()"), review = half(call, 50)
        let failed = try node.receipt("$('led').on(5)"), outside = try node.receipt("$('led').off()")
        let other = try RealNode(number: 1).receipt()
        let bad: [(UInt64, [UInt8]?, [UInt8]?)] = [
            (50, nil, review), (50, receipt, nil), (50, other, review), (50, failed, review), (50, outside, review),
            (50, receipt, half(call, 49)), (50, receipt, half(.zero, 50)), (50, receipt, half(call, 50, by: Cast.bob)),
            (49, receipt, half(call, 49)), (51, receipt, half(call, 51)), (0, receipt, review), (50, receipt + [0], review),
        ]
        for (amount, receipt, review) in bad {
            #expect(
                try town.act(.settle(call: call, amount: amount, receipt: receipt, review: review), by: Cast.alice).refusal != nil
            )
        }
        #expect(
            try town.act(.settle(call: call, amount: 50, receipt: receipt, review: review), by: Cast.bob).refusal
                == .notPossible("the contract is another's"))
        #expect(try town.ledger.get(.totals)?.escrow == 50)
        try town.must(.settle(call: call, amount: 50, receipt: receipt, review: review), by: Cast.alice)
        #expect(
            try town.act(.settle(call: call, amount: 50, receipt: receipt, review: review), by: Cast.alice).refusal
                == .notPossible("the call has been settled already"))
        // One receipt pays one call.
        let second = try town.must(.call(contract: contract, ticks: 1, command: nil), by: Cast.carol)
        #expect(
            try town.act(.settle(call: second, amount: 50, receipt: receipt, review: half(second, 50)), by: Cast.alice).refusal
                == .notProven("a receipt with that number, or a later one, has been paid for already"))
        try town.must(.settle(call: second, amount: 0, receipt: nil, review: nil), by: Cast.alice)
        #expect(try town.balance(Cast.carol) == 1_000_000 - 1)
        #expect(
            try town.act(.review(call: second, isGood: false, review: half(second, 0)), by: Cast.carol).refusal
                == .notPossible("only a call that was paid has a review"))
    }

    @Test(
        "Escrow that no Return asks for comes back by itself behind its deadline, to each of several users, and no Return comes too late"
    )
    func expiry() throws {
        var rules = Genesis.Rules()
        rules.grace = 10
        var town = try Town(rules)
        let (node, contract) = try rental(in: &town)
        let calls = try town.seal(
            [Cast.bob, Cast.carol, Cast.mallory].map {
                try town.sign(.call(contract: contract, ticks: 1, command: nil), by: $0).bytes
            }
        ).included.map(\.id)
        try town.must(
            .settle(call: calls[1], amount: 50, receipt: try node.receipt(), review: half(calls[1], 50)), by: Cast.alice)
        let deadline = try #require(try town.ledger.get(.call(calls[0]))).deadline
        #expect(deadline == 2 + 400 + 10)
        try town.seal(at: deadline)
        #expect(try town.ledger.get(.totals)?.escrow == 100)
        let late = try town.sign(
            .settle(call: calls[0], amount: 50, receipt: try node.receipt(), review: half(calls[0], 50)), by: Cast.alice)
        // The producer of the next slot may miss it: the escrow goes back all the same.
        let draft = try town.seal([late.bytes], at: deadline + 7)
        #expect(draft.refused.map(\.reason) == [.notPossible("the call has been settled already")])
        #expect(Set(draft.receipts.filter { $0.event == .escrowReturned }.map(\.subject)) == [calls[0], calls[2]])
        #expect(try [Cast.bob, Cast.carol, Cast.mallory].map { try town.balance($0) } == [999_999, 999_949, 999_999])
        #expect(try town.ledger.get(.totals)?.escrow == 0)
    }

    @Test("A token each ten minutes for three hours: what was called is in escrow, what was used is paid, the rest comes back")
    func metered() throws {
        var town = try Town()
        let (node, contract) = try rental(.metered(price: 1, tick: 600, ticks: 18), in: &town)
        for ticks: UInt64 in [0, 19, .max] {
            #expect(try town.act(.call(contract: contract, ticks: ticks, command: nil), by: Cast.bob).refusal != nil)
        }
        let call = try town.must(.call(contract: contract, ticks: 18, command: nil), by: Cast.bob)
        #expect(try town.ledger.get(.call(call))?.escrow == 18)
        #expect(
            try town.act(.settle(call: call, amount: 19, receipt: try node.receipt(), review: half(call, 19)), by: Cast.alice)
                .refusal != nil)
        try town.must(.settle(call: call, amount: 7, receipt: try node.receipt(), review: half(call, 7)), by: Cast.alice)
        #expect(try town.balance(Cast.bob) == 1_000_000 - 1 - 7)
    }

    @Test("A contract settles in its own token; one that ended, is over, or is at another height takes no call")
    func ownToken() throws {
        var town = try Town()
        let token = try town.must(.createToken(symbol: "LOCK", supply: 120), by: Cast.alice)
        let (node, contract) = try rental(token: token, in: &town)
        #expect(
            try town.act(.call(contract: contract, ticks: 1, command: nil), by: Cast.bob).refusal
                == .insufficientFunds(needed: 50, there: 0))
        try town.must(.transfer(to: Hash32(Cast.bob), amount: 120, token: token), by: Cast.alice)
        let call = try town.must(.call(contract: contract, ticks: 1, command: nil), by: Cast.bob)
        #expect(try town.ledger.get(.totals)?.escrow == 0)
        try town.must(.settle(call: call, amount: 50, receipt: try node.receipt(), review: half(call, 50)), by: Cast.alice)
        #expect(try town.ledger.get(.holding(of: token, by: Hash32(Cast.alice)))?.amount == 50)

        let elsewhere = ContractAddress(height: contract.height + 1, transaction: contract.transaction)
        #expect(
            try town.act(.call(contract: elsewhere, ticks: 1, command: nil), by: Cast.bob).refusal
                == .unknown("contract \(elsewhere)"))
        #expect(
            try town.act(.call(contract: contract, ticks: 1, command: nil), by: Cast.alice).refusal
                == .notPossible("a provider does not call its own contract"))
        #expect(try town.act(.endContract(contract), by: Cast.bob).refusal == .notPossible("the contract is another's"))
        try town.must(.endContract(contract), by: Cast.alice)
        #expect(
            try town.act(.call(contract: contract, ticks: 1, command: nil), by: Cast.bob).refusal
                == .notPossible("the contract has ended"))
    }

    @Test("A block with a contract's transaction is rewarded out of the reserve, and any other is not")
    func reward() throws {
        var town = try Town()
        _ = try rental(in: &town)
        #expect(try town.ledger.get(.totals)?.reserve == 1_000_000 - 10)
        try town.must(.transfer(to: Hash32(Cast.bob), amount: 1, token: nil), by: Cast.alice)
        // Nor one whose contract's transaction was refused.
        #expect(try town.act(.endContract(ContractAddress(height: 1, transaction: .zero)), by: Cast.bob).refusal != nil)
        #expect(try town.ledger.get(.totals)?.reserve == 1_000_000 - 10)
    }
}
