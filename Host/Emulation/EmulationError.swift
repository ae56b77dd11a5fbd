// The failures of an emulated board.
import Foundation
import Reporting

/// A failure of starting, addressing or stopping an emulated board; its text says what to do next.
public struct EmulationError: Reportable, CustomStringConvertible, LocalizedError, Sendable {
    public let description: String
    public init(_ description: String) { self.description = description }
    public var errorDescription: String? { description }

    /// Its first sentence is what happened, the rest what to do.
    public var failure: Failure {
        let parts = description.split(separator: /\.\s+/, maxSplits: 1)
        let advice = parts.count > 1 ? String(parts[1]) : "See the documentation of this command"
        return Failure(
            .environment, String(parts[0]).trimmingSuffix("."), advice: advice.trimmingSuffix("."))
    }
}

/// The text of `errno`.
func systemError(_ code: Int32 = errno) -> String { String(cString: strerror(code)) }

extension String {
    fileprivate func trimmingSuffix(_ suffix: String) -> String { hasSuffix(suffix) ? String(dropLast(suffix.count)) : self }
}
