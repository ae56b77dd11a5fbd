// Floating-point numbers in preferred serialization (RFC 8949 section 4.2.2). Only integer arithmetic: works without an FPU.

extension CBORReader {
    /// A floating-point number, which must be in the shortest of the three forms that keeps its value; NaN only as f97e00.
    @_lifetime(self: copy self)
    public mutating func double() throws(CBORError) -> Double {
        guard try peek() == .float else { throw .unexpectedType }
        let head = try head()
        let value: Double
        switch head.width {
        case 2: value = Double(bitPattern: widen(head.value, exponentBits: 5, fractionBits: 10))
        case 4: value = Double(bitPattern: widen(head.value, exponentBits: 8, fractionBits: 23))
        default: value = Double(bitPattern: head.value)
        }
        guard shortestFloat(value.bitPattern).bits == UInt64(head.width) &* 8 else { throw .notShortest }
        if value.bitPattern << 1 > 0x7ff0_0000_0000_0000 << 1 && head.value != 0x7e00 { throw .notShortest }
        return value
    }
}

extension CBORWriter {
    /// A floating-point number in its shortest form. Any NaN becomes f97e00.
    @_lifetime(self: copy self)
    public mutating func double(_ value: Double) {
        let (pattern, bits) = shortestFloat(value.bitPattern)
        append(bits == 16 ? 0xf9 : bits == 32 ? 0xfa : 0xfb)
        appendBigEndian(pattern, bits: bits)
    }
}

/// The binary64 pattern of a smaller binary floating-point number (IEEE 754).
private func widen(_ pattern: UInt64, exponentBits: UInt64, fractionBits: UInt64) -> UInt64 {
    let sign = (pattern >> (exponentBits &+ fractionBits)) << 63
    let maximumExponent = (UInt64(1) << exponentBits) &- 1
    let exponent = pattern >> fractionBits & maximumExponent
    var fraction = pattern & ((1 << fractionBits) &- 1)
    let bias = maximumExponent >> 1
    if exponent == maximumExponent { return sign | 0x7ff << 52 | fraction << (52 &- fractionBits) }
    if exponent != 0 { return sign | (exponent &+ 1023 &- bias) << 52 | fraction << (52 &- fractionBits) }
    if fraction == 0 { return sign }
    // Subnormal: shift until the leading one becomes the implicit one.
    var shift: UInt64 = 0
    while fraction >> fractionBits == 0 {
        fraction <<= 1
        shift &+= 1
    }
    fraction &= (1 << fractionBits) &- 1
    return sign | (1024 &- bias &- shift) << 52 | fraction << (52 &- fractionBits)
}

/// The shortest pattern of 16, 32 or 64 bits that keeps the value of a binary64 pattern.
private func shortestFloat(_ pattern: UInt64) -> (pattern: UInt64, bits: UInt64) {
    if pattern << 1 > 0x7ff0_0000_0000_0000 << 1 { return (0x7e00, 16) }
    if let half = narrow(pattern, exponentBits: 5, fractionBits: 10) { return (half, 16) }
    if let single = narrow(pattern, exponentBits: 8, fractionBits: 23) { return (single, 32) }
    return (pattern, 64)
}

/// The pattern of a smaller format, or nil if that would lose anything.
private func narrow(_ pattern: UInt64, exponentBits: UInt64, fractionBits: UInt64) -> UInt64? {
    let sign = (pattern >> 63) << (exponentBits &+ fractionBits)
    let exponent = Int64(pattern >> 52 & 0x7ff)
    let fraction = pattern & 0xf_ffff_ffff_ffff
    let maximumExponent = (Int64(1) << Int64(exponentBits)) &- 1
    let dropped = 52 &- fractionBits
    if exponent == 0x7ff { return sign | UInt64(maximumExponent) << fractionBits }
    if exponent == 0 { return fraction == 0 ? sign : nil }
    let narrowed = exponent &- 1023 &+ (maximumExponent >> 1)
    if narrowed >= maximumExponent { return nil }
    if narrowed > 0 {
        guard fraction & ((1 << dropped) &- 1) == 0 else { return nil }
        return sign | UInt64(narrowed) << fractionBits | fraction >> dropped
    }
    // Subnormal in the smaller format: the implicit one becomes explicit, further down.
    let shift = dropped &+ 1 &+ UInt64(-narrowed)
    guard shift < 53 else { return nil }
    let significand = fraction | 1 << 52
    guard significand & ((1 << shift) &- 1) == 0 else { return nil }
    return sign | significand >> shift
}
