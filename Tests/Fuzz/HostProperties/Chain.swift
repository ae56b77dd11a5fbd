// What must hold of the chain's bytes as anyone may send them: each reader takes the one encoding of what it reads, or refuses; and a ledger that is
// given any action of an account stays in order.
import CBOR
import FuzzProperties
import HostCrypto

@testable import Ledger

/// A chain on which the target acts.
private enum Chain {
    static let representatives = (0..<105).map { key(1, $0) }
    static func key(_ kind: UInt8, _ number: Int) -> SigningKey {
        SigningKey(seed: SecretBytes([kind, UInt8(number)] + [UInt8](repeating: 7, count: 30)))!
    }
    static func secret(_ key: Hash32) -> Hash32 { .sha256(key.bytes) }
    static let genesis = try! Genesis(
        network: 7, time: 0, reserve: 1000, balances: [.init(Hash32(Bench.owner.publicKey), 1_000_000)],
        seats: representatives.map {
            let key = Hash32($0.publicKey)
            return .init(key, commitment: Contribution.commitment(to: secret(key)))
        })
}

/// The first byte chooses what the rest is.
@Sendable func checkChain(_ input: [UInt8]) throws {
    let bytes = Array(input.dropFirst())
    func same(_ written: [UInt8], _ what: String) throws {
        if written != bytes { throw Violation("\(what) came back otherwise", input) }
    }
    switch (input.first ?? 0) % 10 {
    case 0: try same(try SignedTransaction(bytes).bytes, "a transaction")
    case 1: try same(try SignedHeader(bytes).bytes, "a header")
    case 2:
        let certificate = try Certificate(bytes)
        try same(certificate.bytes, "a certificate")
        if certificate.seats.count * 64 != certificate.signatures.count { throw Violation("a seat without a signature", input) }
    case 3: try same(try Block(bytes).bytes, "a block")
    case 4: try same(try Genesis(bytes).bytes, "a genesis")
    case 5:
        let proof = try InclusionProof(bytes)
        try same(proof.bytes, "a proof")
        if proof.proves(.zero, in: .zero) { throw Violation("a root of zeros", input) }
    case 6:
        let proof = try ConsistencyProof(bytes)
        try same(proof.bytes, "a proof")
        if proof.former != proof.size, proof.proves(.zero, isStartOf: .zero) { throw Violation("roots of zeros", input) }
    case 7:
        let proof = try StateProof(bytes)
        try same(proof.bytes, "a proof")
        if !proof.siblings.isEmpty, proof.proves(.zero, in: .zero) { throw Violation("a root of zeros", input) }
    case 8: try checkRecords(bytes, input)
    default: try checkExecution(bytes, input)
    }
}

private func checkRecords(_ bytes: [UInt8], _ input: [UInt8]) throws {
    func check<Record: StateRecord>(_: Record.Type) throws {
        guard let record = try? Record(bytes) else { return }
        if record.encoded != bytes { throw Violation("a \(Record.self) came back otherwise", input) }
    }
    try check(Account.self)
    try check(Holding.self)
    try check(Token.self)
    try check(Vote.self)
    try check(Candidate.self)
    try check(Contract.self)
    try check(ContractCall.self)
    try check(Mailbox.self)
    try check(Publication.self)
    try check(Due.self)
    try check(Totals.self)
    try check(Round.self)
    try check(Representatives.self)
    try check(KeyList.self)
    try check(Bans.self)
    if let receipt = try? LedgerReceipt(bytes), receipt.encoded != bytes {
        throw Violation("a receipt came back otherwise", input)
    }
}

/// Actions, a CBOR sequence, that the target signs as the account's: one after the other in one block.
private func checkExecution(_ bytes: [UInt8], _ input: [UInt8]) throws {
    let key = Bench.owner
    var reader = CBORReader(bytes.span.bytes), signed: [SignedTransaction] = []
    while !reader.isAtEnd, signed.count < 8 {
        guard let action = try? Action(reading: &reader) else { break }
        signed.append(
            Transaction(sender: Hash32(key.publicKey), nonce: UInt64(signed.count), until: 9, fee: 1, action: action).signed(
                network: 7, key: key))
    }
    let ledger = try Ledger(genesis: Chain.genesis)
    let draft = try ledger.draft(
        slot: 1, contribution: { Contribution(reveal: Chain.secret($0), commitment: .zero) }, transactions: signed.map(\.bytes))
    let after = draft.after, totals = try after.get(.totals)
    guard let account = try after.get(.account(Hash32(key.publicKey))), let totals else {
        throw Violation("a record is gone", input)
    }
    // What is not the account's any more is with the producer or with those it was transferred to.
    let sum = account.balance + account.locked + totals.reserve + totals.deposits + totals.escrow
    if sum > Chain.genesis.supply { throw Violation("tokens out of nothing", input) }
    if draft.included.isEmpty, sum != Chain.genesis.supply { throw Violation("tokens are gone", input) }
}
