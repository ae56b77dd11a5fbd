// Reporting: the one shape of every error that a person reads. It knows nothing of devices, keys or terminals.

/// What went wrong on the computer's side, in the terms that decide what to do next.
///
/// Refusals by a device are not failures of the host: they are `Refusal` in `ControlNode`.
public struct Failure: Error, Hashable, Codable, Sendable {
    /// What helps when a user may not open a USB device.
    public static let adviceToPermitUSB = "Install the rule that permits it: sudo lightnode udev --install, then plug it in again"

    /// The class of a failure; the command line maps each to one exit code.
    public enum Kind: String, Codable, CaseIterable, Sendable {
        /// What was asked for makes no sense (a label with a wrong character, a malformed call, an unknown device name).
        case usage
        /// The device did not answer, or there is none.
        case unreachable
        /// The computer lacks something: a file, a permission, space, a program.
        case environment
        /// A signature, an address or a chain of receipts is not what it claims to be.
        case notAuthentic
        /// The device answered with something that the protocol does not allow.
        case malformedAnswer
        /// Nobody knows whether the command was carried out.
        case uncertain
        /// An image is damaged or not for this board; nothing was touched.
        case unfitImage
        /// A flash does not hold what it should: it may be partly written, or it differs from the image.
        case notFlashed
        /// The user stopped it.
        case interrupted
    }

    public let kind: Kind
    /// What happened, and to what: one sentence without a full stop.
    public let what: String
    /// The next thing to do: one sentence without a full stop.
    public let advice: String

    public init(_ kind: Kind, _ what: String, advice: String) {
        self.kind = kind
        self.what = what
        self.advice = advice
    }
}

extension Failure: CustomStringConvertible {
    public var description: String { "\(what)\n  \(advice)" }
}

/// An error of another module that knows how to be shown as a `Failure`.
public protocol Reportable: Error {
    var failure: Failure { get }
}
