// The grants that a holder's message brings along (R12, R13, R14), as they were when it was taken apart.
//
// A grant names its holder's key, so it is of no use to a thief. A holder may lend on what it has, at most two hops; rights are then the
// intersection of all grants in the chain, so that nothing has to be compared for being narrower. A chain ends at the owner's signature.

import Bytes
import HAL
import Vocabulary

/// What the grants of a chain say, leaf first.
struct GrantChain: ~Copyable {
    private let inMemory = InMemory()

    struct Link {
        var id: UInt64 = 0
        var expiry: UInt64 = 0
        var notBefore: UInt64 = 0
        var uses: UInt32 = 0
        var tick: UInt32 = 0
        var ticks: UInt32 = 0
        /// Where in the message the grant is, its holder's key, and its scope.
        var grant = 0..<0
        var key = 0
        var scope = 0..<0
    }

    private(set) var links = InlineArray<3, Link>(repeating: Link())
    private(set) var count = 0

    /// Takes apart the grant in `encoded`, a part of `whole`, and those that it was derived from. Throws what refuses them by their form,
    /// or for being another node's or of another epoch.
    @inline(never)
    mutating func read(_ encoded: RawSpan, in whole: RawSpan, _ address: RawSpan, _ epoch: UInt32) throws(Refusal) {
        var encoded = encoded
        while true {
            guard count < 3 else { throw .grantInvalid }
            let grant = try Message(encoded, type: .grant)
            guard grant.claims.hops >= UInt32(truncatingIfNeeded: count) else { throw .grantInvalid }
            guard equal(grant.claims.audience, address) else { throw .wrongAddress }
            guard grant.claims.epoch == epoch else { throw .wrongEpoch }
            try add(grant, in: whole)
            guard grant.claims.node.contains(NodeKey.nested) else { break }
            encoded = grant.claims.nested
        }
        try inheritEnds()
    }

    @inline(never)
    private mutating func add(_ grant: borrowing Message, in whole: RawSpan) throws(Refusal) {
        var link = Link()
        link.id = grant.mark
        // An id of 0 would be that of a free slot.
        if link.id == 0 { throw .grantInvalid }
        link.expiry = grant.claims.expiry
        link.notBefore = grant.claims.notBefore
        link.uses = grant.claims.uses
        link.tick = grant.claims.meterTick
        link.ticks = grant.claims.meterTicks
        link.grant = whole.byteOffsets(of: grant.whole) ?? 0..<0
        link.key = whole.byteOffsets(of: grant.claims.confirmation)?.lowerBound ?? 0
        link.scope = whole.byteOffsets(of: grant.claims.scope) ?? 0..<0
        links[count] = link
        count &+= 1
    }

    /// A grant ends when the first of those does that it was derived from. One that was passed on must end, or its holder could keep the
    /// owner's places for ever.
    @inline(never)
    private mutating func inheritEnds() throws(Refusal) {
        var end: UInt64 = 0
        var at = count
        while at > 0 {
            at &-= 1
            if end != 0, links[at].expiry == 0 || links[at].expiry > end { links[at].expiry = end }
            end = links[at].expiry
            if at < count &- 1, end == 0 { throw .grantInvalid }
        }
    }
}
