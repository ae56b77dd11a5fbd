// Bytes as hexadecimal text, lower case.

extension Sequence<UInt8> {
    /// Two lower-case digits a byte, no separator.
    public var hex: String {
        var text = ""
        for byte in self {
            text.unicodeScalars.append(Self.digit(byte >> 4))
            text.unicodeScalars.append(Self.digit(byte & 15))
        }
        return text
    }

    private static func digit(_ nibble: UInt8) -> Unicode.Scalar { Unicode.Scalar(nibble < 10 ? 48 + nibble : 87 + nibble) }
}

extension Array<UInt8> {
    /// The bytes that `hex` writes; nil if a character is no digit or the count is odd.
    public init?(hex: some StringProtocol) {
        let digits = hex.map(\.hexDigitValue)
        guard digits.count.isMultiple(of: 2), !digits.contains(nil) else { return nil }
        self = stride(from: 0, to: digits.count, by: 2).map { UInt8(digits[$0]! << 4 | digits[$0 + 1]!) }
    }
}
