import Foundation
import Reporting
import Testing

@testable import HostCrypto
@testable import Keystore
@testable import NodeProtocol

/// Numbers of signed messages and of a changed log.sqlite: what no node can have counted is refused, and ends no program.
@Suite("Numbers from nodes and files", .serialized) struct ForeignNumberTests {
    private let key = SigningKey(seed: SecretBytes([UInt8](repeating: 3, count: 32)))!
    private var node: NodeAddress { NodeAddress(of: key.publicKey) }

    private func little(_ value: UInt64, _ count: Int) -> [UInt8] {
        (0..<count).map { UInt8(truncatingIfNeeded: value >> (8 * UInt64($0))) }
    }

    /// A receipt as a node with this key signs it.
    private func receipt(index: UInt64, _ more: [Int64: CBORItem] = [:]) throws -> Receipt {
        let message = [UInt8](repeating: 7, count: 32)
        let entry =
            little(5, 7) + [0] + Array(message.prefix(8)) + [0, 0, 0, 0, 5, 0, 0, 0, 0, 0] + little(index, 4)
        let details: [Int64: CBORItem] = [
            NodeClaim.epoch: .uint(1), NodeClaim.seq: .uint(5), NodeClaim.call: .array([.text("led"), .text("set")]),
            NodeClaim.index: .uint(index), NodeClaim.previous: .bytes([UInt8](repeating: 0, count: 32)),
            NodeClaim.message: .bytes(message), NodeClaim.outcome: .uint(5), NodeClaim.entry: .bytes(entry),
        ]
        let merged = details.merging(more) { $1 }.map { (CBORItem($0.key), $0.value) }
        let claims = CBORItem.map([
            CWTClaim.issuer: .text(node.description), CWTClaim.node: .map(Dictionary(uniqueKeysWithValues: merged)),
        ])
        let bytes = SignedObject.sign(claims.encoded, type: .receipt, network: 7, key: key)
        return try Receipt(verifying: bytes, identity: key.publicKey, network: 7)
    }

    private func telemetry(first: UInt64, count: Int) throws -> Telemetry {
        let sample = CBORItem.array([.text("button"), .text("press"), .null, .uint(1)])
        let samples = [CBORItem](repeating: sample, count: count)
        let claims = CBORItem.map([
            CWTClaim.issuer: .text(node.description),
            CWTClaim.node: .map([
                NodeClaim.epoch: .uint(1), NodeClaim.boot: .uint(1), NodeClaim.uptime: .uint(5000), NodeClaim.first: .uint(first),
                NodeClaim.samples: .array(samples),
            ]),
        ])
        let bytes = SignedObject.sign(claims.encoded, type: .telemetry, network: 7, key: key)
        return try Telemetry(verifying: bytes, identity: key.publicKey, network: 7)
    }

    private func kind(_ body: () throws -> Void) -> Failure.Kind? {
        do { try body() } catch { return (error as? Failure)?.kind }
        return nil
    }

    private func withFolder(_ body: (String) throws -> Void) throws {
        let path = FileManager.default.temporaryDirectory.path + "/ln-numbers-\(UInt32.random(in: 0 ... .max))"
        try FileManager.default.createDirectory(
            atPath: path, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        defer { try? FileManager.default.removeItem(atPath: path) }
        try body(path)
    }

    /// As any SQLite program would.
    private func change(_ path: String, _ sql: String) throws {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = [
            "python3", "-c", "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute(sys.argv[2]); c.commit()", path,
            sql,
        ]
        try process.run()
        process.waitUntilExit()
        #expect(process.terminationStatus == 0, "\(sql)")
    }

    private static let last = UInt64(LogNumber.end) - 1

    @Test("Telemetry whose numbers leave 32 bits is refused, and the last that is taken is followed to its end")
    func telemetry() throws {
        for first in [UInt64(UInt32.max), UInt64(UInt32.max) - 7, Self.last + 1, 1 << 32, .max] {
            #expect(kind { _ = try telemetry(first: first, count: 1) } == .malformedAnswer, "\(first)")
        }
        var follower = TelemetryFollower()
        #expect(follower.take(try telemetry(first: Self.last, count: 8)).count == 8)
        #expect(follower.take(try telemetry(first: Self.last, count: 8)).isEmpty)
        #expect(follower.take(try telemetry(first: 0, count: 0)).isEmpty)
    }

    @Test("A receipt with an index, a gap or an argument's position that cannot be is refused or told without it")
    func receipts() throws {
        for index in [UInt64(UInt32.max), Self.last + 1] {
            #expect(kind { _ = try receipt(index: index) } == .malformedAnswer, "\(index)")
        }
        #expect(try receipt(index: Self.last).index + 1 == LogNumber.end)
        for lost in [UInt64(9), 10, 1 << 32, .max] {
            #expect(kind { _ = try receipt(index: 9, [NodeClaim.lostFrom: .uint(lost)]) } == .malformedAnswer, "\(lost)")
        }
        #expect(try receipt(index: 9, [NodeClaim.lostFrom: .uint(8)]).lostFrom == 8)
        for position in [UInt64(Int64.max), 256, .max] {
            let found = try receipt(index: 1, [NodeClaim.expected: .array([.uint(position), .uint(0), .uint(1)])])
            #expect(found.expected == nil && !found.description.isEmpty)
        }
        #expect(
            try receipt(index: 1, [NodeClaim.expected: .array([.uint(255), .uint(0), .uint(1)])]).expected?.description.contains(
                "256") == true)
    }

    @Test("A gap of four billion entries is one row, and takes a moment")
    func hugeGap() throws {
        try withFolder { folder throws in
            let log = try NodeLog(folder + "/log.sqlite")
            try log.record([try receipt(index: 5), try receipt(index: Self.last)], identity: key.publicKey, network: 7)
            let began = threadSeconds()
            try log.recordGap(0..<UInt32(Self.last), of: node, identity: key.publicKey, network: 7)
            #expect(try log.entries(of: node).gaps == [0..<5, 6..<UInt32(Self.last)])
            #expect(try log.firstMissing(of: node) == LogNumber.end)
            #expect(threadSeconds() - began < 5)
            #expect(try log.entries(of: node, from: .max).isEmpty)
        }
    }

    @Test(
        "A file whose numbers, types or texts were changed is told to be so, whatever was put there",
        arguments: [
            "UPDATE device SET identity = x''", "UPDATE device SET identity = x'00'", "UPDATE receipt SET bytes = x''",
            "UPDATE receipt SET bytes = x'd28443'", "UPDATE receipt SET number = -1 WHERE number = 5",
            "UPDATE receipt SET number = 4294967295",
            "UPDATE receipt SET number = 9223372036854775807", "UPDATE gap SET first = 9, next = 5", "UPDATE gap SET first = -1",
            "UPDATE gap SET next = 4294967296", "UPDATE gap SET next = 9223372036854775807", "UPDATE gap SET first = 3, next = 3",
            "DELETE FROM device", "UPDATE device SET address = 'node1x'",
        ])
    func changed(sql: String) throws {
        try withFolder { folder throws in
            let path = folder + "/log.sqlite"
            do {
                let log = try NodeLog(path)
                try log.record([try receipt(index: 5)], identity: key.publicKey, network: 7)
                try log.recordGap(0..<5, of: node, identity: key.publicKey, network: 7)
            }
            try change(path, sql)
            let log = try NodeLog(path)
            let found = [
                kind { _ = try log.entries(of: node) }, kind { _ = try log.firstMissing(of: node) },
            ].compactMap { $0 }
            // A row that one question does not reach is met by the one that counts entries.
            #expect(found.contains(.notAuthentic) && found.allSatisfy { $0 == .notAuthentic }, "\(found)")
        }
    }

    @Test("A log of 0 bytes is no new one")
    func empty() throws {
        try withFolder { folder throws in
            try Data().write(to: URL(fileURLWithPath: folder + "/log.sqlite"))
            #expect(kind { _ = try NodeLog(folder + "/log.sqlite") } == .environment)
        }
    }

    @Test(
        "A damaged node shows its state, whatever stands in its address's place; another one with such an address is not believed"
    )
    func damagedNode() throws {
        func status(_ state: UInt64, _ address: CBORItem, length: UInt64 = 3) throws -> NodeStatus {
            let body = CBORItem.map([
                StatusField.condition: .uint(state), StatusField.address: address, StatusField.board: .text("bench"),
                StatusField.version: .text("1.0.0"), StatusField.entries: .uint(length),
                StatusField.damaged: .array([.text("log")]),
                StatusField.identity: .bytes([UInt8](repeating: 0, count: 32)),
            ])
            return try NodeStatus(body.encoded, from: "the line")
        }
        let noAddress = CBORItem.text(String(repeating: "\0", count: 43))
        for address in [noAddress, .null] {
            let damaged = try status(3, address)
            #expect(damaged.state == .damaged && damaged.address == nil && damaged.identity == nil)
            #expect(damaged.description.contains("damaged") && !damaged.description.contains("\0"))
        }
        #expect(kind { _ = try status(2, noAddress) } == .malformedAnswer)
        #expect(kind { _ = try status(2, .null, length: UInt64(UInt32.max)) } == .malformedAnswer)
    }
}

/// Seconds that this thread has computed: no other program's work counts.
private func threadSeconds() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
}
