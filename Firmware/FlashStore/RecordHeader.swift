// The first word of a record: what it is, and how far to the next.

/// Key, flags, length and a CRC-8 (polynomial 0x2F, Hamming distance 4 at this length) that puts one flipped bit right: without the length the
/// log could not be followed.
struct RecordHeader: Equatable {
    var key: UInt8
    var flags: UInt8
    /// Bytes of the value.
    var length: UInt8

    /// The value is wiped when it is replaced or removed.
    static var secret: UInt8 { 1 }
    /// The key has no value any more.
    static var removed: UInt8 { 2 }
    /// The value was found damaged beyond correction and could not be copied.
    static var unreadable: UInt8 { 4 }
    /// The next record belongs to the same batch.
    static var continues: UInt8 { 8 }

    func has(_ flag: UInt8) -> Bool { flags & flag != 0 }

    init(key: UInt8, flags: UInt8, length: UInt8) {
        self.key = key
        self.flags = flags
        self.length = length
    }

    var word: UInt32 {
        let fields = UInt32(key) | UInt32(flags) << 8 | UInt32(length) << 16
        return fields | Self.crc8(fields) << 24
    }

    /// The header in `word`, with at most one bit corrected.
    init?(word: UInt32) {
        var fields = word & 0xFF_FFFF
        var found = Self.crc8(fields) == word >> 24
        if !found {
            for bit in 0..<UInt32(32) {
                let trial = word ^ (1 &<< bit)
                guard Self.crc8(trial & 0xFF_FFFF) == trial >> 24 else { continue }
                fields = trial & 0xFF_FFFF
                found = true
                break
            }
        }
        guard found else { return nil }
        key = UInt8(truncatingIfNeeded: fields)
        flags = UInt8(truncatingIfNeeded: fields >> 8)
        length = UInt8(truncatingIfNeeded: fields >> 16)
        guard flags < 16, Int(length) <= StoreLimits.value else { return nil }
    }

    private static func crc8(_ fields: UInt32) -> UInt32 {
        // Register in the top byte, data below it; it starts at 0xFF so that zeros do not pass.
        var register = fields.byteSwapped ^ 0xFF00_0000
        for _ in 0..<24 { register = register & 0x8000_0000 == 0 ? register << 1 : register << 1 ^ 0x2F00_0000 }
        return register >> 24
    }
}
