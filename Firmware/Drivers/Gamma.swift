// From how bright a light looks to how long it must be on.

/// The eye judges by ratios: CIE 1976 lightness L* (CIE 15:2018, 8.2.1) inverted, without division.
enum Gamma {
    /// Duty for a lightness of 0…100: (L + 16)³ / 116³ above 8, L / 903.3 below, of 65535.
    static func duty(lightness: Int32) -> UInt16 {
        if lightness >= 100 { return .max }
        if lightness <= 8 { return UInt16(truncatingIfNeeded: max(0, lightness) &* 73) }
        let n = UInt32(bitPattern: lightness + 16)
        return UInt16(truncatingIfNeeded: (n &* n &* n &* 2751) >> 16)
    }
}
