// The numbers that a node gives its log's entries and its samples: checked once, where they come in.

/// A number that a node counts with, from a signed message, a status or a database's row.
///
/// Nodes count from 0 in 32 bits and never come near the end (64 commands a second for two years). What claims to be there is refused, so
/// that a number plus what one message holds is a number everywhere.
public enum LogNumber {
    /// No number that is accepted reaches this one; it may stand as the end of a range.
    public static let end = UInt32.max - 0xFFFF

    /// The number, nil for what no node can have counted.
    public static func checked(_ value: some BinaryInteger) -> UInt32? {
        UInt32(exactly: value).flatMap { $0 < end ? $0 : nil }
    }

    /// A range of them, nil for one that is empty, falls or goes beyond the end.
    public static func checked(_ first: some BinaryInteger, before next: some BinaryInteger) -> Range<UInt32>? {
        guard let first = checked(first), let next = UInt32(exactly: next), first < next, next <= end else { return nil }
        return first..<next
    }
}
