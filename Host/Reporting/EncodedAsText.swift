// Values that JSON has as the text that people read.

/// A value whose encoded form is its description.
public protocol EncodedAsText: Encodable, CustomStringConvertible {}

extension EncodedAsText {
    /// One text.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }
}
