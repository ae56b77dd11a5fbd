// Values that a failed expectation can show.

/// A value that can be written into a report.
public protocol TestValue {
    /// Appends the value as text, without separators; what does not fit the line is dropped.
    func write(to line: inout ReportLine)
}

extension TestValue where Self: BinaryInteger {
    public func write(to line: inout ReportLine) {
        if self < 0 { line.byte(0x2D) }
        line.decimal(UInt64(truncatingIfNeeded: magnitude))
    }
}

extension Int: TestValue {}
extension Int8: TestValue {}
extension Int16: TestValue {}
extension Int32: TestValue {}
extension Int64: TestValue {}
extension UInt: TestValue {}
extension UInt8: TestValue {}
extension UInt16: TestValue {}
extension UInt32: TestValue {}
extension UInt64: TestValue {}

extension Bool: TestValue {
    public func write(to line: inout ReportLine) {
        for index in 0..<(self ? 4 : 5) { line.byte((self ? "true" : "false" as StaticString).utf8Start[index]) }
    }
}

extension Optional: TestValue where Wrapped: TestValue {
    public func write(to line: inout ReportLine) {
        switch self {
        case .some(let value): value.write(to: &line)
        case .none: for index in 0..<3 { line.byte(("nil" as StaticString).utf8Start[index]) }
        }
    }
}

/// Bytes, in hexadecimal.
public struct TestBytes<let count: Int>: TestValue, Equatable {
    /// What is compared and shown.
    public var bytes: InlineArray<count, UInt8>
    /// Wraps a copy, since an `InlineArray` can neither be compared nor shown by itself.
    public init(_ bytes: InlineArray<count, UInt8>) { self.bytes = bytes }

    public static func == (left: Self, right: Self) -> Bool {
        for index in 0..<count where left.bytes[index] != right.bytes[index] { return false }
        return true
    }

    public func write(to line: inout ReportLine) {
        for index in 0..<count { line.hexadecimal(UInt64(bytes[index]), digits: 2) }
    }
}
