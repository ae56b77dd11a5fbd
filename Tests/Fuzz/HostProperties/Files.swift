// What must hold of the files that a control node and an emulated board keep, whatever stands in them.
import BoardFacts
import Foundation
import FuzzProperties
import HostCrypto
import NodeProtocol
import Reporting

@testable import Emulation
@testable import Keystore

/// A folder of this process's own, in memory where there is such a place.
enum Folder {
    static let url: URL = {
        let url = FileManager.default.temporaryDirectory.appendingPathComponent("lightnode-fuzz-\(getpid())")
        try? FileManager.default.createDirectory(
            at: url, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        atexit { try? FileManager.default.removeItem(at: Folder.url) }
        return url
    }()

    /// A file of `bytes` that only its owner may read, in the place of one that was there.
    static func file(_ name: String, _ bytes: [UInt8]) throws -> PrivateFile {
        let path = url.appendingPathComponent(name).path
        let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
        defer { close(descriptor) }
        guard descriptor >= 0, write(descriptor, bytes, bytes.count) == bytes.count else { throw CocoaError(.fileWriteUnknown) }
        return PrivateFile(path)
    }
}

private func digits(_ bytes: some Sequence<UInt8>) -> String { bytes.map { String(format: "%02x", $0) }.joined() }

// MARK: Keys

/// The first byte chooses the kind of file. A key that is read is the one that the file names; a file of 0 bytes is none, and no new one.
@Sendable func checkKeys(_ input: [UInt8]) throws {
    let bytes = Array(input.dropFirst()), kind = (input.first ?? 0) % 6
    switch kind {
    case 0: try checkControllerKey(bytes, input)
    case 1:
        let file = try Folder.file("controller.key", bytes)
        _ = try? ControllerKey.isSealed(file)
        try checkSealed(file, bytes, input)
    case 2:
        let key = try StationKey.open(try Folder.file("station.key", bytes))
        guard bytes.count == 32, key.publicKey == SigningKey(seed: SecretBytes(bytes))?.publicKey else {
            throw Violation("a station's key of \(bytes.count) bytes", input)
        }
    case 3:
        let key = try EscrowKey.load(from: try Folder.file("escrow.key", bytes))
        guard bytes.count == 32, key.secret.withUnsafeBytes({ Array($0) }) == bytes else {
            throw Violation("an escrow key of \(bytes.count) bytes", input)
        }
    case 4:
        let key = try EscrowPublicKey(parsing: try Folder.file("escrow.pub", bytes).path)
        let text = String(decoding: bytes, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
        guard text.lowercased() == key.description else { throw Violation("another escrow key than its file has", input) }
    default: try checkSequence(bytes, input)
    }
}

private struct KeyFile: Decodable {
    struct Sealed: Decodable { let operations, memory: UInt64 }
    let publicKey: String
    let seed: String?
    let sealed: Sealed?
}

private func checkControllerKey(_ bytes: [UInt8], _ input: [UInt8]) throws {
    let file = try Folder.file("controller.key", bytes)
    let key = try ControllerKey.load(from: file) { nil }
    let contents = try JSONDecoder().decode(KeyFile.self, from: Data(bytes))
    guard key.publicKey.description == contents.publicKey.lowercased(), contents.sealed == nil,
        key.signing.seed.withUnsafeBytes({ digits($0) }) == contents.seed?.lowercased()
    else { throw Violation("another key than the file's", input) }
    let copy = PrivateFile(file.path + ".copy")
    try copy.remove()
    try key.save(to: copy)
    if try ControllerKey.load(from: copy, passphrase: { nil }).publicKey != key.publicKey {
        throw Violation("a key came back otherwise", input)
    }
}

/// A sealed key opens with its passphrase or not at all. What costs too much is only looked at: its limits have tests of their own.
private func checkSealed(_ file: PrivateFile, _ bytes: [UInt8], _ input: [UInt8]) throws {
    guard let contents = try? JSONDecoder().decode(KeyFile.self, from: Data(bytes)), let sealed = contents.sealed,
        sealed.memory <= 1 << 16 && sealed.operations <= 3 || sealed.memory > 1 << 30 || sealed.operations > 16
    else { return }
    let key = try ControllerKey.load(from: file) { "fuzzed" }
    if sealed.memory > 1 << 30 || sealed.operations > 16 { throw Violation("opened at any cost", input) }
    if key.publicKey.description != contents.publicKey.lowercased() { throw Violation("another key than the file's", input) }
}

/// Numbers rise, and what was given out is in the file.
private func checkSequence(_ bytes: [UInt8], _ input: [UInt8]) throws {
    let file = try Folder.file("sequence", bytes)
    let clock = SequenceClock(file) { 1000 }
    let text = String(decoding: bytes, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
    let first = try clock.next()
    guard let last = UInt64(text), first > last, first >= 1000 else { throw Violation("\(first) after “\(text)”", input) }
    if first < SignedMessage.maximumSequence, try clock.next() <= first { throw Violation("a number twice", input) }
}

// MARK: Books

private struct Entries: Decodable {
    struct Entry: Decodable {}
    let devices, grants: [Entry]?
}

/// The first byte chooses the book. None of its entries is left out, and written again it reads the same.
@Sendable func checkBooks(_ input: [UInt8]) throws {
    let bytes = Array(input.dropFirst())
    let file = try Folder.file("book.json", bytes)
    let entries = try? JSONDecoder().decode(Entries.self, from: Data(bytes))
    if (input.first ?? 0) & 1 == 0 {
        let book = NodeBook(file)
        let nodes = try book.nodes()
        guard nodes.count == entries?.devices?.count else { throw Violation("\(nodes.count) nodes", input) }
        guard let first = nodes.first else { return }
        try book.update(first.address) { $0.name = "fuzzed" }
        var expected = nodes.map(wholeSeconds)
        expected[0].name = "fuzzed"
        if Set(try book.nodes()) != Set(expected) { throw Violation("nodes came back otherwise", input) }
        try book.forget(first.address)
        if try book.node(first.address) != nil { throw Violation("a node that was forgotten", input) }
    } else {
        let book = GrantBook(file)
        let grants = try book.grants()
        guard grants.count == entries?.grants?.count else { throw Violation("\(grants.count) grants", input) }
        guard let first = grants.first else { return }
        _ = first.description
        try book.record(first)
        let (again, expected) = (try book.grants(), grants + [first])
        // Times are written without fractions.
        guard again.map(\.text) == expected.map(\.text), again.map(\.paid) == expected.map(\.paid),
            again.map(\.holder) == expected.map(\.holder), again.map(\.isRevoked) == expected.map(\.isRevoked),
            zip(again, expected).allSatisfy({ abs($0.givenAt.timeIntervalSince($1.givenAt)) < 1 })
        else { throw Violation("grants came back otherwise", input) }
    }
}

/// As it is written: times have no fractions in these files.
private func wholeSeconds(_ node: KnownNode) -> KnownNode {
    var node = node
    node.boundAt = Date(timeIntervalSince1970: node.boundAt.timeIntervalSince1970.rounded(.down))
    return node
}

// MARK: Boards' flash

/// The first byte chooses board and kind, the next three how large the file is; the rest stands at its start. A file of another size is refused and
/// stays; a record of a board is read, or is damaged, and hides no other board.
@Sendable func checkFlash(_ input: [UInt8]) throws {
    guard input.count >= 4 else { return }
    if input[0] & 0x40 == 0x40 { return try checkRecord(Array(input.dropFirst(4)), input) }
    let boards = Bench.boards
    let board = boards[Int(input[0]) % boards.count], size = FlashFile.size(for: board)
    let claimed = Int(input[1]) << 16 | Int(input[2]) << 8 | Int(input[3])
    let isWhole = input[0] & 0x80 == 0
    var bytes = [UInt8](repeating: 0, count: isWhole ? size : min(claimed, 1 << 20))
    let start = input.dropFirst(4).prefix(bytes.count)
    bytes.replaceSubrange(0..<start.count, with: start)
    let url = URL(fileURLWithPath: try Folder.file("flash.bin", bytes).path)
    do {
        let file = try FlashFile(url, board: board)
        guard bytes.count == size, try file.contents() == Data(bytes) else { throw Violation("took \(bytes.count) bytes", input) }
        let changed = Data(bytes.reversed())
        try file.replace(with: changed)
        guard try file.contents() == changed else { throw Violation("other contents than were written", input) }
    } catch let failure as Failure {
        if bytes.count == size { throw Violation("refused: \(failure.what)", input) }
        guard try Data(contentsOf: url) == Data(bytes) else { throw Violation("changed what it refused", input) }
    }
}

private func checkRecord(_ bytes: [UInt8], _ input: [UInt8]) throws {
    let home = Folder.url.appendingPathComponent("home"), boards = EmulatedBoards(home: home)
    for name in ["fuzzed", "other"] {
        try FileManager.default.createDirectory(at: boards.stateFolder(name), withIntermediateDirectories: true)
        try Data(bytes).write(to: boards.stateFolder(name).appendingPathComponent("record.json"))
    }
    guard boards.names == ["fuzzed", "other"] else { throw Violation("a board is hidden: \(boards.names)", input) }
    guard (try? boards.record("other")) == nil || (try? boards.record("fuzzed")) == nil else {
        throw Violation("one record of two names", input)
    }
    guard let record = try? boards.record("fuzzed") else { return }
    let stored = try StoredBoard("fuzzed", boards: boards, writes: true)
    if stored.board.flash.size.value <= 1 << 24 { _ = try? stored.contents() }
    if record.name != "fuzzed" { throw Violation("a record of another board", input) }
}
