// What the codec tests, the fuzz targets and the witness share: hexadecimal, seeded random numbers, CBOR walked item by item.
import CBOR
import SplitMix

/// Bytes from hexadecimal digits; spaces and line breaks are ignored.
public func hex(_ text: String) -> [UInt8] {
    let digits = text.filter { !$0.isWhitespace }.map { UInt8($0.hexDigitValue!) }
    precondition(digits.count % 2 == 0, "an odd number of digits")
    return stride(from: 0, to: digits.count, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
}

/// Lower-case hexadecimal digits.
public func hexString(_ bytes: some Sequence<UInt8>) -> String {
    var text = ""
    for byte in bytes {
        text += String(byte >> 4, radix: 16)
        text += String(byte & 15, radix: 16)
    }
    return text
}

/// The same numbers for the same seed everywhere.
public struct SeededGenerator: RandomNumberGenerator {
    private var numbers: SplitMix
    public init(seed: UInt64) { numbers = SplitMix(state: seed) }
    public mutating func next() -> UInt64 { numbers.next() }
    public mutating func bytes(_ count: Int) -> [UInt8] { (0..<count).map { _ in UInt8.random(in: 0...255, using: &self) } }
}

/// Reads one item through the typed methods of the reader and writes it through those of the writer.
///
/// The result equals the input whenever the input is deterministic. Floats are let through.
public func transcode(_ input: [UInt8]) throws -> [UInt8] {
    var buffer = [UInt8](repeating: 0, count: input.count + 16)
    var reader = CBORReader(input.span.bytes)
    var writer = CBORWriter(buffer.mutableSpan)
    try transcodeItem(&reader, &writer, depth: 0)
    try reader.finish()
    let count = try writer.finish()
    return Array(buffer.prefix(count))
}

private func transcodeItem(_ reader: inout CBORReader, _ writer: inout CBORWriter, depth: Int) throws(CBORError) {
    if depth > 64 { throw .tooDeep }
    switch try reader.peek() {
    case .unsigned: writer.uint(try reader.uint())
    case .negative:
        var lookahead = reader
        if let value = try? lookahead.int() {
            writer.int(value)
            reader = lookahead
        } else {
            writer.raw(try reader.item())
        }
    case .bytes: writer.bytes(try reader.bytes())
    case .text: writer.text(try reader.text())
    case .array:
        let count = try reader.array()
        writer.array(count)
        for _ in 0..<count { try transcodeItem(&reader, &writer, depth: depth + 1) }
    case .map:
        var map = try reader.map()
        writer.map(map.remaining)
        while let key = try reader.nextKey(&map) {
            switch key {
            case .int(let label): writer.key(label)
            case .other:
                var keyReader = CBORReader(reader.keyBytes(map))
                try transcodeItem(&keyReader, &writer, depth: depth + 1)
                try keyReader.finish()
            }
            try transcodeItem(&reader, &writer, depth: depth + 1)
        }
    case .tag:
        writer.tag(try reader.tag())
        try transcodeItem(&reader, &writer, depth: depth + 1)
    case .simple:
        var lookahead = reader
        if let value = try? lookahead.bool() {
            writer.bool(value)
            reader = lookahead
        } else {
            writer.simple(try reader.simple())
        }
    case .float: writer.double(try reader.double())
    }
}

/// What became of many mutants of one message.
public struct Mutants {
    /// How many were read.
    public private(set) var accepted = 0
    /// Those that came back otherwise when what was read of them was written again, in hexadecimal.
    public private(set) var changed: [String] = []

    /// Changes up to three bytes of `message`, `count` times, and has each mutant read and written again by `rewrite`, which throws for what it
    /// refuses. The same seed makes the same mutants.
    public init(of message: [UInt8], count: Int, seed: UInt64, rewrite: ([UInt8]) throws -> [UInt8]) {
        var generator = SeededGenerator(seed: seed)
        for _ in 0..<count {
            var mutated = message
            for _ in 0...Int.random(in: 0...2, using: &generator) {
                let index = Int.random(in: 0..<mutated.count, using: &generator)
                switch Int.random(in: 0..<4, using: &generator) {
                case 0: mutated[index] ^= 1 << UInt8.random(in: 0...7, using: &generator)
                case 1: mutated[index] = UInt8.random(in: 0...255, using: &generator)
                case 2: mutated.remove(at: index)
                default: mutated.insert(UInt8.random(in: 0...255, using: &generator), at: index)
                }
            }
            guard let again = try? rewrite(mutated) else { continue }
            accepted += 1
            if again != mutated { changed.append("\(hexString(mutated)) came back as \(hexString(again))") }
        }
    }
}
