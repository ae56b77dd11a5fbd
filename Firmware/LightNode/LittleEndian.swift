// Fixed-layout records: little-endian integers in inline byte arrays.
//
// The work is done by functions that are not generic, so that each size of array does not bring its own copy of them.

/// The number in the `count` bytes at `offset`.
@inline(never)
private func load(_ bytes: RawSpan, at offset: Int, count: Int) -> UInt64 {
    precondition(offset >= 0 && count <= 8 && offset &+ count <= bytes.byteCount)
    var value: UInt64 = 0
    bytes.withUnsafeBytes { bytes in
        withUnsafeMutableBytes(of: &value) { $0.baseAddress!.copyMemory(from: bytes.baseAddress! + offset, byteCount: count) }
    }
    return UInt64(littleEndian: value)
}

@inline(never)
func store(_ value: UInt64, to bytes: consuming MutableSpan<UInt8>, at offset: Int, count: Int) {
    precondition(count <= 8)
    let value: InlineArray<1, UInt64> = [value.littleEndian]
    copy(value.span.bytes.extracting(0..<count), to: bytes, at: offset)
}

@inline(never)
func copy(_ source: RawSpan, to bytes: consuming MutableSpan<UInt8>, at offset: Int) {
    precondition(offset >= 0 && offset &+ source.byteCount <= bytes.count)
    var bytes = bytes
    bytes.withUnsafeMutableBytes { bytes in
        source.withUnsafeBytes { source in
            guard let to = bytes.baseAddress, let from = source.baseAddress else { return }
            (to + offset).copyMemory(from: from, byteCount: source.count)
        }
    }
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
