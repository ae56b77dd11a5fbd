// Reads what a test said: report lines (Firmware/FirmwareTesting/ReportLine.swift) and everything else.
import Foundation

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

    init(_ bytes: Data) {
        for line in bytes.split(separator: 0x0A) {
            guard let start = line.lastIndex(of: 1) else {
                append(log: line)
                continue
            }
            if start > line.startIndex { append(log: line[..<start]) }
            let fields = line[line.index(after: start)...].split(separator: 0x1F, omittingEmptySubsequences: false)
                .map { String(decoding: $0, as: UTF8.self) }
            guard let kind = fields.first, let count = Self.fieldCounts[kind], fields.count > count, Self.isSound(kind, fields)
            else {
                append(log: line[start...])
                continue
            }
            if kind == "log" {
                log.append(fields[1])
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
        let text = String(decoding: line, as: UTF8.self)
        let visible = text.unicodeScalars.map {
            $0.value < 0x20 || $0.value == 0x7F ? "\\u{\(String($0.value, radix: 16))}" : String($0)
        }.joined()
        if !visible.isEmpty { log.append(visible) }
    }

    func last(_ kind: String) -> Record? { records.last { $0.kind == kind } }
    func all(_ kind: String) -> [Record] { records.filter { $0.kind == kind } }
}
