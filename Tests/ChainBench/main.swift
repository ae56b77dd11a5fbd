// chain-bench: what the chain costs, as rows for bench.json. Throughput is a ratio: the ledger from signed bytes to state root against libsodium
// verifying the same signatures, on one core, in turns within one run. The rest are times and bytes of a development chain with 10,000 accounts.
import DevChain
import Foundation
import HostCrypto
import Ledger

struct Row: Encodable {
    let name: String
    let board = "host"
    let variant: String
    let value: Double
    let unit: String
}

func milliseconds(_ body: () throws -> Void) rethrows -> Double {
    let (seconds, attoseconds) = try ContinuousClock().measure(body).components
    return Double(seconds) * 1000 + Double(attoseconds) / 1e15
}

/// Of the processor, so that what else runs on the computer does not count.
func processorTime(_ body: () throws -> Void) rethrows -> Double {
    func now() -> Double {
        var time = timespec()
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
        return Double(time.tv_sec) * 1000 + Double(time.tv_nsec) / 1e6
    }
    let start = now()
    try body()
    return now() - start
}

func median(_ values: [Double]) -> Double { values.sorted()[values.count / 2] }

let network: UInt64 = 99
let keys = DevKeys(seed: "bench")
let accounts = 10_000
let folder = FileManager.default.temporaryDirectory.appending(path: "lnchain-bench-\(getpid())").path
try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
defer { try? FileManager.default.removeItem(atPath: folder) }
let genesis = try keys.genesis(network: network, time: 1_800_000_000, accounts: accounts, balance: 1_000_000)
let people = (0..<2000).map { keys.account($0) }
var rows: [Row] = []

/// One transfer of each of some people, signed.
@MainActor func transfers(_ nonce: UInt64) -> [SignedTransaction] {
    people.enumerated().map { place, key in
        Transaction(
            sender: Hash32(key.publicKey), nonce: nonce, until: 1 << 39, fee: 1,
            action: .transfer(to: Hash32(people[(place * 7 + 1) % people.count].publicKey), amount: 3, token: nil)
        ).signed(network: network, key: key)
    }
}

/// A block of them by the producer of the next slot, which someone else then has to execute.
@MainActor func throughput() throws {
    var ledger = try Ledger(genesis: genesis), ratios: [Double] = [], rates: [Double] = []
    for round in 0..<7 {
        let signed = transfers(UInt64(round)), bytes = signed.map(\.bytes)
        // What libsodium is given: the very bytes that were signed, made beforehand.
        let checks = signed.map { ($0.signedBytes(network: network), $0.signature, $0.transaction.sender.publicKey) }
        var valid = 0
        let alone = processorTime {
            for (message, signature, key) in checks where key.verifies(signature, of: message) { valid += 1 }
        }
        precondition(valid == bytes.count)
        var draft: Draft?
        let whole = try processorTime {
            draft = try ledger.draft(
                slot: ledger.slot + 1,
                contribution: { Contribution(reveal: keys.firstSecret(of: $0), commitment: .zero) }, transactions: bytes)
        }
        guard let draft, draft.included.count == bytes.count else { fatalError("the ledger has refused some") }
        ledger = draft.after
        ratios.append(alone / whole)
        rates.append(Double(bytes.count) * 1000 / whole)
    }
    rows.append(Row(name: "chain.throughput", variant: "of libsodium", value: median(ratios), unit: "ratio"))
    rows.append(Row(name: "chain.throughput", variant: "absolute", value: median(rates), unit: "per second"))
}

@MainActor func development() throws {
    let path = "\(folder)/chain.sqlite"
    let chain = try DevChain(new: path, genesis: genesis, keys: keys)
    for transaction in transfers(0).prefix(100) { _ = try chain.submit(transaction.bytes) }
    try chain.seal()
    rows.append(
        Row(
            name: "chain.block_bytes", variant: "header", value: Double(try chain.block(at: 1)!.header.bytes.count), unit: "bytes"
        ))
    rows.append(
        Row(
            name: "chain.block_bytes", variant: "block of 100 transfers", value: Double(try chain.block(at: 1)!.bytes.count),
            unit: "bytes"))
    rows.append(
        Row(
            name: "chain.block_bytes", variant: "certificate", value: Double(try chain.certificate(at: 1)!.bytes.count),
            unit: "bytes"))
    let proof = try chain.position.proof(of: .account(Hash32(people[0].publicKey)))
    rows.append(Row(name: "chain.block_bytes", variant: "proof of an account", value: Double(proof.bytes.count), unit: "bytes"))
    let warps = try (0..<5).map { _ in try milliseconds { try chain.warp(slots: 9600) } }
    rows.append(Row(name: "chain.warp", variant: "9,600 slots", value: median(warps), unit: "ms"))
    var snapshots: [Double] = [], reverts: [Double] = [], restarts: [Double] = []
    for _ in 0..<5 {
        var moment: DevChain.Snapshot?
        snapshots.append(try milliseconds { moment = try chain.snapshot() })
        for place in 0..<20 {
            let key = people[place], nonce = try chain.position.get(.account(Hash32(key.publicKey)))?.nonce ?? 0
            let transaction = Transaction(
                sender: Hash32(key.publicKey), nonce: nonce, until: 1 << 39, fee: 1,
                action: .transfer(to: Hash32(people[place + 1].publicKey), amount: 1, token: nil))
            _ = try chain.submit(transaction.signed(network: network, key: key).bytes)
        }
        try chain.seal(blocks: 10)
        reverts.append(try milliseconds { try chain.revert(to: moment!.id) })
        restarts.append(try milliseconds { _ = try DevChain(opening: path) })
    }
    rows.append(Row(name: "chain.revert", variant: "snapshot", value: median(snapshots), unit: "ms"))
    rows.append(Row(name: "chain.revert", variant: "10 blocks", value: median(reverts), unit: "ms"))
    rows.append(Row(name: "chain.restart", variant: "10,000 accounts", value: median(restarts), unit: "ms"))
}

try throughput()
try development()
let encoder = JSONEncoder()
encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
print(String(decoding: try encoder.encode(rows), as: UTF8.self))
