// Fixed-layout records: little-endian integers in inline byte arrays.

extension InlineArray where Element == UInt8 {
    @inline(never)
    mutating func storeLittleEndian(_ value: UInt32, at offset: Int) {
        for i in 0..<4 { self[offset &+ i] = UInt8(truncatingIfNeeded: value >> UInt32(8 &* i)) }
    }

    @inline(never)
    func loadLittleEndian(at offset: Int) -> UInt32 {
        var value: UInt32 = 0
        for i in 0..<4 { value |= UInt32(self[offset &+ i]) << UInt32(8 &* i) }
        return value
    }

    @inline(never)
    mutating func storeLittleEndian64(_ value: UInt64, at offset: Int) {
        storeLittleEndian(UInt32(truncatingIfNeeded: value), at: offset)
        storeLittleEndian(UInt32(truncatingIfNeeded: value >> 32), at: offset &+ 4)
    }

    @inline(never)
    func loadLittleEndian64(at offset: Int) -> UInt64 {
        UInt64(loadLittleEndian(at: offset)) | UInt64(loadLittleEndian(at: offset &+ 4)) << 32
    }

    /// Copies all of `bytes` to `offset`.
    @inline(never)
    mutating func store(_ bytes: RawSpan, at offset: Int) {
        for i in 0..<bytes.byteCount { self[offset &+ i] = bytes.unsafeLoad(fromByteOffset: i, as: UInt8.self) }
    }
}

/// 32 bytes of a span that is known to have as many.
@inline(never)
func bytes32(_ span: RawSpan, at offset: Int = 0) -> InlineArray<32, UInt8> {
    var bytes = InlineArray<32, UInt8>(repeating: 0)
    bytes.store(span.extracting(offset..<(offset &+ 32)), at: 0)
    return bytes
}
