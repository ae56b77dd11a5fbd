// Fixed-layout records: little-endian integers in inline byte arrays.
//
// The work is done by functions that are not generic, so that each size of array does not bring its own copy of them.

/// The number in the `count` bytes at `offset`.
@inline(never)
private func load(_ bytes: RawSpan, at offset: Int, count: Int) -> UInt64 {
    precondition(offset >= 0 && offset &+ count <= bytes.byteCount)
    var value: UInt64 = 0
    var at = offset &+ count
    while at > offset {
        at &-= 1
        value = value << 8 | UInt64(bytes.unsafeLoad(fromByteOffset: at, as: UInt8.self))
    }
    return value
}

@inline(never)
func store(_ value: UInt64, to bytes: consuming MutableSpan<UInt8>, at offset: Int, count: Int) {
    var value = value
    for i in 0..<count {
        bytes[offset &+ i] = UInt8(truncatingIfNeeded: value)
        value >>= 8
    }
}

@inline(never)
func copy(_ source: RawSpan, to bytes: consuming MutableSpan<UInt8>, at offset: Int) {
    for i in 0..<source.byteCount { bytes[offset &+ i] = source.unsafeLoad(fromByteOffset: i, as: UInt8.self) }
}

@inline(never)
func loadLittleEndian(_ bytes: RawSpan, at offset: Int, count: Int = 4) -> UInt32 {
    UInt32(truncatingIfNeeded: load(bytes, at: offset, count: count))
}

/// `count` bytes of it, for numbers of less than 64 bits.
@inline(never)
func loadLittleEndian64(_ bytes: RawSpan, at offset: Int, count: Int = 8) -> UInt64 {
    load(bytes, at: offset, count: count)
}

@inline(never)
func storeLittleEndian(_ value: UInt32, to bytes: consuming MutableSpan<UInt8>, at offset: Int, count: Int = 4) {
    store(UInt64(value), to: bytes, at: offset, count: count)
}

extension InlineArray where Element == UInt8 {
    @inline(__always)
    mutating func storeLittleEndian(_ value: UInt32, at offset: Int, count: Int = 4) {
        LightNode.storeLittleEndian(value, to: mutableSpan, at: offset, count: count)
    }

    @inline(__always)
    func loadLittleEndian(at offset: Int, count: Int = 4) -> UInt32 {
        LightNode.loadLittleEndian(span.bytes, at: offset, count: count)
    }

    @inline(__always)
    mutating func storeLittleEndian64(_ value: UInt64, at offset: Int, count: Int = 8) {
        LightNode.store(value, to: mutableSpan, at: offset, count: count)
    }

    @inline(__always)
    func loadLittleEndian64(at offset: Int, count: Int = 8) -> UInt64 {
        LightNode.loadLittleEndian64(span.bytes, at: offset, count: count)
    }

    /// Copies all of `bytes` to `offset`.
    @inline(__always)
    mutating func store(_ bytes: RawSpan, at offset: Int) {
        LightNode.copy(bytes, to: mutableSpan, at: offset)
    }

    @inline(__always)
    mutating func clear() {
        LightNode.clear(mutableSpan)
    }
}

@inline(never)
func clear(_ bytes: consuming MutableSpan<UInt8>) {
    for i in bytes.indices { bytes[i] = 0 }
}

/// 32 bytes of a span that is known to have as many.
@inline(never)
func bytes32(_ span: RawSpan, at offset: Int = 0) -> InlineArray<32, UInt8> {
    var bytes = InlineArray<32, UInt8>(repeating: 0)
    bytes.store(span.extracting(offset..<(offset &+ 32)), at: 0)
    return bytes
}
