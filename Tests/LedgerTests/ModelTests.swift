import Foundation
import HostCrypto
import Testing

@testable import Ledger

// R20

/// What the ledger should have, told in other words: sums, and who may do what. It knows no tree, no bytes and no signature.
struct Model {
    var free: [Hash32: UInt64] = [:]
    var locked: [Hash32: UInt64] = [:]
    var nonces: [Hash32: UInt64] = [:]
    var holdings: [Hash32: [Hash32: UInt64]] = [:]
    var supplies: [Hash32: UInt64] = [:]
    var deposits: [Hash32: UInt64] = [:]
    var reserve: UInt64 = 1_000_000
    var contracts: [Hash32: Deal] = [:]
    var calls: [Hash32: Open] = [:]
    var choices: [Hash32: [Hash32: UInt64]] = [:]

    struct Deal {
        let height: UInt64, provider: Hash32, token: Hash32?, price: UInt64, ticks: UInt64, isMetered: Bool, until: UInt64
        var isEnded = false, paid = 0, bad = 0, good = 0
    }
    struct Open {
        let deal: Hash32, user: Hash32, escrow: UInt64, deadline: UInt64
        var paid: UInt64 = 0, isSettled = false, isReviewed = false
    }

    init(_ genesis: Genesis) {
        for balance in genesis.balances { free[balance.account] = balance.amount }
        for seat in genesis.seats { deposits[seat.key] = genesis.rules.deposit }
    }

    func has(_ token: Hash32?, _ key: Hash32) -> UInt64 { token.map { holdings[$0]?[key] ?? 0 } ?? free[key] ?? 0 }

    mutating func move(_ amount: UInt64, _ token: Hash32?, from key: Hash32) {
        if let token { holdings[token]![key]! -= amount } else { free[key]! -= amount }
    }

    mutating func move(_ amount: UInt64, _ token: Hash32?, to key: Hash32) {
        if let token { holdings[token]![key, default: 0] += amount } else { free[key, default: 0] += amount }
    }

    /// Base tokens wherever they are.
    var total: UInt64 {
        let escrow = calls.values.filter { !$0.isSettled && contracts[$0.deal]!.token == nil }.reduce(0) { $0 + $1.escrow }
        return free.values.reduce(0, +) + locked.values.reduce(0, +) + deposits.values.reduce(0, +) + reserve + escrow
    }

    mutating func expire(before slot: UInt64) {
        for (id, call) in calls where !call.isSettled && call.deadline < slot {
            calls[id]!.isSettled = true
            move(call.escrow, contracts[call.deal]!.token, to: call.user)
        }
    }
}

/// What is tried, and what the model expects of it.
struct Attempt {
    var bytes: [UInt8]
    var id: Hash32
    var isExpected: Bool
    var apply: (inout Model) -> Void
}

@Suite("The ledger against a model", .serialized)
struct ModelTests {
    static let steps = ProcessInfo.processInfo.environment["LIGHTNODE_LEDGER_STEPS"].flatMap { Int($0) } ?? 20_000
    static let seed = ProcessInfo.processInfo.environment["LIGHTNODE_LEDGER_SEED"].flatMap { UInt64($0) } ?? 1

    @Test("Random transactions and faults: tokens are conserved, no escrow is stuck, replay and revert give the same roots")
    func walk() throws {
        var walk = try LedgerWalk(seed: Self.seed)
        while walk.tried < Self.steps { try walk.step() }
        try walk.drain()
        try walk.replay()
        #expect(walk.taken > Self.steps / 3, "more than a third of what is tried is taken")
        for (kind, count) in walk.kinds.sorted(by: { $0.key < $1.key }) {
            #expect(count.taken > 0 && count.refused > 0 || Self.steps < 20_000, "kind \(kind): \(count)")
        }
        print("\(walk.tried) transactions, \(walk.taken) taken, \(walk.heights) blocks, \(walk.reverts) reverts")
    }
}
