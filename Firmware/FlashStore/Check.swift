// The check word that commits a record, an intent or a header: a CRC that corrects one bit, and a count that tells a torn write from damage.

/// CRC-24 (RFC 9580, section 6.1.1, polynomial 0x864CFB) and the number of zero bits, over little-endian words, most significant bit first.
///
/// The check word is `CRC << 8 | count`, where `count` is the number of zero bits in data and CRC, modulo 255 (J. M. Berger, "A note on error
/// detection codes for asymmetric channels", 1961). Programming only clears bits, so a write cut short leaves too few zeros and a count that
/// is too high: no such write passes for a whole one. A CRC of all ones is written as zero and a count is never 255: every check word
/// has at least two zero bits, and one that reads with at most one was never programmed. Data of ones only is never valid.
struct Check {
    private var register: UInt32 = 0xB704_CE00
    private(set) var zeros = 0

    /// `seed` binds the data to its kind, or to its place.
    init(seed: UInt32) {
        add(seed)
        zeros = 0
    }

    @inline(never)
    mutating func add(_ word: UInt32) {
        var value = register ^ word
        for _ in 0..<8 { value = (value << 4) ^ Self.table[Int(truncatingIfNeeded: value >> 28)] }
        register = value
        zeros &+= 32 &- word.nonzeroBitCount
    }

    private static let polynomial: UInt32 = 0x864C_FB00

    /// The CRC of each nibble, in the upper 24 bits.
    private static let table: InlineArray<16, UInt32> = [
        0x0000_0000, 0x864C_FB00, 0x8AD5_0D00, 0x0C99_F600, 0x93E6_E100, 0x15AA_1A00, 0x1933_EC00, 0x9F7F_1700,
        0xA181_3900, 0x27CD_C200, 0x2B54_3400, 0xAD18_CF00, 0x3267_D800, 0xB42B_2300, 0xB8B2_D500, 0x3EFE_2E00,
    ]

    var crc: UInt32 { register == 0xFFFF_FF00 ? 0 : register >> 8 }
    var word: UInt32 { crc << 8 | count(crc: crc) }

    @inline(never)
    private func count(crc: UInt32) -> UInt32 {
        Self.modulo255(UInt32(truncatingIfNeeded: zeros &+ 24 &- crc.nonzeroBitCount))
    }

    /// For numbers below 65536. A Cortex-M0 has no division.
    private static func modulo255(_ number: UInt32) -> UInt32 {
        var sum = (number & 0xFF) &+ (number >> 8)
        sum = (sum & 0xFF) &+ (sum >> 8)
        return sum == 255 ? 0 : sum
    }

    /// What the stored check word says of the data.
    enum Verdict: Equatable {
        /// The check was not written to its end: the write was cut short.
        case uncommitted
        case intact
        /// One bit of the data has flipped: bit `n`, counted from the least significant bit of the last word.
        case flipped(Int)
        case damaged

        /// The data is known.
        var isWhole: Bool { self != .uncommitted && self != .damaged }
    }

    /// Compares with the check word that was stored after `length` bytes of data.
    @inline(never)
    func verdict(stored: UInt32, length: Int) -> Verdict {
        if stored.nonzeroBitCount >= 31 || zeros == 0 { return .uncommitted }
        let computed = word
        // Up to three flips of the check itself: no one or two flips of up to 132 bytes of data look like that.
        if (computed ^ stored).nonzeroBitCount <= 3 { return .intact }
        let syndrome = (computed ^ stored) >> 8
        let difference = Self.modulo255(count(crc: stored >> 8) &+ 255 &- (stored & 0xFF))
        if difference == 1 || difference == 254 {
            var error = Self.polynomial >> 8
            for bit in 0..<(length &* 8) {
                if error == syndrome { return .flipped(bit) }
                error = error & 0x80_0000 == 0 ? error << 1 : (error << 1 ^ Self.polynomial >> 8) & 0xFF_FFFF
            }
        }
        // Bits of the right check are still to be cleared, and no others: its write was cut short.
        return computed & ~stored == 0 ? .uncommitted : .damaged
    }
}

/// The check of an outcome, in 16 bits: a CRC-8 (polynomial 0x2F, Hamming distance 4 up to 119 bits) and the number of zeros in the data and in
/// those eight.
struct ShortCheck {
    private var crc: UInt32 = 0xFF
    private var zeros: UInt32 = 0

    @inline(never)
    mutating func add(_ byte: UInt8) {
        crc = Self.crc8(crc ^ UInt32(byte))
        zeros &+= UInt32(truncatingIfNeeded: 8 &- byte.nonzeroBitCount)
    }

    var value: UInt32 { crc << 8 | (zeros &+ 8 &- UInt32(truncatingIfNeeded: crc.nonzeroBitCount)) }

    /// The CRC of one byte, register and data added.
    @inline(never)
    static func crc8(_ byte: UInt32) -> UInt32 {
        var register = byte
        for _ in 0..<8 { register = register & 0x80 == 0 ? register << 1 : (register << 1 ^ 0x2F) & 0xFF }
        return register
    }
}
