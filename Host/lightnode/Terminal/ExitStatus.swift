// Exit codes: one table, which --help shows. docs/flashing.md tells what they mean for its command.
import ControlNode
import NodeProtocol
import Reporting

/// What the program's exit code means. Scripts may rely on the numbers.
enum ExitStatus: Int32, CaseIterable {
    case success = 0
    /// The node said no (its reason is printed); nothing was carried out.
    case refused = 1
    /// The node took the command, but its signed receipt says that it did not end well; or nothing that it signed says what it did.
    case notDone = 2
    /// No node answers, or there is none.
    case unreachable = 3
    /// The computer lacks something: a file, a permission, space, a program.
    case environment = 4
    /// A signature, an address or a log is not what it claims to be.
    case notAuthentic = 5
    /// The node answered with something that the protocol does not allow.
    case malformedAnswer = 6
    /// An image takes more than its board's budget.
    case overBudget = 7
    /// An image is damaged or not for this board; nothing was touched.
    case unfitImage = 8
    /// A flash is partly written or differs from the image.
    case notFlashed = 9
    /// What was asked for makes no sense (EX_USAGE of sysexits.h).
    case usage = 64
    /// A fault of this program (EX_SOFTWARE).
    case fault = 70
    /// Ctrl-C (128 + SIGINT).
    case interrupted = 130

    init(_ kind: Failure.Kind) {
        self =
            switch kind {
            case .usage: .usage
            case .unreachable: .unreachable
            case .environment: .environment
            case .notAuthentic: .notAuthentic
            case .malformedAnswer: .malformedAnswer
            case .uncertain: .notDone
            case .unfitImage: .unfitImage
            case .notFlashed: .notFlashed
            case .interrupted: .interrupted
            }
    }

    var meaning: String {
        switch self {
        case .success: "done"
        case .refused: "the node refused, and did nothing: it signed so, or its signed log lacks the message"
        case .notDone: "the node's receipt says that it was not carried out, or nothing it signed says whether it was"
        case .unreachable: "no node answers"
        case .environment: "this computer lacks a file, a permission, space or a program"
        case .notAuthentic: "a signature, an address or a log is not genuine"
        case .malformedAnswer: "the node answered against the protocol"
        case .overBudget: "the image is larger than its board's budget"
        case .unfitImage: "the image is damaged or not for this board; nothing was touched"
        case .notFlashed: "the flash is partly written, or differs from the image"
        case .usage: "wrong usage"
        case .fault: "a fault of this program"
        case .interrupted: "interrupted"
        }
    }

    static var table: String {
        func line(_ status: Self) -> String {
            let number = String(status.rawValue)
            return String(repeating: " ", count: max(0, 5 - number.count)) + number + "  " + status.meaning
        }
        return "EXIT CODES:\n" + allCases.map(line).joined(separator: "\n")
    }
}

/// An error as the user sees it: what happened, to what, what helps, which code.
struct ErrorReport: Encodable, CustomStringConvertible {
    let error: String
    /// What it happened to, when that is one thing.
    let subject: String?
    /// The remedy in words, with its command line.
    let advice: String?
    /// The remedy as a value.
    let remedy: Remedy?
    let reason: String?
    let exitCode: Int32
    /// What was found beside it; nil when nothing was.
    var notes: [String]?

    init(_ error: any Error, notes: [String]) {
        self.init(error)
        self.notes = notes.isEmpty ? nil : notes
    }

    init(_ error: any Error) {
        switch (error as? any Reportable)?.failure ?? error {
        case let failure as Failure:
            self.init(
                failure.what, about: failure.subject, failure.remedy, reason: failure.kind.rawValue, ExitStatus(failure.kind))
        case let refusal as Refusal:
            let detail = refusal.detail.isEmpty ? "" : ": \(refusal.detail)"
            let what = refusal.isProven ? "the node refused" : "the answer was a refusal that no node has signed"
            self.init(
                "\(what) (\(refusal.reason))\(detail)", refusal.remedy, reason: refusal.reason,
                refusal.isProven ? .refused : .notDone)
        case let notDone as NotDone:
            self.init(
                "the node took the command, but: \(notDone.receipt)", about: "\(notDone.receipt.node)", .advice(notDone.advice),
                reason: notDone.receipt.outcome.description, .notDone)
        case let syntax as CallSyntaxError:
            self.init(
                "this is no call: \(syntax)", .advice("Write it like $('led').on() or $('dimmer').set(50)"), reason: "syntax",
                .usage)
        default:
            self.init("\(error)", nil, reason: nil, .fault)
        }
    }

    private init(_ error: String, about subject: String? = nil, _ remedy: Remedy?, reason: String?, _ status: ExitStatus) {
        // Whatever a device, a program or an argument says is in it.
        self.error = Quoted.brief(error)
        self.subject = subject.map { Quoted.brief($0) }
        self.remedy = remedy
        let text = Quoted.brief(remedy?.text ?? "", limit: 1 << 16)
        advice = text.isEmpty ? nil : text
        self.reason = reason
        exitCode = status.rawValue
    }

    var description: String { "error: \(error)" + (advice.map { "\n  \($0)" } ?? "") }
}
