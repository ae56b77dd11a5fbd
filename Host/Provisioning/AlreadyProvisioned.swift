// A node that is done, and was connected again.
import Foundation
import NodeProtocol
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

/// The node has an owner: it has left some factory, and is nothing to be made here.
public struct AlreadyOwned: Reportable {
    /// What the node is called in messages: where it is connected.
    public let connection: String
    /// As the node says, which is not signed.
    public let address: NodeAddress?

    /// Of kind `usage`.
    public var failure: Failure {
        Failure(
            .usage, "\(connection) has an owner already (\(address?.description ?? "no address"))", about: connection,
            advice: "Only a blank node can be provisioned; a full erase of the chip makes it blank")
    }
}
