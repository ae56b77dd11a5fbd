// 32 bytes as a value without a heap: hashes, keys of accounts, paths in the tree of states.
import CBOR
import HostCrypto

/// 32 bytes, in the order of their bytes: a SHA-256, or an Ed25519 public key.
public struct Hash32: Hashable, Sendable {
    /// Bytes of a value.
    public static let size = 32
    /// 32 zero bytes: an empty subtree, a chain without entries.
    public static let zero = Hash32(words: (0, 0, 0, 0))

    private let w0, w1, w2, w3: UInt64

    private init(words: (UInt64, UInt64, UInt64, UInt64)) { (w0, w1, w2, w3) = words }

    /// The 32 bytes of `span` from `offset` on, which must be there.
    init(_ span: RawSpan, at offset: Int = 0) {
        precondition(offset >= 0 && span.byteCount - offset >= Self.size)
        self.init(
            words: (
                UInt64(bigEndian: span.unsafeLoadUnaligned(fromByteOffset: offset, as: UInt64.self)),
                UInt64(bigEndian: span.unsafeLoadUnaligned(fromByteOffset: offset + 8, as: UInt64.self)),
                UInt64(bigEndian: span.unsafeLoadUnaligned(fromByteOffset: offset + 16, as: UInt64.self)),
                UInt64(bigEndian: span.unsafeLoadUnaligned(fromByteOffset: offset + 24, as: UInt64.self))
            ))
    }

    /// Nil unless there are 32 bytes.
    public init?(_ bytes: some Collection<UInt8>) {
        guard bytes.count == Self.size else { return nil }
        let array = Array(bytes)
        self.init(array.span.bytes)
    }

    /// An account's key as the chain writes it.
    public init(_ key: PublicKey) { self.init(key.bytes.span.bytes) }

    /// The 32 bytes, first one first.
    public var bytes: [UInt8] {
        withBytes { Array($0) }
    }

    /// The key that these bytes are, whether or not they are a point of the curve.
    public var publicKey: PublicKey {
        guard let key = PublicKey(bytes) else { preconditionFailure("a key has 32 bytes") }
        return key
    }

    /// Lends the bytes, in order.
    func withBytes<R>(_ body: (UnsafeRawBufferPointer) throws -> R) rethrows -> R {
        var words = (w0.bigEndian, w1.bigEndian, w2.bigEndian, w3.bigEndian)
        return try withUnsafeBytes(of: &words) { try body($0) }
    }

    /// The bit at `index`, the highest of the first byte being 0.
    func bit(_ index: Int) -> Bool {
        let word =
            switch index >> 6 {
            case 0: w0
            case 1: w1
            case 2: w2
            default: w3
            }
        return word >> UInt64(63 - index & 63) & 1 == 1
    }

    /// True if the first `count` bits are those of `other`.
    func sharesPrefix(_ count: Int, with other: Hash32) -> Bool {
        var left = count
        for difference in [w0 ^ other.w0, w1 ^ other.w1, w2 ^ other.w2, w3 ^ other.w3] where left > 0 {
            let wanted = min(left, 64)
            if difference >> UInt64(64 - wanted) != 0 { return false }
            left -= wanted
        }
        return true
    }
}

extension Hash32: Comparable {
    public static func < (left: Hash32, right: Hash32) -> Bool {
        if left.w0 != right.w0 { return left.w0 < right.w0 }
        if left.w1 != right.w1 { return left.w1 < right.w1 }
        if left.w2 != right.w2 { return left.w2 < right.w2 }
        return left.w3 < right.w3
    }
}

extension Hash32: CustomStringConvertible {
    public var description: String { bytes.hex }
}

// MARK: Hashing

extension Hash32 {
    /// SHA-256 of what `body` feeds it.
    static func sha256(_ body: (inout SHA256) -> Void) -> Hash32 {
        var hash = SHA256()
        body(&hash)
        var words: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)
        withUnsafeMutableBytes(of: &words) { hash.finish(into: $0) }
        return Hash32(
            words: (
                UInt64(bigEndian: words.0), UInt64(bigEndian: words.1), UInt64(bigEndian: words.2), UInt64(bigEndian: words.3)
            ))
    }

    /// SHA-256 of `bytes`.
    public static func sha256(_ bytes: [UInt8]) -> Hash32 {
        sha256 { hash in bytes.withUnsafeBytes { hash.update($0) } }
    }

    /// The hash of a leaf (RFC 9162, section 2.1.1): SHA-256(0x00 ‖ bytes). It is also what a transaction, a receipt and a header are
    /// called by.
    public static func leaf(_ bytes: [UInt8]) -> Hash32 {
        sha256 { hash in
            hash.update(tag: 0)
            bytes.withUnsafeBytes { hash.update($0) }
        }
    }

    /// The hash of a node (RFC 9162, section 2.1.1): SHA-256(0x01 ‖ left ‖ right).
    static func node(_ left: Hash32, _ right: Hash32) -> Hash32 {
        withUnsafeTemporaryAllocation(byteCount: 1 + 2 * size, alignment: 1) { buffer in
            buffer[0] = 1
            left.withBytes { UnsafeMutableRawBufferPointer(rebasing: buffer[1..<33]).copyMemory(from: $0) }
            right.withBytes { UnsafeMutableRawBufferPointer(rebasing: buffer[33...]).copyMemory(from: $0) }
            return sha256 { $0.update(UnsafeRawBufferPointer(buffer)) }
        }
    }
}

extension SHA256 {
    mutating func update(tag: UInt8) {
        withUnsafeBytes(of: tag) { update($0) }
    }

    mutating func update(_ hash: Hash32) {
        hash.withBytes { update($0) }
    }
}

// MARK: CBOR

extension CBORWriter {
    /// A byte string of 32 bytes.
    @_lifetime(self: copy self)
    mutating func hash(_ hash: Hash32) {
        let bytes = hash.bytes
        self.bytes(bytes.span.bytes)
    }

    /// A byte string of 32 bytes, or null.
    @_lifetime(self: copy self)
    mutating func hashOrNull(_ hash: Hash32?) {
        if let hash { self.hash(hash) } else { null() }
    }

    /// A byte string of all of them, one behind the other.
    @_lifetime(self: copy self)
    mutating func hashes(_ hashes: [Hash32]) {
        bytesHead(hashes.count * Hash32.size)
        for hash in hashes {
            let bytes = hash.bytes
            raw(bytes.span.bytes)
        }
    }
}

extension CBORReader {
    /// A byte string of 32 bytes.
    @_lifetime(self: copy self)
    mutating func hash() throws(CBORError) -> Hash32 { Hash32(try bytes(count: Hash32.size)) }

    /// A byte string of 32 bytes, or null.
    @_lifetime(self: copy self)
    mutating func hashOrNull() throws(CBORError) -> Hash32? {
        if try peek() == .bytes { return try hash() }
        try null()
        return nil
    }

    /// A byte string that is hashes one behind the other, `limit` of them at most.
    @_lifetime(self: copy self)
    mutating func hashes(atMost limit: Int) throws(CBORError) -> [Hash32] {
        let content = try bytes()
        let (count, rest) = content.byteCount.quotientAndRemainder(dividingBy: Hash32.size)
        guard rest == 0, count <= limit else { throw .outOfRange }
        return (0..<count).map { Hash32(content, at: $0 * Hash32.size) }
    }

    /// The head of an array of `limit` items at most.
    @_lifetime(self: copy self)
    mutating func array(atMost limit: Int) throws(CBORError) -> Int {
        let count = try array()
        guard count <= limit else { throw .outOfRange }
        return count
    }

    /// A byte string of `limit` bytes at most, as a copy.
    @_lifetime(self: copy self)
    mutating func bytes(atMost limit: Int) throws(CBORError) -> [UInt8] {
        let content = try bytes()
        guard content.byteCount <= limit else { throw .outOfRange }
        return content.withUnsafeBytes { Array($0) }
    }
}
