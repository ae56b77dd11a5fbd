// Reads what a test said: report lines (Firmware/FirmwareTesting/ReportLine.swift) and everything else.
import Foundation
import Reporting

/// The records of one run, in order; what is no well-formed record is the test's own output.
struct TestOutput {
    struct Record {
        var kind: String
        var fields: [String]
    }

    private(set) var records: [Record] = []
    private(set) var log: [String] = []

    /// Fields that each kind has at least; anything else that looks like a record is garbage of the test.
    private static let fieldCounts = ["end": 5, "fail": 2, "skip": 1, "log": 1, "fault": 12, "stack": 1, "ask": 2]

    /// Bytes that are kept of the beginning and of the end of what a test said. Its verdict is at the end.
    static let kept = (first: 64 << 10, last: 192 << 10)
    /// Bytes of a line, or of a field of a record.
    static let longest = 4 << 10

    /// What a file holds, or its beginning and end with a line that says how much is missing.
    init(file: URL) { self.init(Self.bytes(file)) }

    static func bytes(_ file: URL) -> Data {
        guard let handle = try? FileHandle(forReadingFrom: file), let size = try? handle.seekToEnd() else { return Data() }
        defer { try? handle.close() }
        let most = UInt64(kept.first + kept.last)
        func read(_ from: UInt64, _ count: Int) -> Data {
            guard (try? handle.seek(toOffset: from)) != nil else { return Data() }
            return (try? handle.read(upToCount: count)) ?? Data()
        }
        guard size > most else { return read(0, Int(size)) }
        let gap = Data("\n… \(size - most) bytes are left out …\n".utf8)
        return read(0, kept.first) + gap + read(size - UInt64(kept.last), kept.last)
    }

    private static func text(_ bytes: Data) -> String {
        let text = String(decoding: bytes.prefix(longest), as: UTF8.self)
        return bytes.count > longest ? text + "… (\(bytes.count) bytes)" : text
    }

    init(_ bytes: Data) {
        for line in bytes.split(separator: 0x0A) {
            guard let start = line.lastIndex(of: 1) else {
                append(log: line)
                continue
            }
            if start > line.startIndex { append(log: line[..<start]) }
            let fields = line[line.index(after: start)...].split(separator: 0x1F, omittingEmptySubsequences: false)
                .map { Self.text($0) }
            guard let kind = fields.first, let count = Self.fieldCounts[kind], fields.count > count, Self.isSound(kind, fields)
            else {
                append(log: line[start...])
                continue
            }
            if kind == "log" {
                log.append(Quoted.line(fields[1]))
            } else {
                records.append(Record(kind: kind, fields: Array(fields.dropFirst())))
            }
        }
    }

    private static func isSound(_ kind: String, _ fields: [String]) -> Bool {
        switch kind {
        case "end": fields.count == 6 && fields.dropFirst().allSatisfy { UInt32($0) != nil }
        case "fail": UInt32(fields[2]) != nil
        case "fault": UInt32(fields[1]) != nil && fields.dropFirst(2).allSatisfy { UInt32($0, radix: 16) != nil }
        case "stack": fields.dropFirst().allSatisfy { UInt32($0, radix: 16) != nil }
        default: true
        }
    }

    private mutating func append(log line: Data) {
        let visible = Quoted.line(Self.text(line))
        if !visible.isEmpty { log.append(visible) }
    }

    func last(_ kind: String) -> Record? { records.last { $0.kind == kind } }
    func all(_ kind: String) -> [Record] { records.filter { $0.kind == kind } }
}
