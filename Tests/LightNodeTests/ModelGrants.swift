// What the model remembers of the grants in use.

import LightNode
import Vocabulary

extension Model {
    /// What a node remembers of one grant.
    struct Slot: Equatable {
        var id: UInt64
        var seq: UInt64 = 0
        /// The slot of the grant that it was derived from.
        var parent: Int?
        var expiry: UInt64 = 0
        var tick: UInt64 = 0
        var agreed: UInt16 = 0
        var paid: UInt16 = 0
        var begun: UInt16 = 0
        var used = 0
        /// Entries in the log since the owner was heard.
        var unheard = 0
        var isRevoked = false
        /// Its holder has a receipt that says that it has ended, or that a call was out of its scope.
        var toldEnd = false
        var toldScope = false
        var isRunning = false
        var start: UInt64 = 0
        var devices: Set<Int> = []

        var mayBegin: Bool { begun < paid && begun < agreed }
        /// It knows no more than the id: the owner has named it, its holder has not used it.
        var isUnbound: Bool { expiry == 0 && tick == 0 && parent == nil && seq == 0 }

        static func == (one: Slot, other: Slot) -> Bool {
            func all(_ slot: Slot) -> [UInt64] {
                [
                    slot.id, slot.seq, UInt64(slot.parent ?? 15), slot.expiry, slot.tick, UInt64(slot.agreed), UInt64(slot.paid),
                    UInt64(slot.begun), UInt64(slot.used), UInt64(slot.unheard),
                ]
            }
            func flags(_ slot: Slot) -> [Bool] { [slot.isRevoked, slot.toldEnd, slot.toldScope, slot.isRunning] }
            return all(one) == all(other) && flags(one) == flags(other) && one.devices == other.devices
        }
    }

    /// Slots that grants passed on by their holders may take.
    static let derivedLimit = 4
    /// Entries that a grant without uses may make until the owner is heard: a quarter of what the log of eight pages holds.
    static let logShare = 5 * 26 / 4

    /// When the grants of a chain end: each no later than those that it was derived from; 0 for never.
    static func ends(of chain: [Terms]) -> [UInt64] {
        var end: UInt64 = 0
        return Array(
            chain.reversed().map { link in
                end = end == 0 ? link.expires : link.expires == 0 ? end : min(end, link.expires)
                return end
            }.reversed())
    }

    func slotNumber(of id: UInt64) -> Int? { slots.firstIndex { $0?.id == id } }
    func slot(of id: UInt64) -> Slot? { slotNumber(of: id).flatMap { slots[$0] } }

    private func hasExpired(_ slot: Slot) -> Bool { slot.expiry != 0 && slot.expiry <= saved }

    func freeSlot(besides taken: [Int]) -> Int? {
        let others = slots.indices.filter { !taken.contains($0) }
        return others.first { slots[$0] == nil } ?? others.first { hasExpired(slots[$0]!) }
    }

    /// The slots of a chain, those that are to be taken too; nil when there are not enough.
    func plan(_ chain: [Terms]) -> [Int]? {
        var derived = slots.filter { $0.map { $0.parent != nil && !hasExpired($0) } ?? false }.count
        var planned: [Int] = []
        for link in chain.reversed() {
            let known = slotNumber(of: link.id)
            if known.map({ slots[$0]!.isUnbound }) ?? true, !planned.isEmpty {
                if derived >= Model.derivedLimit { return nil }
                derived += 1
            }
            guard let number = known ?? freeSlot(besides: planned) else { return nil }
            planned.append(number)
        }
        return planned.reversed()
    }

    /// Makes sure that each grant that a letter uses or names has a slot.
    mutating func claimSlots(_ letter: Letter, moves: Bool) {
        if letter.kind == .revoke || letter.kind == .tick {
            if slot(of: letter.named) == nil { take(freeSlot(besides: [])!, letter.named) }
            return
        }
        guard let planned = plan(letter.chain), !planned.isEmpty else { return }
        let links = Array(zip(zip(letter.chain, Model.ends(of: letter.chain)), planned)).reversed()
        var parent: Int?
        for ((link, end), number) in links {
            if slots[number]?.id != link.id { take(number, link.id) }
            if slots[number]!.isUnbound {
                slots[number]!.expiry = end
                (slots[number]!.parent, slots[number]!.tick, slots[number]!.agreed) = (parent, link.tick, link.ticks)
            }
            if moves { slots[number]!.devices.insert(letter.device) }
            parent = number
        }
    }

    private mutating func take(_ number: Int, _ id: UInt64) {
        if slots[number] != nil { hasForgotten = true }
        slots[number] = Slot(id: id)
    }

    /// How a grant has ended, nil while it holds.
    private func end(_ link: Terms) -> Vocabulary.Outcome? {
        let slot = slot(of: link.id)
        if let slot, slot.isRevoked { return .grantRevoked }
        if let slot, slot.used >= (link.uses == 0 ? 65535 : link.uses) { return .grantUsedUp }
        guard link.tick != 0 else { return nil }
        guard let slot, slot.isRunning || slot.begun < slot.paid && slot.begun < link.ticks else { return .grantUsedUp }
        return nil
    }

    /// Why what a holder asks is not done; nil when it is.
    func unmet(_ letter: Letter) -> Vocabulary.Outcome? {
        for link in letter.chain { if let ended = end(link) { return ended } }
        return letter.chain.allSatisfy { $0.scope.contains(letter.device) } ? nil : .notInScope
    }

    /// What refuses a holder's call although nothing is wrong with it.
    func knownOfGrants(_ letter: Letter) -> Reason? {
        guard let leaf = letter.chain.first, let root = letter.chain.last else { return nil }
        switch unmet(letter) {
        case .grantRevoked: if slot(of: leaf.id)?.toldEnd ?? false { return .grantRevoked }
        case .grantUsedUp: if slot(of: leaf.id)?.toldEnd ?? false { return .grantUsedUp }
        case .notInScope: if slot(of: leaf.id)?.toldScope ?? false { return .notInScope }
        default: break
        }
        if let slot = slot(of: root.id), slot.unheard >= Model.logShare + root.uses { return .logFull }
        return nil
    }

    /// An entry of a holder counts for its grant and for those that this was derived from.
    mutating func count(_ letter: Letter) {
        for (place, link) in letter.chain.enumerated() {
            guard let number = slotNumber(of: link.id) else { continue }
            if place == 0 { slots[number]!.seq = letter.seq }
            slots[number]!.used += 1
            slots[number]!.unheard += 1
        }
    }

    /// What had no effect uses up nothing.
    mutating func takeBack(_ letter: Letter) {
        for link in letter.chain { slots[slotNumber(of: link.id)!]!.used -= 1 }
    }

    mutating func tell(_ outcome: Vocabulary.Outcome, _ letter: Letter) {
        takeBack(letter)
        let leaf = slotNumber(of: letter.chain[0].id)!
        if outcome == .notInScope { slots[leaf]!.toldScope = true } else { slots[leaf]!.toldEnd = true }
    }

    mutating func beginMeter(_ letter: Letter) {
        for link in letter.chain {
            let number = slotNumber(of: link.id)!
            guard slots[number]!.tick != 0, !slots[number]!.isRunning else { continue }
            slots[number]!.isRunning = true
            slots[number]!.begun += 1
            slots[number]!.start = uptime
        }
    }

    mutating func revoke(_ id: UInt64) {
        let number = slotNumber(of: id)!
        slots[number]!.isRevoked = true
        end(number)
    }

    mutating func pay(_ id: UInt64, _ ticks: UInt16) {
        let number = slotNumber(of: id)!
        if ticks > slots[number]!.paid { (slots[number]!.paid, slots[number]!.toldEnd) = (ticks, false) }
    }

    /// Its devices go to their safe state.
    private mutating func end(_ number: Int) {
        for device in slots[number]!.devices { levels[device] = 0 }
        slots[number]!.devices = []
        slots[number]!.isRunning = false
    }

    /// What time demands of grants.
    mutating func pollGrants() {
        for number in slots.indices {
            guard let slot = slots[number] else { continue }
            if !slot.devices.isEmpty, slot.expiry != 0, slot.expiry <= earliest { end(number) }
            guard slots[number]!.isRunning, uptime - slot.start >= slot.tick * 1_000_000 else { continue }
            if slot.mayBegin {
                slots[number]!.begun += 1
                slots[number]!.start += slot.tick * 1_000_000
            } else {
                end(number)
            }
        }
    }
}
