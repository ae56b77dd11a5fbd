// A controller's key as words on paper: BIP 39's coding of 32 bytes with a checksum of 8 bits in 24 words. The seed itself is coded, without
// BIP 39's step from words to a wallet's seed, so that the words alone are the key.
import Foundation
import HostCrypto
import Reporting

/// A seed in words.
public enum KeyWords {
    /// So many words are a key.
    public static let count = 24
    private static let bitsInWord = 11
    private static let seedSize = 32

    /// The words of a seed of 32 bytes. They are as secret as it is.
    public static func words(of seed: SecretBytes) -> [String] {
        var bytes = seed.withUnsafeBytes { Array($0) } + [sha256(seed)[0]]
        defer { wipe(&bytes) }
        precondition(bytes.count == seedSize + 1)
        return (0..<count).map { word in
            var number = 0
            for bit in word * bitsInWord..<(word + 1) * bitsInWord {
                number = number << 1 | Int(bytes[bit / 8] >> UInt8(7 - bit % 8) & 1)
            }
            return WordList.words[number]
        }
    }

    /// The seed that words stand for, whatever is between them: spaces, line ends, numbers. Four letters of a word are enough.
    /// - Throws: `Failure` of kind `usage` that says which word is none, how many there are, or that the checksum is wrong.
    public static func seed(from text: String) throws -> SecretBytes {
        let words = text.lowercased().split { !$0.isLetter }.map(String.init)
        guard words.count == count else {
            throw Failure(
                .usage, "there are \(words.count) words, and a key has \(count)", advice: "Type all of them, in their order")
        }
        var bytes = [UInt8](repeating: 0, count: seedSize + 1)
        defer { wipe(&bytes) }
        for (place, word) in words.enumerated() {
            let number = try number(of: word, place + 1)
            for bit in 0..<bitsInWord where number >> (bitsInWord - 1 - bit) & 1 == 1 {
                let position = place * bitsInWord + bit
                bytes[position / 8] |= 0x80 >> UInt8(position % 8)
            }
        }
        let seed = SecretBytes(Array(bytes.prefix(seedSize)))
        guard sha256(seed)[0] == bytes[seedSize] else {
            throw Failure(
                .usage, "these words are no key: their checksum is wrong",
                advice: "Two of them are exchanged, or one is another word of the list: compare them with the paper")
        }
        return seed
    }

    private static func number(of word: String, _ place: Int) throws -> Int {
        if let number = WordList.words.firstIndex(of: word) { return number }
        let begins = WordList.words.indices.filter { word.count >= 4 && WordList.words[$0].hasPrefix(word) }
        if begins.count == 1 { return begins[0] }
        let near = Spelling.nearest(to: word, among: WordList.words).map { ": did you mean “\($0)”?" } ?? ""
        throw Failure(.usage, "word \(place), “\(word)”, is not in the list\(near)", advice: "Compare it with the paper")
    }
}

/// Which keys are known to have a backup: somebody has restored it, or has shown that it could be.
public struct BackupBook: Sendable {
    private let file: PrivateFile

    /// Opens nothing: the file is made by the first entry.
    public init(_ home: Home) { file = home.file("key-backups.json") }

    private struct Contents: RecordFileContents {
        static let format = "lightnode-key-backups", what = "backups of keys"
        var format: String = Contents.format
        var version = 1
        var backups: [Entry] = []
    }

    private struct Entry: Codable {
        let key: PublicKey
        let provenAt: Date
    }

    private var records: RecordFile<Contents> { RecordFile(file: file) }

    /// When it was proven last that there is a backup of a key; nil if it never was.
    /// - Throws: `Failure` when the file cannot be read.
    public func proven(_ key: PublicKey) throws -> Date? { try records.contents().backups.last { $0.key == key }?.provenAt }

    /// Notes that a backup of the key was proven.
    /// - Throws: `Failure`; the file is then as it was.
    public func note(_ key: PublicKey, at time: Date = Date()) throws {
        try records.change { contents in
            contents.backups.removeAll { $0.key == key }
            contents.backups.append(Entry(key: key, provenAt: time))
        }
    }
}
