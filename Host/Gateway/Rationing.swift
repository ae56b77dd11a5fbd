// How often one host may ask for what costs a node a signature, or a check of one: strangers must not use up what the owner needs.
import Reporting
import Transport

/// Portions for each host, refilled as time passes.
struct Rations {
    /// How many portions a host begins with, and has at most.
    let size: Double
    /// Portions per second.
    let refill: Double
    private var hosts: [String: (left: Double, at: ContinuousClock.Instant)] = [:]

    /// Hosts that are remembered; a flood from more of them than that fills no memory.
    private static let capacity = 4096

    init(size: Double, refill: Double) {
        self.size = size
        self.refill = refill
    }

    /// What `host` has left.
    private func left(_ host: String, _ now: ContinuousClock.Instant) -> Double {
        guard let known = hosts[host] else { return size }
        let (seconds, attoseconds) = (now - known.at).components
        return min(size, known.left + refill * (Double(seconds) + Double(attoseconds) * 1e-18))
    }

    /// Seconds until `host` has a portion; nil when it has one.
    func wait(_ host: String, at now: ContinuousClock.Instant = .now) -> UInt32? {
        let left = left(host, now)
        return left >= 1 ? nil : UInt32(((1 - left) / refill).rounded(.up))
    }

    /// Takes a portion away from `host`.
    mutating func take(_ host: String, at now: ContinuousClock.Instant = .now) {
        let left = max(0, left(host, now) - 1)
        if hosts[host] == nil, hosts.count >= Self.capacity {
            // Who has everything need not be remembered; else the one that has waited longest.
            hosts = hosts.filter { self.left($0.key, now) < size }
            if hosts.count >= Self.capacity, let oldest = hosts.min(by: { $0.value.at < $1.value.at }) { hosts[oldest.key] = nil }
        }
        hosts[host] = (left, now)
    }
}
