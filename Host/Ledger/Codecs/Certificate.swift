// Finality, as bytes: signatures of representatives over one header.
import CBOR
import HostCrypto

/// What one representative signs to make a header final.
public struct CertificateVote: Hashable, Sendable {
    /// Height of the header.
    public let height: UInt64
    /// Slot of the header.
    public let slot: UInt64
    /// Hash of the header.
    public let header: Hash32

    /// A vote for that header.
    public init(for header: Header) { (height, slot, self.header) = (header.height, header.slot, header.hash) }

    fileprivate init(height: UInt64, slot: UInt64, header: Hash32) {
        (self.height, self.slot, self.header) = (height, slot, header)
    }

    /// What is signed.
    var encoded: [UInt8] {
        CBOR.encode(capacity: 64) { writer in
            writer.array(3)
            writer.uint(height)
            writer.uint(slot)
            writer.hash(header)
        }
    }

    init(_ bytes: [UInt8]) throws(CBORError) {
        var reader = CBORReader(bytes.span.bytes)
        try reader.array(count: 3)
        self.init(height: try reader.uint(), slot: try reader.uint(), header: try reader.hash())
        try reader.finish()
    }

    /// The signature of one representative, 64 bytes.
    public func signature(network: UInt64, key: SigningKey) -> [UInt8] {
        key.sign(ChainObject.certificate.signedBytes(encoded, network: network))
    }

    /// The vote as a COSE_Sign1 of its own: what evidence of two votes consists of.
    public func signed(network: UInt64, key: SigningKey) -> [UInt8] {
        SignedParts(payload: encoded, signature: signature(network: network, key: key)).bytes
    }
}

/// Signatures of representatives over one header: from 71 of the 105 on it is final.
public struct Certificate: Hashable, Sendable {
    /// What they have signed.
    public let vote: CertificateVote
    /// The seats that have signed, the first in the highest bit of the first byte: 14 bytes.
    public let bitmap: [UInt8]
    /// 64 bytes for each seat that has, in the order of the seats.
    public let signatures: [UInt8]

    private static let bitmapSize = (Int(Rounds.seats) + 7) / 8
    private static let signatureSize = 64

    /// The certificate that these signatures make, by seat.
    public init(_ vote: CertificateVote, signatures: [(seat: Int, signature: [UInt8])]) {
        self.vote = vote
        var bitmap = [UInt8](repeating: 0, count: Self.bitmapSize)
        let ordered = signatures.sorted { $0.seat < $1.seat }
        for (seat, _) in ordered { bitmap[seat / 8] |= 0x80 >> UInt8(seat % 8) }
        self.bitmap = bitmap
        self.signatures = ordered.flatMap(\.signature)
    }

    /// The seats that have signed.
    public var seats: [Int] { (0..<Int(Rounds.seats)).filter { bitmap[$0 / 8] & 0x80 >> UInt8($0 % 8) != 0 } }

    /// Its encoding.
    public var bytes: [UInt8] {
        CBOR.encode(capacity: signatures.count + 80) { writer in
            writer.array(5)
            writer.uint(vote.height)
            writer.uint(vote.slot)
            writer.hash(vote.header)
            writer.bytes(bitmap)
            writer.bytes(signatures)
        }
    }

    /// Reads a certificate as anyone may send it; whether it is one tells `Representatives.signers`.
    /// - Throws: `LedgerRefusal.malformed`.
    public init(_ bytes: [UInt8]) throws(LedgerRefusal) {
        do throws(CBORError) {
            var reader = CBORReader(bytes.span.bytes)
            try reader.array(count: 5)
            vote = CertificateVote(height: try reader.uint(), slot: try reader.uint(), header: try reader.hash())
            bitmap = try reader.bytes(count: Self.bitmapSize).withUnsafeBytes { Array($0) }
            signatures = try reader.bytes(atMost: Int(Rounds.seats) * Self.signatureSize)
            try reader.finish()
            // Bits beyond the last seat mean nothing, so none is set; each that is has a signature.
            let count = bitmap.reduce(0) { $0 + $1.nonzeroBitCount }
            guard bitmap[Self.bitmapSize - 1] & 0x7f == 0, signatures.count == count * Self.signatureSize else {
                throw .outOfRange
            }
        } catch { throw .malformed("\(error)") }
    }

    /// The keys of those who have signed, each signature verified.
    /// - Throws: `LedgerRefusal.notFinal` when the vote is for another header, or one signature is not its seat's.
    func signers(of header: Header, among representatives: Representatives, network: UInt64) throws(LedgerRefusal) -> [Hash32] {
        guard vote == CertificateVote(for: header) else { throw .notFinal("the certificate is for another header") }
        let signed = ChainObject.certificate.signedBytes(vote.encoded, network: network)
        var signers: [Hash32] = []
        for (place, seat) in seats.enumerated() {
            let start = place * Self.signatureSize, key = representatives.keys[seat]
            guard key.publicKey.verifies(Array(signatures[start..<start + Self.signatureSize]), of: signed) else {
                throw .notFinal("the signature of seat \(seat) is not that representative's")
            }
            signers.append(key)
        }
        return signers
    }
}

/// The 105 keys of one round, in the order of their seats: ascending.
public struct Representatives: Hashable, Sendable {
    /// Keys in ascending order.
    public let keys: [Hash32]

    /// The only version of the rules.
    static let rules: UInt64 = 1

    /// Nil unless there are 105 keys, all different.
    public init?(_ keys: [Hash32]) {
        let sorted = keys.sorted()
        guard keys.count == Int(Rounds.seats), zip(sorted, sorted.dropFirst()).allSatisfy({ $0 < $1 }) else { return nil }
        self.keys = sorted
    }

    /// Version of the rules, threshold, and the keys: what headers commit to, and the state has.
    public var encoded: [UInt8] {
        CBOR.encode(capacity: 4096) { writer in
            writer.array(3)
            writer.uint(Self.rules)
            writer.uint(Rounds.threshold)
            writer.hashes(keys)
        }
    }

    /// Reads such a list, in the order of seats.
    public init(reading reader: inout CBORReader) throws(CBORError) {
        try reader.array(count: 3)
        guard try reader.uint() == Self.rules, try reader.uint() == Rounds.threshold else { throw .outOfRange }
        let keys = try reader.hashes(atMost: Int(Rounds.seats))
        guard let representatives = Representatives(keys), representatives.keys == keys else { throw .keyOrder }
        self = representatives
    }

    /// What a header has: SHA-256 of the encoding.
    public var commitment: Hash32 { .sha256(encoded) }

    /// The seat of a key.
    public func seat(of key: Hash32) -> Int? {
        var (low, high) = (0, keys.count)
        while low < high {
            let middle = (low + high) / 2
            if keys[middle] < key { low = middle + 1 } else { high = middle }
        }
        return low < keys.count && keys[low] == key ? low : nil
    }
}
