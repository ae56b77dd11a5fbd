// A node's "no" before it did anything. One that the node has signed for the very message is its word; any other proves nothing.
import HostCrypto
import Reporting

/// Why a node refused a message, or something in its name. Nothing was executed or recorded, if it is proven.
public struct Refusal: Error, Hashable, Codable, Sendable {
    /// The stable name that programs match on, such as "replayed".
    public let reason: String
    /// What it means, in one sentence: the node's own, or ours for a node that saves the flash.
    public let detail: String
    /// The code on the wire, if it sent one.
    public let code: UInt64?
    /// True when the node has signed it for the very message that was sent.
    public let isSigned: Bool
    /// True when the node has signed that it did nothing: by the refusal itself, or by a log that lacks the message. Of any other nothing is
    /// known but that something has answered so.
    public let isProven: Bool

    /// A refusal by its stable name.
    public init(reason: String, detail: String, code: UInt64? = nil, isSigned: Bool = false) {
        self.init(reason, detail, code, isSigned: isSigned, isProven: isSigned)
    }

    private init(_ reason: String, _ detail: String, _ code: UInt64?, isSigned: Bool, isProven: Bool) {
        (self.reason, self.detail, self.code) = (reason, detail, code)
        (self.isSigned, self.isProven) = (isSigned, isProven)
    }

    /// The refusal of a message that the node's signed log lacks.
    package var proven: Refusal { Refusal(reason, detail, code, isSigned: isSigned, isProven: true) }

    /// A refusal that is known here.
    public init(_ reason: RefusalReason, isSigned: Bool = false) {
        self.init(reason: reason.rawValue, detail: reason.meaning, code: UInt64(reason.code), isSigned: isSigned)
    }

    /// Reads an answer's body (RFC 9290); nil if it is no problem details. Anything on the way can write one.
    public init?(problemDetails body: [UInt8]) {
        guard let item = try? CBORItem(body), let title = item[Self.title]?.text else { return nil }
        self.init(
            reason: title, detail: item[Self.detail]?.text ?? RefusalReason(rawValue: title)?.meaning ?? "",
            code: item[Self.extension]?[0]?.uint)
    }

    /// Keys of problem details (RFC 9290, section 2), and the one of this protocol.
    private static let title: Int64 = -1
    private static let detail: Int64 = -2
    private static let `extension` = "tag:lightnode,2026:refusal"

    /// A refusal that the node has signed for the message that was sent.
    public init(_ statement: RefusalStatement) {
        if let reason = RefusalReason(code: UInt64(statement.code)) {
            self.init(reason, isSigned: true)
        } else {
            self.init(
                reason: "refusal-\(statement.code)", detail: "this program is older than the firmware",
                code: UInt64(statement.code), isSigned: true)
        }
    }

    /// The reason, if it is known here.
    public var known: RefusalReason? { RefusalReason(rawValue: reason) }

    /// What to do next.
    public var remedy: Remedy { known?.remedy ?? .showStatus }
}

extension Refusal: CustomStringConvertible {
    public var description: String { "\(reason)\(detail.isEmpty ? "" : ": \(detail)")" }
}
