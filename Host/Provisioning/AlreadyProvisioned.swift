// A node that is done, and was connected again.
import Foundation
import Records
import Reporting

/// The node was provisioned, and its label is out.
public struct AlreadyProvisioned: Reportable {
    /// The record of the attempt that is done.
    public let record: NodeRecord
    /// What the node is called in messages: where it is connected.
    public let connection: String

    /// Of kind `usage`, with the label, the operator and the time.
    public var failure: Failure {
        let time = (record.time ?? record.begun).formatted(.iso8601)
        return Failure(
            .usage,
            "\(connection) is provisioned already (\(record.address?.description ?? "?")): \(record.label), by \(record.operator) at \(record.station) on \(time)",
            about: "\(connection)",
            advice: "Its label is the one that was printed then; a full erase of the chip makes it blank again")
    }
}
