import Foundation
import Reporting
import Testing

@testable import HostCrypto
@testable import Keystore

/// A key on paper must come back, and a paper with a mistake must not become another key.
@Suite("Keys in words")
struct KeyWordsTests {
    // Of the reference implementation's published vectors (github.com/trezor/python-mnemonic, vectors.json), those of 256 bits.
    static let vectors = [
        (String(repeating: "00", count: 32), String(repeating: "abandon ", count: 23) + "art"),
        (String(repeating: "ff", count: 32), String(repeating: "zoo ", count: 23) + "vote"),
        (
            String(repeating: "7f", count: 32),
            "legal winner thank year wave sausage worth useful legal winner thank year wave sausage worth useful legal winner thank year wave "
                + "sausage worth title"
        ),
        (
            String(repeating: "80", count: 32),
            "letter advice cage absurd amount doctor acoustic avoid letter advice cage absurd amount doctor acoustic avoid letter advice cage "
                + "absurd amount doctor acoustic bless"
        ),
    ]

    private func seed(_ hex: String) -> SecretBytes { SecretBytes(bytes(hex)) }
    private func hex(_ seed: SecretBytes) -> String { seed.withUnsafeBytes { $0.hex } }

    @Test("The published vectors are written and read", arguments: vectors)
    func published(_ entropy: String, words: String) throws {
        #expect(KeyWords.words(of: seed(entropy)).joined(separator: " ") == words)
        #expect(hex(try KeyWords.seed(from: words)) == entropy)
    }

    @Test("The list has 2048 words in order, no two of which share four letters")
    func list() {
        #expect(WordList.words.count == 2048 && WordList.words == WordList.words.sorted())
        #expect(Set(WordList.words.map { $0.prefix(4) }).count == 2048)
    }

    @Test("Any seed comes back, also from numbered lines, capitals and four letters of each word")
    func roundTrip() throws {
        for _ in 0..<50 {
            let seed = SecretBytes.random(count: 32)
            let words = KeyWords.words(of: seed)
            let sloppy = words.enumerated().map { "\($0 + 1). \($1.prefix(4).uppercased())" }.joined(separator: "\n")
            #expect(hex(try KeyWords.seed(from: words.joined(separator: " "))) == hex(seed))
            #expect(hex(try KeyWords.seed(from: sloppy)) == hex(seed))
        }
    }

    private func failure(_ text: String) -> String? {
        do {
            _ = try KeyWords.seed(from: text)
            return nil
        } catch { return (error as? Failure)?.what }
    }

    @Test("A word too few, one that is none, two exchanged: each is said, and no key comes of it")
    func mistakes() {
        let words = KeyWords.words(of: seed(String(repeating: "7f", count: 32)))
        #expect(failure(words.dropLast().joined(separator: " ")) == "there are 23 words, and a key has 24")
        #expect(failure("") == "there are 0 words, and a key has 24")
        var wrong = words
        wrong[2] = "thanx"
        #expect(failure(wrong.joined(separator: " "))?.contains("word 3, “thanx”") == true)
        var exchanged = words
        exchanged.swapAt(0, 1)
        #expect(failure(exchanged.joined(separator: " "))?.contains("checksum") == true)
    }
}
