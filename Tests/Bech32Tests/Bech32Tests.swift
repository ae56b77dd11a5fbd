// Bech32m: the vectors of BIP 350, and what its checksum promises about labels.
import Bech32
import CodecSupport
import Testing

@Test(
    "Valid strings of BIP 350 are accepted",
    arguments: [
        ("A1LQFN3A", 1), ("a1lqfn3a", 1),
        ("an83characterlonghumanreadablepartthatcontainsthetheexcludedcharactersbioandnumber11sg7hg6", 83),
        ("abcdef1l7aum6echk45nj3s0wdvt2fg8x9yrzpqzd3ryx", 6),
        ("11llllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllludsr8", 1),
        ("split1checkupstagehandshakeupstreamerranterredcaperredlc445v", 5), ("?1v759aa", 1),
        ("bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0", 2),
    ])
func valid(text: String, prefixLength: Int) throws {
    #expect(try Bech32.verify(Array(text.utf8).span.bytes) == prefixLength)
}

@Test(
    "Invalid strings of BIP 350 are refused, and so are those of BIP 173 (the older checksum)",
    arguments: [
        (" 1xj0phk", Bech32Error.invalidCharacter), ("\u{7f}1g6xzxy", .invalidCharacter),
        ("an84characterslonghumanreadablepartthatcontainsthetheexcludedcharactersbioandnumber11d6pts4", .length),
        ("qyrz8wqd2c9m", .noSeparator), ("1qyrz8wqd2c9m", .noSeparator), ("y1b0jsk6g", .invalidCharacter),
        ("lt1igcx5c0", .invalidCharacter),
        ("in1muywd", .noSeparator), ("mm1crxm3i", .invalidCharacter), ("au1s5cgom", .invalidCharacter), ("M1VUXWEZ", .checksum),
        ("16plkw9", .length), ("1p2gdwpf", .noSeparator), ("a12uel5l", .checksum), ("?1ezyfcl", .checksum),
        ("abcdef1qpzry9x8gf2tvdw0s3jn54khce6mua7lmqqqxw", .checksum), ("a1lQfn3a", .mixedCase), ("", .length), ("1", .length),
        ("é1lqfn3a", .invalidCharacter),
    ])
func invalid(text: String, reason: Bech32Error) {
    #expect(throws: reason) { try Bech32.verify(Array(text.utf8).span.bytes) }
}

/// 32 bytes, as in a label.
let seed = [UInt8](0..<32)

@Test("Data of every length that fits come back, in both cases")
func roundTrips() throws {
    var generator = SeededGenerator(seed: 350)
    for count in 0...49 {
        for uppercase in [false, true] {
            let data = generator.bytes(count)
            let text = try Bech32.encode(prefix: "node", data, uppercase: uppercase)
            #expect(text == (uppercase ? text.uppercased() : text.lowercased()))
            #expect(text.count == Bech32.encodedLength(prefixLength: 4, byteCount: count))
            #expect(try Bech32.decode(prefix: "node", text) == data)
            #expect(throws: Bech32Error.wrongPrefix) { try Bech32.decode(prefix: "claim", text) }
            #expect(throws: Bech32Error.wrongPrefix) { try Bech32.decode(prefix: "nodf", text) }
        }
    }
    #expect(throws: Bech32Error.length) { try Bech32.encode(prefix: "node", generator.bytes(50)) }
}

@Test("Buffers too small are refused, not overrun")
func smallBuffers() throws {
    let text = Array(try Bech32.encode(prefix: "claim", seed).utf8)
    for size in 0..<32 {
        var data = [UInt8](repeating: 0, count: size)
        #expect(throws: Bech32Error.length) {
            var span = data.mutableSpan
            _ = try Bech32.decode(prefix: "claim", text.span.bytes, into: &span)
        }
    }
    var short = [UInt8](repeating: 0, count: text.count - 1)
    #expect(throws: Bech32Error.length) {
        var span = short.mutableSpan
        _ = try Bech32.encode(prefix: "claim", seed.span.bytes, into: &span)
    }
}

@Test("Every change of a single character of a label is found: all positions, all printable characters, either case")
func everySingleCharacter() throws {
    for (prefix, data) in [("claim" as StaticString, seed), ("node", Array(seed.prefix(20)))] {
        for uppercase in [false, true] {
            let text = Array(try Bech32.encode(prefix: prefix, data, uppercase: uppercase).utf8)
            for index in text.indices {
                for character in UInt8(1)...UInt8(255) where character != text[index] {
                    var wrong = text
                    wrong[index] = character
                    #expect(throws: Bech32Error.self) { try Bech32.verify(wrong.span.bytes) }
                }
            }
        }
    }
}

@Test("A wrong character that is a letter of the alphabet is reported as a checksum error wherever it stands")
func checksumErrorAnywhere() throws {
    let alphabet = Array("qpzry9x8gf2tvdw0s3jn54khce6mua7l".utf8)
    let text = Array(try Bech32.encode(prefix: "claim", seed).utf8)
    for index in text.indices where index != 5 {
        for character in alphabet where character != text[index] {
            var wrong = text
            wrong[index] = character
            #expect(throws: Bech32Error.checksum) {
                var data = [UInt8](repeating: 0, count: 64)
                var span = data.mutableSpan
                _ = try Bech32.decode(prefix: "claim", wrong.span.bytes, into: &span)
            }
        }
    }
}

@Test("Any two neighbours swapped, and 200,000 random changes of two to four characters, are found")
func severalCharacters() throws {
    let alphabet = Array("qpzry9x8gf2tvdw0s3jn54khce6mua7l".utf8)
    let text = Array(try Bech32.encode(prefix: "claim", seed).utf8)
    func accepted(_ text: [UInt8]) -> Bool { (try? Bech32.verify(text.span.bytes)) != nil }
    for index in 0..<(text.count - 1) where text[index] != text[index + 1] {
        var wrong = text
        wrong.swapAt(index, index + 1)
        #expect(!accepted(wrong))
    }
    var generator = SeededGenerator(seed: 173)
    for _ in 0..<200_000 {
        var wrong = text
        for _ in 0..<Int.random(in: 2...4, using: &generator) {
            wrong[Int.random(in: 6..<text.count, using: &generator)] = alphabet.randomElement(using: &generator)!
        }
        if wrong != text && accepted(wrong) { Issue.record("\(String(decoding: wrong, as: UTF8.self))") }
    }
}

@Test("Bits that belong to no byte must be zero, and fewer than five")
func padding() throws {
    // One byte takes two characters, with two bits over. Data values [0, 4], [0, 1] and [0, 0, 0], encoded by the reference implementation.
    #expect(try Bech32.decode(prefix: "node", "node1qyawna6k") == [1])
    #expect(throws: Bech32Error.padding) { try Bech32.decode(prefix: "node", "node1qp0j9wg7") }
    #expect(throws: Bech32Error.padding) { try Bech32.decode(prefix: "node", "node1qqqvysvtx") }
}
