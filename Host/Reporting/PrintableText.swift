// What a node, a device, a bridge or a file says of itself, as text that may be shown: one line, bounded, without anything that a terminal obeys.

/// Foreign text behind the boundary at which it was read: names, versions, interface texts, titles of problems, USB strings.
///
/// Code that decodes foreign bytes makes this of them at once, so that no later print, table or label has to think of it
/// (`Tools/lint` looks for decoding without it).
public struct PrintableText: Hashable, Sendable, CustomStringConvertible {
    /// No answer of a node is longer.
    public static let limit = 1024

    /// Without control characters, line ends and marks of direction: these are shown as `\u{1B}` (`Quoted.line`).
    public let text: String

    /// - Parameter limit: Unicode scalars that are kept; what is cut off is shown as “…”.
    public init(_ foreign: String, limit: Int = Self.limit) {
        let scalars = foreign.unicodeScalars
        let isLong = scalars.count > limit
        text = Quoted.line(String(String.UnicodeScalarView(scalars.prefix(limit)))) + (isLong ? "…" : "")
    }

    /// UTF-8; what is none is shown as U+FFFD.
    public init(utf8 bytes: some Collection<UInt8>, limit: Int = Self.limit) {
        // Not more is decoded than can be kept.
        let isLong = bytes.count > 4 * limit
        self.init(String(decoding: bytes.prefix(4 * limit + (isLong ? 4 : 0)), as: UTF8.self), limit: limit)
    }

    public var description: String { text }
}
