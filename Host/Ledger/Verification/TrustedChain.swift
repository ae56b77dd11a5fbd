// What a client believes, and why: headers by their certificates, everything else by its proof from a header.
import HostCrypto

/// The newest header that a client believes, and the representatives whose signatures it knows to judge.
public struct TrustedChain: Hashable, Sendable {
    /// Number of the network.
    public let network: UInt64
    /// Hash of the genesis: the chain's name.
    public let name: Hash32
    /// The newest header that is final; nil before the first one.
    public private(set) var header: Header?
    /// The representatives of the newest header's round.
    public private(set) var present: Representatives
    /// Those of the round behind it.
    public private(set) var next: Representatives

    /// Believes a genesis, and nothing else.
    public init(genesis: Genesis) {
        guard let seats = Representatives(genesis.seats.map(\.key)) else {
            preconditionFailure("a genesis has 105 different representatives")
        }
        (network, name, present, next) = (genesis.network, genesis.hash, seats, seats)
    }

    /// Believes a header because of its certificate, and moves on to it.
    ///
    /// Its own representatives must be those that the header commits to, and 71 of them must have signed. In this round and the next that is
    /// enough, for their keys are known; a later header must have been signed by 36 whose keys are known from here as well.
    /// - Parameters:
    ///   - representatives: those of the header's round, from anyone.
    ///   - next: those of the round behind it, from anyone.
    /// - Throws: `LedgerRefusal.notFinal`.
    public mutating func believe(
        _ candidate: SignedHeader, _ certificate: Certificate, representatives: Representatives, next: Representatives
    ) throws(LedgerRefusal) {
        let header = candidate.header
        guard representatives.commitment == header.present, next.commitment == header.next else {
            throw .notFinal("the representatives are not those that the header commits to")
        }
        guard representatives.seat(of: header.producer) != nil, candidate.isAuthentic(network: network) else {
            throw .notFinal("the header is not signed by one of its representatives")
        }
        let signers = try certificate.signers(of: header, among: representatives, network: network)
        guard signers.count >= Int(Rounds.threshold) else {
            throw .notFinal("\(signers.count) of \(Rounds.seats) representatives have signed, and it takes \(Rounds.threshold)")
        }
        try judge(header, signers)
        (self.header, present, self.next) = (header, representatives, next)
    }

    private func judge(_ header: Header, _ signers: [Hash32]) throws(LedgerRefusal) {
        let trusted = self.header
        if let trusted, header.height == trusted.height, header != trusted {
            throw .notFinal("another header is final at height \(header.height): more than a third have signed twice")
        }
        if header.height == 1, header.previous != name { throw .notFinal("it belongs to another chain") }
        if let trusted {
            guard header.height >= trusted.height else {
                throw .notFinal("it is older than the header that is final at height \(trusted.height): prove it by the history")
            }
            if header.height == trusted.height + 1, header.previous != trusted.hash {
                throw .notFinal("it does not follow the header that is final at height \(trusted.height)")
            }
            guard header.slot >= trusted.slot, header.slot - trusted.slot >= header.height - trusted.height else {
                throw .notFinal("its slot and its height contradict those of the header that is final")
            }
        }
        let round = trusted?.round ?? 0, isSame = header.round == round, isNext = header.round == round + 1
        if isSame && (header.present, header.next) != (present.commitment, next.commitment)
            || isNext && header.present != next.commitment
        {
            throw .notFinal("its representatives are not those that were elected")
        }
        let known = signers.count { present.seat(of: $0) != nil || next.seat(of: $0) != nil }
        guard known >= Rounds.knownSigners else {
            throw .notFinal("\(known) of its signers are known, and it takes \(Rounds.knownSigners): fetch headers in between")
        }
    }

    // MARK: What follows from a header

    /// True if an earlier header is part of the chain that `header` ends.
    public func proves(_ earlier: Header, _ proof: InclusionProof) -> Bool {
        guard let header, proof.size == header.height, proof.index == earlier.height else { return false }
        return proof.proves(earlier.hash, in: header.history)
    }
}

extension Header {
    /// The record at `key` behind this block; nil is proven as well.
    /// - Throws: `LedgerRefusal.notProven`.
    public func record<Record>(at key: StateKey<Record>, _ proof: StateProof) throws(LedgerRefusal) -> Record? {
        guard proof.proves(key.path, in: state) else { throw .notProven("the proof does not lead to the block's state") }
        guard let value = proof.value else { return nil }
        do { return try Record(value) } catch { throw .notProven("what is proven is no such record: \(error)") }
    }

    /// True if the block has the transaction at the proof's place.
    public func proves(transaction id: Hash32, _ proof: InclusionProof) -> Bool { proof.proves(id, in: transactions) }

    /// True if the block has the receipt at the proof's place.
    public func proves(_ receipt: LedgerReceipt, _ proof: InclusionProof) -> Bool {
        proof.proves(.leaf(receipt.encoded), in: receipts)
    }
}
