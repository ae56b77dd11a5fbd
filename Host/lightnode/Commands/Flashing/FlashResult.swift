// What `lightnode flash` prints: for each node what was done, and the node that came back.
import Flashing
import Foundation
import Image
import Reporting

/// One node after its flash.
struct FlashOutcome: Encodable, CustomStringConvertible {
    let serial: String
    /// Where it is: what tells it from another of that serial number.
    let port: String
    let via: WayName
    let board: String
    private(set) var report: FlashReport?
    var node: NodeReturn.Node?
    private(set) var error: ErrorReport?
    private(set) var thrown: (any Error)?

    private enum CodingKeys: String, CodingKey { case serial, port, via, board, report, node, error }

    init(_ candidate: FlashCandidate, _ job: FlashJob, report: FlashReport) {
        serial = candidate.serial
        port = candidate.port
        via = candidate.via
        board = job.board.name
        self.report = report
    }

    init(_ candidate: FlashCandidate, _ job: FlashJob, error: any Error) {
        serial = candidate.serial
        port = candidate.port
        via = candidate.via
        board = job.board.name
        fail(error)
    }

    mutating func fail(_ error: any Error) {
        thrown = error
        self.error = ErrorReport(error)
    }

    var description: String {
        guard let report else { return "\(board) \(serial): failed" }
        let done =
            switch report.outcome {
            case .written: "\(report.written) bytes written" + (report.verified > 0 ? ", \(report.verified) read back" : "")
            case .unchanged: "unchanged: its \(report.size) bytes are there already"
            case .verified: "holds the image: \(report.verified) bytes compared"
            case .planned: "would erase \(report.erased) and write \(report.written) bytes"
            }
        return "\(board) \(serial) via \(via.rawValue): \(done)" + (node.map { "\n\($0)" } ?? "")
    }
}

/// All nodes of one run.
struct FlashSummary: Encodable, CustomStringConvertible {
    let image: String
    let version: String
    let size: Int
    let nodes: [FlashOutcome]

    init(image: CheckedImage, nodes: [FlashOutcome]) {
        self.image = image.source.relativePath
        version = image.header.versionText
        size = image.header.size
        self.nodes = nodes
    }

    var description: String {
        (["image \(version), \(size) bytes"] + nodes.map(\.description)).joined(separator: "\n")
    }
}

/// A node that could be flashed, and as what.
struct ListedNode: Encodable, CustomStringConvertible {
    let board: String
    let candidate: FlashCandidate
    /// What `--serial` takes for it alone.
    let name: String

    var description: String { "\(board)  --via \(candidate.via.rawValue) --serial \(name)  \(Quoted.line(candidate.note))" }
}
