// Comparisons of byte spans, and the UTF-8 check.

/// The byte at `offset`, checked to be inside.
@inline(__always)
private func load(_ bytes: RawSpan, _ offset: Int) -> UInt8 {
    precondition(offset >= 0 && offset < bytes.byteCount)
    return bytes.unsafeLoad(fromByteOffset: offset, as: UInt8.self)
}

/// True if `left` is strictly less than `right` in bytewise lexicographic order.
public func precedes(_ left: RawSpan, _ right: RawSpan) -> Bool {
    let shared = min(left.byteCount, right.byteCount)
    for index in 0..<shared {
        let (l, r) = (load(left, index), load(right, index))
        if l != r { return l < r }
    }
    return left.byteCount < right.byteCount
}

/// True if `bytes` are the UTF-8 of `text`. Not in constant time: never for secrets.
public func equal(_ bytes: RawSpan, _ text: StaticString) -> Bool {
    guard bytes.byteCount == text.utf8CodeUnitCount else { return false }
    for index in 0..<bytes.byteCount where load(bytes, index) != text.utf8Start[index] { return false }
    return true
}

/// True if both spans hold the same bytes. Not in constant time: never for secrets.
public func equal(_ left: RawSpan, _ right: RawSpan) -> Bool {
    guard left.byteCount == right.byteCount else { return false }
    for index in 0..<left.byteCount where load(left, index) != load(right, index) { return false }
    return true
}

/// True if `bytes` are well-formed UTF-8 (RFC 3629): no overlong form, no surrogate, nothing above U+10FFFF.
public func isUTF8(_ bytes: RawSpan) -> Bool {
    var index = 0
    while index < bytes.byteCount {
        let lead = load(bytes, index)
        index &+= 1
        if lead < 0x80 { continue }
        // RFC 3629 section 4: only the first continuation byte has a range that depends on the lead byte.
        var low: UInt8 = 0x80
        var high: UInt8 = 0xbf
        var continuations = 1
        switch lead {
        case 0xc2...0xdf: break
        case 0xe0...0xef:
            continuations = 2
            if lead == 0xe0 { low = 0xa0 }
            if lead == 0xed { high = 0x9f }
        case 0xf0...0xf4:
            continuations = 3
            if lead == 0xf0 { low = 0x90 }
            if lead == 0xf4 { high = 0x8f }
        default: return false
        }
        guard bytes.byteCount &- index >= continuations else { return false }
        for _ in 0..<continuations {
            let byte = load(bytes, index)
            guard byte >= low && byte <= high else { return false }
            (low, high) = (0x80, 0xbf)
            index &+= 1
        }
    }
    return true
}
