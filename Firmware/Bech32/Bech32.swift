// Bech32m (BIP 350): bytes as text that a person can copy and a checksum guards. For addresses and for labels.
//
//     <prefix> "1" <data, 5 bits a character> <checksum, 6 characters>          at most 90 characters, all lower or all upper case
//
// The checksum finds every change of up to four characters, wherever they are. It is a BCH code over GF(32), whose remainder is compared
// with 0x2bc830a3 (bech32 of BIP 173 has 1 there, and is refused).

/// Encoding, decoding and checking, each without a copy of the text.
public enum Bech32 {
    /// Characters in the longest text.
    public static let maximumLength = 90
    /// Characters in the checksum.
    static let checksumLength = 6
    static let bech32mConstant: UInt32 = 0x2bc8_30a3
    static let alphabet: StaticString = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"

    /// Characters of text that `byteCount` bytes take behind a prefix of `prefixLength` characters.
    public static func encodedLength(prefixLength: Int, byteCount: Int) -> Int {
        // Unsigned: a Cortex-M0 divides in software, and the signed routine would come on top.
        prefixLength + 1 + Int(UInt(byteCount * 8 + 4) / 5) + checksumLength
    }

    /// Encodes `data` behind `prefix` and returns the number of characters written to `text`.
    ///
    /// - Parameters:
    ///   - prefix: the human-readable part, lower case.
    ///   - uppercase: upper case makes a QR code smaller.
    /// - Throws: `length` if the text would be longer than 90 characters or than the span.
    public static func encode(
        prefix: StaticString, _ data: RawSpan, into text: inout MutableSpan<UInt8>, uppercase: Bool = false
    ) throws(Bech32Error) -> Int {
        let length = encodedLength(prefixLength: prefix.utf8CodeUnitCount, byteCount: data.byteCount)
        guard length <= maximumLength && length <= text.count else { throw .length }
        var output = Output(upperBit: uppercase ? 0x20 : 0)
        for index in 0..<prefix.utf8CodeUnitCount {
            let character = prefix.utf8Start[index]
            output.append(character, to: &text)
            output.checksum.update(character >> 5)
        }
        output.checksum.update(0)
        for index in 0..<prefix.utf8CodeUnitCount { output.checksum.update(prefix.utf8Start[index] & 31) }
        output.append(UInt8(ascii: "1"), to: &text)

        var pending: UInt32 = 0
        var bits: UInt32 = 0
        for index in 0..<data.byteCount {
            pending = pending << 8 | UInt32(data.unsafeLoad(fromByteOffset: index, as: UInt8.self))
            bits &+= 8
            while bits >= 5 {
                bits &-= 5
                output.append(value: UInt8(truncatingIfNeeded: pending >> bits & 31), to: &text)
            }
        }
        if bits > 0 { output.append(value: UInt8(truncatingIfNeeded: pending << (5 &- bits) & 31), to: &text) }

        for _ in 0..<checksumLength { output.checksum.update(0) }
        let remainder = output.checksum.remainder ^ bech32mConstant
        for index in 0..<checksumLength {
            let shift = UInt32(5 &* (checksumLength &- 1 &- index))
            output.append(value: UInt8(truncatingIfNeeded: remainder >> shift & 31), to: &text)
        }
        return output.count
    }

    /// Decodes `text`, which must have `prefix` in front, into `data`; returns the number of bytes.
    ///
    /// The checksum is looked at before the prefix: with a wrong character anywhere the error is `checksum` (or says which character is
    /// impossible), never a misleading complaint about what that character happens to mean.
    public static func decode(
        prefix: StaticString, _ text: RawSpan, into data: inout MutableSpan<UInt8>
    ) throws(Bech32Error) -> Int {
        let separator = try verify(text)
        guard separator == prefix.utf8CodeUnitCount else { throw .wrongPrefix }
        for index in 0..<separator where lowercase(character(text, index)) != prefix.utf8Start[index] { throw .wrongPrefix }

        var pending: UInt32 = 0
        var bits: UInt32 = 0
        var count = 0
        for index in (separator &+ 1)..<(text.byteCount &- checksumLength) {
            guard let value = value(of: lowercase(character(text, index))) else { throw .invalidCharacter }
            pending = (pending << 5 | UInt32(value)) & 0xfff
            bits &+= 5
            guard bits >= 8 else { continue }
            bits &-= 8
            guard count < data.count else { throw .length }
            data[count] = UInt8(truncatingIfNeeded: pending >> bits)
            count &+= 1
        }
        guard bits < 5 && pending & ((1 << bits) &- 1) == 0 else { throw .padding }
        return count
    }

    /// Checks form and checksum whatever the prefix; returns the length of the prefix.
    public static func verify(_ text: RawSpan) throws(Bech32Error) -> Int {
        guard text.byteCount >= 1 + 1 + checksumLength && text.byteCount <= maximumLength else { throw .length }
        var separator = -1
        var hasLower = false
        var hasUpper = false
        for index in 0..<text.byteCount {
            let character = character(text, index)
            guard character >= 33 && character <= 126 else { throw .invalidCharacter }
            if character >= UInt8(ascii: "a") && character <= UInt8(ascii: "z") { hasLower = true }
            if character >= UInt8(ascii: "A") && character <= UInt8(ascii: "Z") { hasUpper = true }
            if character == UInt8(ascii: "1") { separator = index }
        }
        if hasLower && hasUpper { throw .mixedCase }
        guard separator >= 1 && text.byteCount &- separator &- 1 >= checksumLength else { throw .noSeparator }

        var checksum = Checksum()
        for index in 0..<separator { checksum.update(lowercase(character(text, index)) >> 5) }
        checksum.update(0)
        for index in 0..<separator { checksum.update(character(text, index) & 31) }
        for index in (separator &+ 1)..<text.byteCount {
            guard let value = value(of: lowercase(character(text, index))) else { throw .invalidCharacter }
            checksum.update(value)
        }
        guard checksum.remainder == bech32mConstant else { throw .checksum }
        return separator
    }

    private static func value(of character: UInt8) -> UInt8? {
        for value in 0..<32 where alphabet.utf8Start[value] == character { return UInt8(truncatingIfNeeded: value) }
        return nil
    }

    private static func character(_ text: RawSpan, _ index: Int) -> UInt8 {
        precondition(index >= 0 && index < text.byteCount)
        return text.unsafeLoad(fromByteOffset: index, as: UInt8.self)
    }

    private static func lowercase(_ character: UInt8) -> UInt8 {
        character >= UInt8(ascii: "A") && character <= UInt8(ascii: "Z") ? character | 0x20 : character
    }

    private struct Output {
        let upperBit: UInt8
        var count = 0
        var checksum = Checksum()

        @inline(never)
        mutating func append(_ character: UInt8, to text: inout MutableSpan<UInt8>) {
            let isLetter = character >= UInt8(ascii: "a") && character <= UInt8(ascii: "z")
            text[count] = isLetter ? character & ~upperBit : character
            count &+= 1
        }

        @inline(never)
        mutating func append(value: UInt8, to text: inout MutableSpan<UInt8>) {
            checksum.update(value)
            append(Bech32.alphabet.utf8Start[Int(value & 31)], to: &text)
        }
    }
}

/// Why a text is not the bech32m that was asked for.
public enum Bech32Error: UInt8, Error, Sendable {
    /// Too short, longer than 90 characters, or more data than there is room for.
    case length = 1
    /// Upper and lower case in one text.
    case mixedCase
    /// A character that never occurs: outside printable ASCII, or after the prefix one of "1", "b", "i", "o" and punctuation.
    case invalidCharacter
    /// No "1" between a prefix and at least six characters.
    case noSeparator
    /// The checksum does not fit: at least one character, somewhere, is wrong. Scan or type the whole text again.
    case checksum
    /// The text is whole, but is something else: another prefix than expected.
    case wrongPrefix
    /// The last data character carries bits that belong to no byte.
    case padding
}

/// The BCH code's remainder (BIP 173).
struct Checksum {
    private(set) var remainder: UInt32 = 1

    @inline(never)
    mutating func update(_ value: UInt8) {
        let top = remainder >> 25
        remainder = (remainder & 0x1ff_ffff) << 5 ^ UInt32(value)
        if top & 1 != 0 { remainder ^= 0x3b6a_57b2 }
        if top & 2 != 0 { remainder ^= 0x2650_8e6d }
        if top & 4 != 0 { remainder ^= 0x1ea1_19fa }
        if top & 8 != 0 { remainder ^= 0x3d42_33dd }
        if top & 16 != 0 { remainder ^= 0x2a14_62b3 }
    }
}
