// Reporting: the one shape of every error that a person reads, and what helps. It knows no command line: that is the business of the
// program that shows it.

/// What went wrong on the computer's side, in the terms that decide what to do next.
///
/// Refusals by a node are not failures of the host: they are `Refusal` in `NodeProtocol`.
public struct Failure: Error, Hashable, Codable, Sendable {
    /// The class of a failure; the command line maps each to one exit code.
    public enum Kind: String, Codable, CaseIterable, Sendable {
        /// What was asked for makes no sense (a label with a wrong character, a malformed call, an unknown device).
        case usage
        /// The node did not answer, or there is none.
        case unreachable
        /// The computer lacks something: a file, a permission, space, a program.
        case environment
        /// A signature, an address or a chain of receipts is not what it claims to be.
        case notAuthentic
        /// The node answered with something that the protocol does not allow.
        case malformedAnswer
        /// It is not known whether the command was carried out.
        case uncertain
        /// An image is damaged or not for this board; nothing was touched.
        case unfitImage
        /// A flash does not hold what it should: it may be partly written, or it differs from the image.
        case notFlashed
        /// The user stopped it.
        case interrupted
    }

    /// Decides the exit code of a program that ends with it.
    public let kind: Kind
    /// What happened, and to what: one sentence without a full stop.
    public let what: String
    /// What it happened to (a file, a node, a board), when that is one thing.
    public let subject: String?
    /// The next thing to do.
    public let remedy: Remedy

    /// - Parameters:
    ///   - what: what happened, and to what: one sentence without a full stop.
    ///   - subject: what it happened to, when that is one thing.
    ///   - remedy: the next thing to do.
    public init(_ kind: Kind, _ what: String, about subject: String? = nil, remedy: Remedy) {
        self.kind = kind
        self.what = what
        self.subject = subject
        self.remedy = remedy
    }

    /// A failure after which no command of this project helps.
    /// - Parameters:
    ///   - what: what happened, and to what: one sentence without a full stop.
    ///   - subject: what it happened to, when that is one thing.
    ///   - advice: the next thing to do: one sentence without a full stop.
    public init(_ kind: Kind, _ what: String, about subject: String? = nil, advice: String) {
        self.init(kind, what, about: subject, remedy: .advice(advice))
    }

    /// The advice in its remedy.
    public var advice: String { remedy.prose }
}

extension Failure: CustomStringConvertible {
    public var description: String { advice.isEmpty ? what : "\(what)\n  \(advice)" }
}

/// An error that knows how to be shown as a `Failure`.
public protocol Reportable: Error {
    /// The error in words for a person, with what helps.
    var failure: Failure { get }
}

extension Failure: Reportable {
    public var failure: Failure { self }

    /// `error` as a failure: as it is if it is one, else with its own words.
    /// - Parameter kind: for an error that is none.
    public init(_ kind: Kind, catching error: any Error) {
        self = (error as? any Reportable)?.failure ?? Failure(kind, "\(error)", advice: "Report it, with what was done before")
    }
}
