// The model's checks of a message, in the order of docs/protocol.md.

import LightNode
import Vocabulary

extension Model {
    func refusal(_ letter: Letter) -> Reason? {
        if letter.epoch != epoch { return .wrongEpoch }
        if let reason = form(letter.chain) { return reason }
        if (letter.kind == .bind) != (owner == nil) { return .wrongState }
        if letter.kind == .recover, recovery == nil { return .forbidden }
        if letter.kind == .takeover, !deputies.contains(where: { $0.key == letter.heir }) { return .forbidden }
        if let reason = sequence(letter) { return reason }
        if let reason = life(letter) { return reason }
        if let reason = freshness(letter) { return reason }
        if let reason = knownOfGrants(letter) { return reason }
        if letter.signer != signer(letter) { return .badSignature }
        return late(letter)
    }

    /// Who must have signed it.
    private func signer(_ letter: Letter) -> Int {
        if let leaf = letter.chain.first { return leaf.holder }
        switch role(letter) {
        case .owner: return owner!
        case .claim: return Model.claim
        case .recovery: return recovery!
        case .backup: return letter.heir
        }
    }

    /// What refuses grants by their form; those of another epoch as well.
    private func form(_ chain: [Terms]) -> Reason? {
        for (passed, link) in chain.enumerated() {
            if link.hops < passed { return .grantInvalid }
            if link.epoch != epoch { return .wrongEpoch }
        }
        // What was passed on must end.
        let canEnd = zip(chain, Model.ends(of: chain)).dropLast().allSatisfy { $1 != 0 }
        return canEnd ? nil : .grantInvalid
    }

    private func sequence(_ letter: Letter) -> Reason? {
        let isState = letter.kind == .state
        if let leaf = letter.chain.first {
            if let slot = slot(of: leaf.id), letter.seq <= slot.seq { return .replayed }
        } else if !isState, letter.seq <= marks[role(letter), default: 0] {
            return .replayed
        }
        guard letter.isCall, isState || letter.chain.isEmpty else { return nil }
        let newest = words[letter.device, default: 0]
        if isState, letter.seq == newest { return .replayed }
        return letter.seq < newest ? .superseded : nil
    }

    private func life(_ letter: Letter) -> Reason? {
        if let end = letter.expires {
            if letter.chain.isEmpty, let told = letter.time, isGood(letter) {
                if max(told + Model.seconds(uptime - letter.tokenIssued), floor) >= end { return .expired }
            } else if let reason = expiry(end) {
                return reason
            }
        }
        for (link, end) in zip(letter.chain, Model.ends(of: letter.chain)) {
            if end != 0, let reason = expiry(end) { return reason }
            if link.notBefore > earliest { return statement == nil ? .timeUnknown : .notYetValid }
        }
        return nil
    }

    private func expiry(_ end: UInt64) -> Reason? {
        if floor >= end { return .expired }
        guard let latest else { return .timeUnknown }
        return latest >= end ? .expired : nil
    }

    /// Its token is this node's for its signer, and young enough.
    private func isGood(_ letter: Letter) -> Bool {
        letter.token != nil && letter.tokenHolder == signer(letter) && letter.tokenBoot == boot
            && uptime - letter.tokenIssued <= Model.freshness
    }

    private func freshness(_ letter: Letter) -> Reason? {
        if letter.token != nil { return isGood(letter) ? nil : .tokenInvalid }
        guard letter.isCall, letter.device == 1 else { return nil }
        guard let end = letter.expires, end <= expected + Model.freshness / 1_000_000 else { return .tokenRequired }
        return nil
    }

    /// What only a known sender is told.
    private func late(_ letter: Letter) -> Reason? {
        if !letter.chain.isEmpty { return plan(letter.chain) == nil ? .grantSlotsFull : nil }
        switch letter.kind {
        case .revoke, .tick: return slotNumber(of: letter.named) ?? freeSlot(besides: []) == nil ? .grantSlotsFull : nil
        case .rotate, .takeover:
            if recovery != nil, let handedOn, uptime - handedOn < 60_000_000 { return .tooManyAttempts }
        default: break
        }
        if letter.kind == .takeover {
            let silence = deputies.first { $0.key == letter.heir }!.silence
            if uptime - heard < UInt64(silence) * 1_000_000 { return .ownerAlive }
        }
        if letter.kind == .settings, letter.forbids { return presence() }
        return consent(letter)
    }

    /// At the button within a minute, and an ownership known for a day without a pause.
    private func presence() -> Reason? {
        guard let pressed, uptime - pressed < 60_000_000, uptime - (epochBegan ?? 0) >= 86_400_000_000 else {
            return .presenceRequired
        }
        return nil
    }

    private func consent(_ letter: Letter) -> Reason? {
        if letter.kind == .transfer || letter.kind == .rotate, letter.result != result(letter) || letter.counterparty != owner {
            return .consentInvalid
        }
        guard let recovery, letter.kind == .transfer || letter.kind == .release else { return nil }
        guard let consent = letter.consent else { return .consentRequired }
        return consent == recovery && letter.result == result(letter) ? nil : .consentInvalid
    }
}
