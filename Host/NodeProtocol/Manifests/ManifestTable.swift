// Manifests as CSV (RFC 4180), for spreadsheets and production systems.
import Foundation
import HostCrypto
import Reporting

extension Manifest {
    private static let columns = [
        "batch", "serial", "address", "identity", "claim", "board", "firmware", "firmware_hash", "hardware_serial", "network",
        "test",
        "identity_injected", "readback_protected", "station", "operator", "time",
    ]

    /// The signed manifest as CSV.
    public func csv(signedWith key: SigningKey) -> [UInt8] {
        precondition(key.publicKey == publicKey, "a manifest is signed with the key that it names")
        let rows = nodes.map { node in
            [
                node.batch, "\(node.serial)", "\(node.address)", "\(node.identity)", "\(node.claim)", node.board,
                node.firmware, node.firmwareHash, node.hardwareSerial, "\(node.network)", node.isTest ? "1" : "0",
                node.isIdentityInjected ? "1" : "0", node.isProtected ? "1" : "0", node.station, node.operator,
                node.time.formatted(.iso8601),
            ]
        }
        let trailer = ["signature", station, created.formatted(.iso8601), publicKey.description]
        let signed = Self.signed([Self.columns] + rows, trailer)
        return signed + Array((key.sign(Self.domain + signed).hex + "\r\n").utf8)
    }

    /// The values as they are signed, however a file writes them: rows that end in CR LF, quotes where they must be, and the last row up to the
    /// comma before the signature.
    private static func signed(_ rows: [[String]], _ trailer: [String]) -> [UInt8] {
        func line(_ fields: [String]) -> String { fields.map(Quoted.csv).joined(separator: ",") }
        return Array((rows.map { line($0) + "\r\n" }.joined() + line(trailer) + ",").utf8)
    }

    static func read(csv bytes: [UInt8], _ name: String) throws -> Manifest {
        let lines = try rows(bytes, name)
        guard lines.first == columns, let trailer = lines.last, trailer.count == 5, trailer[0] == "signature",
            let created = try? Date(trailer[2], strategy: .iso8601),
            let key = [UInt8](hex: trailer[3]).flatMap({ PublicKey($0) }),
            let signature = [UInt8](hex: trailer[4])
        else { throw unreadable(name) }
        guard key.verifies(signature, of: domain + signed(lines.dropLast(), trailer.dropLast())) else { throw forged(name) }
        let nodes = try lines[1..<(lines.count - 1)].map { try entry($0, name) }
        guard let first = nodes.first,
            nodes.allSatisfy({ $0.batch == first.batch && $0.network == first.network && $0.isTest == first.isTest })
        else { throw unreadable(name) }
        return Manifest(
            batch: first.batch, network: first.network, isTest: first.isTest, station: trailer[1], publicKey: key,
            created: created,
            nodes: nodes)
    }

    private static func entry(_ fields: [String], _ name: String) throws -> ProvisioningRecord {
        guard fields.count == columns.count, let serial = Int64(fields[1]), let address = try? NodeAddress(parsing: fields[2]),
            let identity = [UInt8](hex: fields[3]).flatMap({ PublicKey($0) }),
            let claim = [UInt8](hex: fields[4]).flatMap({ PublicKey($0) }), let network = UInt64(fields[9]),
            let time = try? Date(fields[15], strategy: .iso8601)
        else { throw unreadable(name) }
        return ProvisioningRecord(
            batch: fields[0], serial: serial, address: address, identity: identity, claim: claim, board: fields[5],
            firmware: fields[6], firmwareHash: fields[7], hardwareSerial: fields[8], network: network, isTest: fields[10] == "1",
            isIdentityInjected: fields[11] == "1", isProtected: fields[12] == "1", station: fields[13], operator: fields[14],
            time: time)
    }

    /// Fields of all rows, as spreadsheets and editors leave them: quotes as RFC 4180 has them or everywhere, any line ends, a byte order mark,
    /// empty lines at the end.
    private static func rows(_ bytes: [UInt8], _ name: String) throws -> [[String]] {
        let bytes = bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? Array(bytes.dropFirst(3)) : bytes
        func text(_ field: [UInt8]) -> String { Quoted.csvField(String(decoding: field, as: UTF8.self)) }
        var rows: [[String]] = []
        var row: [String] = []
        var field: [UInt8] = []
        var isQuoted = false
        var index = 0
        while index < bytes.count {
            let byte = bytes[index]
            let next = index + 1 < bytes.count ? bytes[index + 1] : 0
            switch (byte, isQuoted) {
            case (UInt8(ascii: "\""), true) where next == UInt8(ascii: "\""):
                field.append(byte)
                index += 1
            case (UInt8(ascii: "\""), _): isQuoted.toggle()
            case (UInt8(ascii: ","), false):
                row.append(text(field))
                field = []
            case (UInt8(ascii: "\r"), false), (UInt8(ascii: "\n"), false):
                rows.append(row + [text(field)])
                (row, field) = ([], [])
                if byte == UInt8(ascii: "\r"), next == UInt8(ascii: "\n") { index += 1 }
            default: field.append(byte)
            }
            index += 1
        }
        guard !isQuoted else { throw unreadable(name) }
        if !field.isEmpty || !row.isEmpty { rows.append(row + [text(field)]) }
        while rows.last == [""] { rows.removeLast() }
        return rows
    }
}
