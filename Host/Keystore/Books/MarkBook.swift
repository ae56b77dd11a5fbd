// How far the messages under grants have come that this home holds: what its owner's book says of its own nodes, for nodes of others.
import Foundation
import NodeProtocol
import Reporting

/// The file of marks: JSON, replaced as a whole under a lock. A grant is of one node, one ownership and one key, and so is its mark.
///
/// Format: `{"format": "lightnode-marks", "version": 1, "marks": {"GRANT": 1234}}`, with the grant's id in hexadecimal.
public struct MarkBook: Sendable {
    private let file: PrivateFile

    /// Opens nothing: the file is made by the first change.
    public init(_ file: PrivateFile) { self.file = file }

    private var records: RecordFile<Contents> { RecordFile(file: file) }

    private struct Contents: RecordFileContents {
        static let format = "lightnode-marks", what = "marks"
        var format: String = Contents.format
        var version = 1
        var marks: [String: UInt64] = [:]
    }

    /// The highest number that the node is known to have taken under that grant, where this home's own count stands below it.
    /// - Throws: `Failure` when the file is there and cannot be read, is none of marks, or has another version.
    public func mark(_ grant: Grant) throws -> UInt64? { try records.contents().marks[grant.id.hex] }

    /// Keeps it; nil forgets it. On the disk when it returns.
    /// - Throws: `Failure`; the file is then as it was.
    public func keep(_ mark: UInt64?, _ grant: Grant) throws {
        guard try self.mark(grant) != mark else { return }
        try records.change { $0.marks[grant.id.hex] = mark }
    }
}
