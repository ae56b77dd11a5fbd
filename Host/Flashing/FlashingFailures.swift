// What can go wrong while flashing, in the terms of Reporting.
import Foundation
import Reporting

extension Failure {
    /// The file is no image for the board: nothing was touched.
    static func unfit(_ what: String, advice: String) -> Failure { Failure(.unfitImage, what, advice: advice) }

    /// The file is no image for the board: nothing was touched.
    static func unfit(_ what: String, remedy: Remedy) -> Failure { Failure(.unfitImage, what, remedy: remedy) }

    /// The flash may be partly written.
    static func notFlashed(_ what: String, advice: String) -> Failure { Failure(.notFlashed, what, advice: advice) }

    /// The flash may be partly written.
    static func notFlashed(_ what: String, remedy: Remedy) -> Failure { Failure(.notFlashed, what, remedy: remedy) }
}

/// "0x08004000"
func hexadecimal(_ address: UInt64) -> String {
    let digits = String(address, radix: 16, uppercase: true)
    return "0x" + String(repeating: "0", count: max(0, 8 - digits.count)) + digits
}
