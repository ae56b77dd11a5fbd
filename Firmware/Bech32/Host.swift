// Conveniences for the computer, where there is a heap.
#if !hasFeature(Embedded)
extension Bech32 {
    /// The bech32m text of `data` behind `prefix`.
    public static func encode(prefix: StaticString, _ data: [UInt8], uppercase: Bool = false) throws(Bech32Error) -> String {
        var text = [UInt8](repeating: 0, count: maximumLength)
        var span = text.mutableSpan
        let count = try encode(prefix: prefix, data.span.bytes, into: &span, uppercase: uppercase)
        return String(decoding: text.prefix(count), as: UTF8.self)
    }

    /// The data of a bech32m text, which must have `prefix` in front.
    public static func decode(prefix: StaticString, _ text: String) throws(Bech32Error) -> [UInt8] {
        let characters = Array(text.utf8)
        var data = [UInt8](repeating: 0, count: maximumLength)
        var span = data.mutableSpan
        let count = try decode(prefix: prefix, characters.span.bytes, into: &span)
        return Array(data.prefix(count))
    }
}

extension Bech32Error: CustomStringConvertible {
    public var description: String {
        switch self {
        case .length: "the text is too short or too long; copy all of it and nothing else"
        case .mixedCase: "the text mixes upper and lower case; a label is all upper case, an address all lower case"
        case .invalidCharacter: "the text holds a character that never occurs in one; scan or type it again"
        case .noSeparator: "the text has no \"1\" between prefix and data; copy all of it"
        case .checksum: "the checksum does not fit: at least one character is wrong; scan or type it again"
        case .wrongPrefix: "the text is intact but is another kind of text than expected here"
        case .padding: "the text ends in bits that belong to no byte; it was made by faulty software"
        }
    }
}
#endif
