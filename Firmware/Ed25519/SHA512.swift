// SHA-512 (FIPS 180-4, section 6.4), in pieces of any size.

/// SHA-512 over bytes fed in pieces of any size, less than 2^61 bytes in all. Uses 200 bytes, and about 260 of stack while hashing.
public struct SHA512 {
    /// Words 0–7: the hash value H(i). 8–23: the unfinished block, whose words become the message schedule in place.
    /// 24: the length of the message so far, in bytes.
    private var words: InlineArray<25, UInt64>

    public init() {
        words = InlineArray(repeating: 0)
        for i in 0..<8 { words[i] = initialHash[i] }
    }

    /// Appends `bytes` to the message.
    public mutating func update(_ bytes: RawSpan) {
        bytes.withUnsafeBytes { source in
            if let base = source.baseAddress { append(base, count: source.count) }
        }
    }

    /// Appends the bytes of `array` to the message.
    public mutating func update<let size: Int>(_ array: borrowing InlineArray<size, UInt8>) {
        update(array.span.bytes)
    }

    /// Pads the message and returns its digest; `self` is wiped and must not be used again.
    public mutating func finalize() -> InlineArray<64, UInt8> {
        var digest = InlineArray<64, UInt8>(repeating: 0)
        withUnsafeMutableBytes(of: &digest) { finalize(into: $0.baseAddress!) }
        return digest
    }

    /// The digest of `bytes`.
    public static func hash(_ bytes: RawSpan) -> InlineArray<64, UInt8> {
        var hash = SHA512()
        hash.update(bytes)
        return hash.finalize()
    }

    /// Appends `count` bytes from `source` on to the message.
    mutating func append(_ source: UnsafeRawPointer, count: Int) {
        withUnsafeMutablePointer(to: &words) { this in
            let words = UnsafeMutableRawPointer(this).assumingMemoryBound(to: UInt64.self)
            let block = UnsafeMutableRawPointer(words + 8)
            var used = Int(truncatingIfNeeded: words[24] & 127)
            words[24] &+= UInt64(truncatingIfNeeded: count)
            var next = source
            let end = source + count
            while next < end {
                block.storeBytes(of: next.load(as: UInt8.self), toByteOffset: used, as: UInt8.self)
                next += 1
                used &+= 1
                if used == 128 {
                    compress(words)
                    used = 0
                }
            }
        }
    }

    /// Writes the digest to the 64 bytes at `digest` and wipes `self`.
    mutating func finalize(into digest: UnsafeMutableRawPointer) {
        withUnsafeMutablePointer(to: &words) { this in
            let words = UnsafeMutableRawPointer(this).assumingMemoryBound(to: UInt64.self)
            let block = UnsafeMutableRawPointer(words + 8)
            let used = Int(truncatingIfNeeded: words[24] & 127)
            block.storeBytes(of: 0x80, toByteOffset: used, as: UInt8.self)
            Ed25519.wipe(block + used + 1, count: 127 &- used)
            if used >= 112 {
                compress(words)
                Ed25519.wipe(block, count: 128)
            }
            words[23] = (words[24] << 3).bigEndian
            compress(words)
            var i = 0
            while i < 8 {
                let word = words[i].bigEndian
                digest.storeBytes(of: word, toByteOffset: 8 &* i, as: UInt64.self)
                i &+= 1
            }
            Ed25519.wipe(UnsafeMutableRawPointer(words), count: 200)
        }
    }
}

/// FIPS 180-4, section 6.4.2: hashes the block in words 8–23, 64 bytes in memory order, into the hash value in words 0–7.
///
/// The working variables a–h are a window on `trail` that moves down by one word each round, so none is copied:
/// the new a is written below the window, and d becomes e where it stands. After 16 rounds the window returns to the top.
@inline(never)
private func compress(_ words: UnsafeMutablePointer<UInt64>) {
    withUnsafeTemporaryAllocation(of: UInt64.self, capacity: 24) { trail in
        let top = trail.baseAddress! + 16
        let schedule = words + 8
        var i = 0
        while i < 8 {
            top[i] = words[i]
            i &+= 1
        }
        i = 0
        while i < 16 {
            schedule[i] = schedule[i].bigEndian
            i &+= 1
        }
        var round = 0
        while true {
            var v = top
            var j = 0
            while j < 16 {
                let w = schedule[j]
                let e = v[4]
                let a = v[0]
                let s1 = rotate(e, 14) ^ rotate(e, 18) ^ rotate(e, 41)
                let choice = v[6] ^ (e & (v[5] ^ v[6]))
                let t1 = v[7] &+ s1 &+ choice &+ roundConstants[unchecked: round &+ j] &+ w
                v[3] &+= t1
                let s0 = rotate(a, 28) ^ rotate(a, 34) ^ rotate(a, 39)
                let majority = (a & v[1]) | (v[2] & (a | v[1]))
                v -= 1
                v[0] = t1 &+ s0 &+ majority
                j &+= 1
            }
            round &+= 16
            i = 0
            while i < 8 {
                top[i] = trail[i]
                i &+= 1
            }
            if round == 80 { break }
            j = 0
            while j < 16 {
                let x = schedule[(j &+ 1) & 15]
                let y = schedule[(j &+ 14) & 15]
                schedule[j] &+= schedule[(j &+ 9) & 15]
                    &+ (rotate(x, 1) ^ rotate(x, 8) ^ (x >> 7)) &+ (rotate(y, 19) ^ rotate(y, 61) ^ (y >> 6))
                j &+= 1
            }
        }
        i = 0
        while i < 8 {
            words[i] &+= top[i]
            i &+= 1
        }
        Ed25519.wipe(UnsafeMutableRawPointer(trail.baseAddress!), count: 192)
    }
}

@inline(__always)
private func rotate(_ x: UInt64, _ n: UInt64) -> UInt64 { (x >> n) | (x << (64 &- n)) }

