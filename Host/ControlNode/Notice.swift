// What a control node finds beside what it was asked: told to the user, and no failure of the command.
import Foundation
import NodeProtocol
import Reporting

/// Something that was found and made good.
public enum Notice: Sendable {
    /// The node had taken a higher number than this control node would have given: it was stepped over.
    case steppedOver(NodeAddress, mark: UInt64)
    /// A change of ownership that an earlier program had begun has been finished in the book.
    case finished(NodeAddress, MessageType)
    /// A change of ownership that an earlier program had begun was not taken by the node, and never will be.
    case abandoned(NodeAddress, MessageType)
    /// The node is in another ownership than the book said, and obeys this control node.
    case caughtUp(NodeAddress, epoch: UInt32)
    /// The node's log is another one than before.
    case forked(NodeAddress, from: UInt32)
    /// The node has signed the receipt, and it could not be kept here.
    case notRecorded(NodeAddress, Failure)
}

extension Notice: CustomStringConvertible {
    public var description: String {
        switch self {
        case .steppedOver(let node, let mark):
            "\(node) has taken numbers up to \(mark) (\(Self.date(mark))): another computer with this key, or an earlier clock of this one, is "
                + "ahead; it was stepped over"
        case .finished(let node, let type): "an earlier \(type.rawValue) of \(node) was carried out: the book says so now"
        case .abandoned(let node, let type): "an earlier \(type.rawValue) of \(node) was not carried out, and never will be"
        case .caughtUp(let node, let epoch): "\(node) is in epoch \(epoch): the book was older"
        case .forked(let node, let first):
            "the log of \(node) is another one from entry \(first) on: its flash was rolled back or exchanged, so what was signed since may be "
                + "carried out once more. Both branches are kept"
        case .notRecorded(let node, let failure):
            "\(node) carried it out, and its receipt could not be recorded here: \(failure.what)"
        }
    }

    private static func date(_ microseconds: UInt64) -> String {
        Date(timeIntervalSince1970: Double(microseconds / 1_000_000)).formatted(.iso8601)
    }
}
