// What tests read of a node's memory, where what it says of itself is not enough.

import CBOR
import SimulatedNOR

@testable import LightNode
@testable import NodeProtocol

extension Stage {
    /// All of RAM that the executor has, and all of flash. Attempts are left out: they alone change by a refusal.
    var everything: [UInt8] { memory + flash.bytes }

    /// An id or mark as a number.
    static func number(_ bytes: [UInt8]) -> UInt64 { bytes.reversed().reduce(0) { $0 << 8 | UInt64($1) } }

    /// The table of the owner's key is there.
    var hasTable: Bool { inside { $0.ownerKey.isReady } }
    var ownerMark: UInt64 { inside { $0.watermarks.owner } }
    /// What the node knows its tokens by.
    var secretOfTokens: [UInt8] { inside { node in (0..<32).map { node.freshness.secret.bytes[$0] } } }
    var floor: UInt64 { inside { $0.time.floor } }
    var savedFloor: UInt64 { inside { $0.time.savedFloor } }
    var exhausted: UInt8 { inside { $0.attempts.exhausted } }
    var hasForgotten: Bool { inside { node in (0..<8).contains { node.grants[$0, .hasForgotten] != 0 } } }

    /// All who can act on the node.
    var authorities: Authorities {
        let bytes = inside { node in CBOR.encode(capacity: 256) { node.ownership.writeAuthorities(&$0) } }
        return Authorities(try! CBORItem(bytes))!
    }

    /// What an epoch must not begin with; nil when there is none of it.
    var leftovers: String? {
        let uptime = clock.microseconds
        return inside { node -> String? in
            if (0..<8).contains(where: { node.grants.isUsed($0) }) { return "a grant" }
            if node.time.floor != 0 || node.time.isKnown { return "the time" }
            if node.watermarks.owner != 0 || (0..<16).contains(where: { node.watermarks.newestWord(on: $0) != 0 }) {
                return "a mark"
            }
            if node.watermarks[.claim] != 0 || node.watermarks[.recovery] != 0 { return "a mark" }
            return node.presence.isGiven(uptime: uptime) ? "a press" : nil
        }
    }

    /// What the node remembers of the grant in a slot; nil for a free one.
    func slot(_ number: Int) -> Model.Slot? {
        inside { node -> Model.Slot? in
            guard node.grants.isUsed(number) else { return nil }
            var slot = Model.Slot(id: node.grants.id(number))
            slot.seq = node.grants.seq(number)
            let parent = node.grants.parent(number)
            slot.parent = parent == GrantTable.noParent ? nil : parent
            slot.expiry = node.grants.expiry(number)
            (slot.tick, slot.agreed) = (UInt64(node.grants[number, .tick]), UInt16(node.grants[number, .ticksAgreed]))
            (slot.paid, slot.begun) = (UInt16(node.grants[number, .ticksPaid]), UInt16(node.grants[number, .ticksBegun]))
            (slot.used, slot.unheard) = (Int(node.grants[number, .used]), Int(node.grants.entriesUnheard(number)))
            (slot.isRevoked, slot.isRunning) = (node.grants.isRevoked(number), node.grants.isRunning(number))
            (slot.toldEnd, slot.toldScope) = (node.grants.isToldEnd(number), node.grants.isToldScope(number))
            let devices = node.grants[number, .devices]
            slot.devices = Set((0..<16).filter { devices >> UInt32($0) & 1 != 0 })
            return slot
        }
    }
}
