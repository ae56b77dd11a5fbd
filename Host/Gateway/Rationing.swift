// How much of a node's work the hosts behind a gateway may ask for: a share for each, and a total for each node, so that neither one stranger
// nor many of them use up what the owner needs.
import Reporting
import Transport

/// A bucket that fills as time passes.
struct Bucket {
    var left: Double
    var at: ContinuousClock.Instant

    /// What is in it at `now`.
    func level(_ limit: Gateway.Share, _ now: ContinuousClock.Instant) -> Double {
        let (seconds, attoseconds) = (now - at).components
        return min(limit.size, left + limit.perSecond * max(0, Double(seconds) + Double(attoseconds) * 1e-18))
    }
}

/// The rations of one kind of work at one node.
struct Rations {
    let host: Gateway.Share
    let total: Gateway.Share
    /// So much of the total is left to hosts whose messages the node has accepted.
    let reserve: Double
    private var hosts: [String: Bucket] = [:]
    private var all: Bucket

    /// Hosts that are remembered; a flood from more of them than that fills no memory.
    private static let capacity = 4096

    init(_ limits: Gateway.Limits, at now: ContinuousClock.Instant = .now) {
        (host, total, reserve) = (limits.host, limits.total, limits.reserve)
        all = Bucket(left: limits.total.size, at: now)
    }

    private func level(_ name: String, _ now: ContinuousClock.Instant) -> Double {
        hosts[name]?.level(host, now) ?? host.size
    }

    /// Whole seconds until `name` may ask for `amount`; nil when it may now.
    func wait(_ amount: Int, _ name: String, isKnown: Bool, at now: ContinuousClock.Instant) -> UInt32? {
        guard amount > 0 else { return nil }
        // What is more than a full share is let through once the share is full, as some message may need it; it is owed then.
        let amount = min(Double(amount), host.size)
        let own = amount - level(name, now)
        let shared = amount - (all.level(total, now) - (isKnown ? 0 : reserve))
        let seconds = max(own / host.perSecond, shared / total.perSecond)
        return seconds <= 0 ? nil : UInt32(min(3600, max(1, seconds.rounded(.up))))
    }

    /// Takes `amount` away from `name` and from the total.
    mutating func take(_ amount: Int, _ name: String, at now: ContinuousClock.Instant) {
        guard amount > 0 else { return }
        let left = level(name, now) - Double(amount)
        if hosts[name] == nil, hosts.count >= Self.capacity {
            // Who has everything need not be remembered; else the one that has waited longest.
            hosts = hosts.filter { $0.value.level(host, now) < host.size }
            if hosts.count >= Self.capacity, let oldest = hosts.min(by: { $0.value.at < $1.value.at }) { hosts[oldest.key] = nil }
        }
        hosts[name] = Bucket(left: left, at: now)
        all = Bucket(left: all.level(total, now) - Double(amount), at: now)
    }

    /// Gives back what was taken for nothing, or for a message that was accepted.
    mutating func giveBack(_ amount: Int, _ name: String, at now: ContinuousClock.Instant) {
        guard amount > 0 else { return }
        if hosts[name] != nil { hosts[name] = Bucket(left: min(host.size, level(name, now) + Double(amount)), at: now) }
        giveBackToAll(amount, at: now)
    }

    /// Gives back to the total alone.
    mutating func giveBackToAll(_ amount: Int, at now: ContinuousClock.Instant) {
        all = Bucket(left: min(total.size, all.level(total, now) + Double(amount)), at: now)
    }
}

/// All rations of one node, and who has shown that it may command it.
struct NodeRations {
    private var checks: Rations
    private var signatures: Rations
    /// Hosts whose messages the node has accepted, and when.
    private var known: [String: ContinuousClock.Instant] = [:]
    private static let capacity = 256

    init(_ policy: Gateway.Policy) {
        checks = Rations(policy.checks)
        signatures = Rations(policy.signatures)
    }

    /// Takes the cost of a request from what `host` may have.
    /// - Returns: nil, or the seconds to wait, and then nothing was taken.
    mutating func spend(_ cost: Cost, _ host: String, at now: ContinuousClock.Instant = .now) -> UInt32? {
        let isKnown = known[host] != nil
        let waits = [
            checks.wait(cost.checks, host, isKnown: isKnown, at: now),
            signatures.wait(cost.signatures, host, isKnown: isKnown, at: now),
        ]
        if let longest = waits.compactMap(\.self).max() { return longest }
        checks.take(cost.checks, host, at: now)
        signatures.take(cost.signatures, host, at: now)
        return nil
    }

    func isKnown(_ host: String) -> Bool { known[host] != nil }

    mutating func giveBack(_ cost: Cost, _ host: String, at now: ContinuousClock.Instant = .now) {
        checks.giveBack(cost.checks, host, at: now)
        signatures.giveBack(cost.signatures, host, at: now)
    }

    /// The node did nothing of it; the host that asked has paid all the same.
    mutating func giveBackToAll(_ cost: Cost, at now: ContinuousClock.Instant = .now) {
        checks.giveBackToAll(cost.checks, at: now)
        signatures.giveBackToAll(cost.signatures, at: now)
    }

    /// The node accepted a message that came from `host`: that was none of a stranger's.
    mutating func accepted(_ cost: Cost, _ host: String, at now: ContinuousClock.Instant = .now) {
        giveBack(cost, host, at: now)
        if known[host] == nil, known.count >= Self.capacity, let oldest = known.min(by: { $0.value < $1.value }) {
            known[oldest.key] = nil
        }
        known[host] = now
    }
}
