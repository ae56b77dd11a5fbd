// The failures of an emulated board.
import Foundation

/// A failure of starting, addressing or stopping an emulated board; its text says what to do next.
public struct EmulationError: Error, CustomStringConvertible, LocalizedError, Sendable {
    public let description: String
    public init(_ description: String) { self.description = description }
    public var errorDescription: String? { description }
}

/// The text of `errno`.
func systemError(_ code: Int32 = errno) -> String { String(cString: strerror(code)) }
