// Exit codes: one table, which --help and the README quote.
import ControlNode
import Reporting

/// What the program's exit code means. Scripts may rely on the numbers.
enum ExitStatus: Int32, CaseIterable {
    case success = 0
    /// The device said no (its reason is printed); nothing was carried out.
    case refused = 1
    /// The device took the command, but its signed receipt says that it did not end well.
    case notDone = 2
    /// No device answers, or there is none.
    case unreachable = 3
    /// The computer lacks something: a file, a permission, space, a program.
    case environment = 4
    /// A signature, an address or a log is not what it claims to be.
    case notAuthentic = 5
    /// The device answered with something that the protocol does not allow.
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
        case .refused: "the device refused, and did nothing"
        case .notDone: "the device took the command, and its receipt says that it was not carried out"
        case .unreachable: "no device answers"
        case .environment: "this computer lacks a file, a permission, space or a program"
        case .notAuthentic: "a signature, an address or a log is not genuine"
        case .malformedAnswer: "the device answered against the protocol"
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

/// An error as the user sees it: what happened, what to do, which code.
struct ErrorReport: Encodable, CustomStringConvertible {
    let error: String
    let advice: String?
    let reason: String?
    let exitCode: Int32

    init(_ error: any Error) {
        switch (error as? any Reportable)?.failure ?? error {
        case let failure as Failure:
            self.init(failure.what, advice: failure.advice, reason: failure.kind.rawValue, ExitStatus(failure.kind))
        case let refusal as Refusal:
            let detail = refusal.detail.isEmpty ? "" : ": \(refusal.detail)"
            self.init("the device refused (\(refusal.reason))\(detail)", advice: refusal.advice, reason: refusal.reason, .refused)
        case let notDone as NotDone:
            self.init(
                "the device took the command, but: \(notDone.receipt)", advice: notDone.advice,
                reason: notDone.receipt.outcome.description, .notDone)
        case let syntax as CallSyntaxError:
            self.init(
                "this is no call: \(syntax)", advice: "Write it like $('led').on() or $('dimmer').set(50)", reason: "syntax",
                .usage)
        default:
            self.init("\(error)", advice: nil, reason: nil, .fault)
        }
    }

    private init(_ error: String, advice: String?, reason: String?, _ status: ExitStatus) {
        self.error = error
        self.advice = advice
        self.reason = reason
        self.exitCode = status.rawValue
    }

    var description: String { "error: \(error)" + (advice.map { "\n  \($0)" } ?? "") }
}
