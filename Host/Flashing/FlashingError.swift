// What can go wrong while flashing, in the terms of Reporting.
import Foundation
import Reporting

/// A failure of reading an image, finding a board or writing its flash.
public struct FlashingError: Reportable, Equatable, CustomStringConvertible, LocalizedError, Sendable {
    public let failure: Failure

    /// - Parameters:
    ///   - what: what happened, and to what.
    ///   - advice: the next thing to do.
    public init(_ kind: Failure.Kind, _ what: String, advice: String) {
        failure = Failure(kind, what, advice: advice)
    }

    /// The file is no image for the board: nothing was touched.
    static func unfit(_ what: String, advice: String) -> FlashingError { FlashingError(.unfitImage, what, advice: advice) }

    /// The flash may be partly written.
    static func notFlashed(_ what: String, advice: String) -> FlashingError { FlashingError(.notFlashed, what, advice: advice) }

    public var description: String { failure.description }
    public var errorDescription: String? { description }
}

/// "0x08004000"
func hexadecimal(_ address: UInt64) -> String {
    let digits = String(address, radix: 16, uppercase: true)
    return "0x" + String(repeating: "0", count: max(0, 8 - digits.count)) + digits
}
