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
