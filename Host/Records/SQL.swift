// The few things that records need of a database, so that SQLite and PostgreSQL serve alike.
import Reporting

/// A value in a row or a parameter.
public enum SQLValue: Hashable, Sendable {
    /// SQL's NULL.
    case null
    /// A whole number of 64 bits.
    case integer(Int64)
    /// Text in UTF-8.
    case text(String)

    /// The text; nil for a number or NULL.
    public var text: String? { if case .text(let text) = self { text } else { nil } }

    /// PostgreSQL's text protocol and SQLite's typeless columns both give numbers as text at times.
    public var integer: Int64? {
        switch self {
        case .integer(let value): value
        case .text(let text): Int64(text)
        case .null: nil
        }
    }
}

/// A row by its columns' names.
typealias SQLRow = [String: SQLValue]

/// Statements inside one transaction. Parameters are `$1`, `$2`, … in the order in which they appear, each once.
protocol SQLSession {
    @discardableResult
    func execute(_ sql: String, _ arguments: [SQLValue]) throws -> [SQLRow]
}

/// A database that runs transactions: all of one or nothing of it, on the disk when it returns.
protocol SQLDatabase: Sendable {
    /// What it is called in messages; no password is in it.
    var name: String { get }
    func transaction<R>(_ body: (any SQLSession) throws -> R) throws -> R
    /// Statements that only read, all of them from one moment.
    func reading<R>(_ body: (any SQLSession) throws -> R) throws -> R
}

extension SQLDatabase {
    func reading<R>(_ body: (any SQLSession) throws -> R) throws -> R { try transaction(body) }
}

/// The database refused what would have been there twice.
struct DuplicateError: Error {
    /// The constraint or columns that the database names.
    let constraint: String
}

extension Failure {
    static func database(_ name: String, _ what: String, advice: String) -> Failure {
        database(name, what, remedy: .advice(advice))
    }

    static func database(_ name: String, _ what: String, remedy: Remedy) -> Failure {
        Failure(.environment, "the records in \(name) \(what)", about: name, remedy: remedy)
    }
}
