// The first word of a record: what it is, and how far to the next.

/// Flags, key, length and a CRC-8 (polynomial 0x2F, Hamming distance 4 at this length) that puts one flipped bit right: without the length the
/// log could not be followed.
///
/// Kept as that word without its CRC: one register.
struct RecordHeader: Equatable {
    private var fields: UInt32

    var flags: UInt8 {
        get { UInt8(truncatingIfNeeded: fields) }
        set { fields = fields & ~0xFF | UInt32(newValue) }
    }
    var key: UInt8 { UInt8(truncatingIfNeeded: fields >> 8) }
    /// Bytes of the value.
    var length: UInt8 { UInt8(truncatingIfNeeded: fields >> 16) }
    /// A bit of the header was put right. If the record turns out to be damaged as well, not even its key is certain.
    var isCorrected: Bool { fields >> 24 != 0 }

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
        fields = UInt32(flags) | UInt32(key) << 8 | UInt32(length) << 16
    }

    /// Flags come first and are never all ones: a unit that reads as blank must be one that was never programmed.
    @inline(never)
    var word: UInt32 {
        let fields = self.fields & 0xFF_FFFF
        return fields | Self.crc8(fields) << 24
    }

    /// The header in `word`, with at most one bit corrected.
    @inline(never)
    init?(word: UInt32) {
        fields = word & 0xFF_FFFF
        var found = Self.crc8(fields) == word >> 24
        if !found {
            for bit in 0..<UInt32(32) {
                let trial = word ^ (1 &<< bit)
                guard Self.crc8(trial & 0xFF_FFFF) == trial >> 24 else { continue }
                fields = trial & 0xFF_FFFF | 1 << 24
                found = true
                break
            }
        }
        guard found, flags < 16, Int(length) <= StoreLimits.value else { return nil }
    }

    @inline(never)
    private static func crc8(_ fields: UInt32) -> UInt32 {
        // It starts at 0xFF so that zeros do not pass.
        var crc = ShortCheck.crc8(0xFF ^ (fields & 0xFF))
        crc = ShortCheck.crc8(crc ^ (fields >> 8 & 0xFF))
        return ShortCheck.crc8(crc ^ fields >> 16)
    }
}
