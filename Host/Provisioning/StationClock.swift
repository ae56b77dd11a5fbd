// What a station does not take from the clock of its computer.
import Foundation
import Keystore
import Reporting

/// The time; never before the newest record that another node bears out.
final class StationClock: @unchecked Sendable {
    private let lock = NSLock()
    private let limits: ClockLimits
    private var newest = Date.distantPast

    init(_ limits: ClockLimits) { self.limits = limits }

    /// A record of a time that no right clock can have shown is not waited for.
    func note(_ time: Date) {
        guard limits.isPossible(time.microseconds1970) else { return }
        lock.withLock { newest = max(newest, time) }
    }

    func check(_ now: Date) throws {
        try lock.withLock {
            try limits.check(now.microseconds1970, lastUse: newest.microseconds1970)
            // Two seconds are what a time server may put right.
            guard now >= newest - 2 || limits.trusts else {
                throw Failure(
                    .environment,
                    "this computer's clock shows \(now.formatted(.iso8601)), but this station's newest records are of \(newest.formatted(.iso8601))",
                    remedy: .either([.advice("Set the clock right, then start again; nothing was lost"), .trustClock]))
            }
            newest = max(newest, now)
        }
    }
}

extension Date {
    /// Microseconds since 1970, 0 before; no more than 64 bits hold.
    fileprivate var microseconds1970: UInt64 { UInt64(min(max(0, timeIntervalSince1970), 1e12) * 1e6) }
}
