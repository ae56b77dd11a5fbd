// What `lightnode flash` prints: for each device what was done, and the node that came back.
import FirmwareBuild
import Flashing
import Foundation
import Reporting

/// One device after its flash.
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

    init(_ device: FlashCandidate, _ job: FlashJob, report: FlashReport) {
        serial = device.serial
        port = device.port
        via = device.via
        board = job.board.name
        self.report = report
    }

    init(_ device: FlashCandidate, _ job: FlashJob, error: any Error) {
        serial = device.serial
        port = device.port
        via = device.via
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

/// All devices of one run.
struct FlashSummary: Encodable, CustomStringConvertible {
    let image: String
    let version: String
    let size: Int
    let devices: [FlashOutcome]

    init(image: FlashImage, devices: [FlashOutcome]) {
        self.image = image.source.relativePath
        version = image.header.versionText
        size = image.header.size
        self.devices = devices
    }

    var description: String {
        (["image \(version), \(size) bytes"] + devices.map(\.description)).joined(separator: "\n")
    }
}

/// A device that could be flashed, and as what.
struct ListedDevice: Encodable, CustomStringConvertible {
    let board: String
    let device: FlashCandidate
    /// What `--serial` takes for it alone.
    let name: String

    var description: String { "\(board)  --via \(device.via.rawValue) --serial \(name)  \(Quoted.line(device.note))" }
}
