// SHA-512 (FIPS 180-4, section 6.4), in pieces of any size.
#if ED25519_POINT_KERNEL
import Ed25519Kernel
#endif

/// SHA-512 over bytes fed in pieces of any size, less than 2^61 bytes in all. Uses 200 bytes, and about 260 of stack while hashing.
public struct SHA512 {
    /// Words 0–7: the hash value H(i). 8–23: the unfinished block, whose words become the message schedule in place.
    /// 24: the length of the message so far, in bytes.
    private var words: InlineArray<25, UInt64>

    /// The hash of nothing yet: H(0) of FIPS 180-4, section 5.3.5.
    public init() {
        words = InlineArray(repeating: 0)
        for i in 0..<8 { words[i] = initialHash[i] }
    }

    /// Appends `bytes` to the message.
    @export(interface)
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
    @export(interface)
    public mutating func finalize() -> InlineArray<64, UInt8> {
        var digest = InlineArray<64, UInt8>(repeating: 0)
        withUnsafeMutableBytes(of: &digest) { finalize(into: $0.baseAddress!) }
        return digest
    }

    /// The digest of `bytes`.
    @export(interface)
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
            var left = count
            while left > 0 {
                let piece = min(left, 128 &- used)
                (block + used).copyMemory(from: next, byteCount: piece)
                next += piece
                left &-= piece
                used &+= piece
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

/// Σ0: the word rotated right by 28, 34 and 39 bits (FIPS 180-4, section 4.1.3).
@_transparent
private func sum0(_ x: UInt64) -> UInt64 {
    let l = halves(x).low, h = halves(x).high
    return whole(
        (l >> 28) ^ (h << 4) ^ (h >> 2) ^ (l << 30) ^ (h >> 7) ^ (l << 25),
        (h >> 28) ^ (l << 4) ^ (l >> 2) ^ (h << 30) ^ (l >> 7) ^ (h << 25))
}

/// Σ1: rotated by 14, 18 and 41 bits.
@_transparent
private func sum1(_ x: UInt64) -> UInt64 {
    let l = halves(x).low, h = halves(x).high
    return whole(
        (l >> 14) ^ (h << 18) ^ (l >> 18) ^ (h << 14) ^ (h >> 9) ^ (l << 23),
        (h >> 14) ^ (l << 18) ^ (h >> 18) ^ (l << 14) ^ (l >> 9) ^ (h << 23))
}

/// σ0: rotated by 1 and 8 bits, shifted by 7.
@_transparent
private func schedule0(_ x: UInt64) -> UInt64 {
    let l = halves(x).low, h = halves(x).high
    return whole(
        (l >> 1) ^ (h << 31) ^ (l >> 8) ^ (h << 24) ^ (l >> 7) ^ (h << 25),
        (h >> 1) ^ (l << 31) ^ (h >> 8) ^ (l << 24) ^ (h >> 7))
}

/// σ1: rotated by 19 and 61 bits, shifted by 6.
@_transparent
private func schedule1(_ x: UInt64) -> UInt64 {
    let l = halves(x).low, h = halves(x).high
    return whole(
        (l >> 19) ^ (h << 13) ^ (h >> 29) ^ (l << 3) ^ (l >> 6) ^ (h << 26),
        (h >> 19) ^ (l << 13) ^ (l >> 29) ^ (h << 3) ^ (h >> 6))
}

/// FIPS 180-4, section 6.4.2: hashes the block in words 8–23, 128 bytes in memory order, into the hash value in words 0–7.
///
/// The working variables a–h are a window on `trail` that moves down by one word each round, so none is copied:
/// the new a is written below the window, and d becomes e where it stands. After 16 rounds the window returns to the top.
@inline(never)
private func compress(_ words: UnsafeMutablePointer<UInt64>) {
    withUnsafeTemporaryAllocation(of: UInt64.self, capacity: 24) { trail in
        let top = trail.baseAddress! + 16
        let schedule = words + 8
        copy(top, words)
        var i = 0
        while i < 16 {
            schedule[i] = schedule[i].bigEndian
            i &+= 1
        }
        var round = 0
        while true {
            roundConstants.span.withUnsafeBufferPointer { sixteenRounds(top, schedule, $0.baseAddress! + round) }
            copy(top, trail.baseAddress!)
            round &+= 16
            if round == 80 { break }
            extend(schedule)
        }
        i = 0
        while i < 8 {
            words[i] &+= top[i]
            i &+= 1
        }
        Ed25519.wipe(UnsafeMutableRawPointer(trail.baseAddress!), count: 192)
    }
}

private func copy(_ to: UnsafeMutablePointer<UInt64>, _ from: UnsafePointer<UInt64>) {
    var i = 0
    while i < 8 {
        to[i] = from[i]
        i &+= 1
    }
}

#if ED25519_POINT_KERNEL
/// The window starts at `top` and ends 16 words below.
@_transparent
private func sixteenRounds(
    _ top: UnsafeMutablePointer<UInt64>, _ schedule: UnsafePointer<UInt64>, _ constants: UnsafePointer<UInt64>
) { ed25519_sha512_rounds(top, schedule, constants) }
#else
/// The window starts at `top` and ends 16 words below.
@_transparent
private func sixteenRounds(
    _ top: UnsafeMutablePointer<UInt64>, _ schedule: UnsafePointer<UInt64>, _ constants: UnsafePointer<UInt64>
) {
    var v = top
    var w = schedule
    var k = constants
    let end = schedule + 16
    while w < end {
        let e = v[4]
        let a = v[0]
        let choice = v[6] ^ (e & (v[5] ^ v[6]))
        let t1 = v[7] &+ k[0] &+ w[0] &+ sum1(e) &+ choice
        v[3] &+= t1
        let majority = (a & v[1]) | (v[2] & (a | v[1]))
        v -= 1
        v[0] = t1 &+ sum0(a) &+ majority
        w += 1
        k += 1
    }
}
#endif

/// The next 16 words of the message schedule, in place of the last 16.
#if ED25519_POINT_KERNEL
@inline(__always)
private func extend(_ schedule: UnsafeMutablePointer<UInt64>) { ed25519_sha512_extend(schedule) }
#else
@inline(__always)
private func extend(_ schedule: UnsafeMutablePointer<UInt64>) {
    var j = 0
    while j < 16 {
        schedule[j] &+= schedule[(j &+ 9) & 15] &+ schedule0(schedule[(j &+ 1) & 15]) &+ schedule1(schedule[(j &+ 14) & 15])
        j &+= 1
    }
}
#endif
