// Sequence numbers: microseconds since 1970, strictly increasing whatever the computer's clock does.
import Foundation
import NodeProtocol
import Reporting

/// Gives each message of this control node a higher number than any before, across restarts, processes and clock changes.
///
/// A few low bits are random: two homes with one key and one count do not sign the same bytes for two commands. A clock that is far ahead is
/// refused, since what is signed by it keeps every other computer with that key waiting; a count that such a clock has left is not followed, as
/// nodes whose mark it has raised are stepped over one by one (`KnownNode.mark`).
///
/// File format: decimal digits and a newline.
public struct SequenceClock: Sendable {
    let file: PrivateFile
    let now: @Sendable () -> UInt64
    let limits: ClockLimits

    /// Numbers grow by so much at most where the clock is not ahead of them: less than a message takes.
    public static let spread: UInt64 = 4096

    /// - Parameters:
    ///   - file: holds the last number that was given out.
    ///   - limits: what the clock is held against.
    ///   - now: microseconds since 1970.
    public init(
        _ file: PrivateFile, limits: ClockLimits = ClockLimits(), now: @escaping @Sendable () -> UInt64 = SequenceClock.systemTime
    ) {
        self.file = file
        self.limits = limits
        self.now = now
    }

    /// The computer's clock in microseconds since 1970; 0 before.
    public static let systemTime: @Sendable () -> UInt64 = { UInt64(max(0, Date().timeIntervalSince1970 * 1e6)) }

    /// The next number, recorded on the disk before it is returned.
    /// - Parameter mark: what a node has accepted already: the number is above it, and other nodes' numbers are not raised by that.
    /// - Throws: `Failure` of kind `environment` when the file cannot be read or written, holds no number, the numbers are used up, or the clock
    ///   is far ahead.
    public func next(above mark: UInt64 = 0) throws -> UInt64 {
        let own = try withFileLock(file.path + ".lock") {
            let (last, time) = (try last(), now())
            try limits.check(time, lastUse: last)
            // A count far beyond a clock that may be right was left by one that was not.
            let follows = limits.isPossible(last) || !limits.isLikely(time)
            guard last < SignedMessage.maximumSequence || !follows else { throw usedUp() }
            let next = max(time, follows ? last + 1 : 0) + .random(in: 0..<Self.spread)
            try file.write(Array("\(min(next, SignedMessage.maximumSequence))\n".utf8))
            return min(next, SignedMessage.maximumSequence)
        }
        guard mark >= own else { return own }
        guard mark < SignedMessage.maximumSequence - Self.spread else { throw usedUp() }
        return mark + 1 + .random(in: 0..<Self.spread)
    }

    /// Begins anew at the clock: for a file that is damaged or lost. Nodes refuse what they have seen, so nothing is carried out twice.
    /// - Throws: `Failure` of kind `environment` when the clock is far ahead or the file cannot be written.
    public func renumber() throws {
        try withFileLock(file.path + ".lock") {
            let time = now()
            try limits.check(time, lastUse: 0)
            try file.write(Array("\(time)\n".utf8))
        }
    }

    /// Throws when the clock is far ahead of the time that a node has signed.
    /// - Parameter signed: seconds since 1970; nil when the node does not know the time.
    public func check(node: NodeAddress, signed: UInt64?) throws { try limits.check(now(), node: node, signed: signed) }

    private func usedUp() -> Failure {
        Failure(
            .environment, "the sequence numbers of this key are used up (\(file.path))",
            remedy: .inOrder([
                .renumber, .advice("A node that has taken the last number obeys its recovery key alone, or its button"),
            ]))
    }

    private func last() throws -> UInt64 {
        guard file.exists else { return 0 }
        let text = String(decoding: try file.read(), as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
        guard let last = UInt64(text) else {
            throw Failure(
                .environment, "\(file.path) holds no sequence number", about: "\(file.path)",
                remedy: .either([.advice("Restore it from a copy"), .renumber]))
        }
        return last
    }
}

/// What a computer's clock is held against before anything is signed by it.
public struct ClockLimits: Sendable {
    /// When this program was built, in microseconds since 1970.
    let built: UInt64
    /// The user has said that the clock is right.
    public let trusts: Bool

    /// - Parameters:
    ///   - built: microseconds since 1970; the program's own file tells it where nothing is given.
    ///   - trusts: the user has said that the clock is right. A clock beyond a century is wrong all the same.
    public init(built: UInt64 = ClockLimits.buildTime, trusts: Bool = false) { (self.built, self.trusts) = (built, trusts) }

    private static let day: UInt64 = 86_400_000_000
    /// Longer than a program is used without being replaced, and than a control node is left alone.
    private static let (age, pause) = (5 * 365 * day, 400 * day)
    private static let century = 100 * 365 * day
    /// How far a node's time may lag: its clock drifts.
    private static let lag = 30 * day

    /// When this program's file was written, not before this code was.
    public static let buildTime: UInt64 = {
        var status = stat()
        let written = stat("/proc/self/exe", &status) == 0 ? status.st_mtim.tv_sec : 0
        return UInt64(max(written, 1_790_000_000)) * 1_000_000
    }()

    /// No clock may show so much, and no count have reached it by one that is right.
    public func isPossible(_ time: UInt64) -> Bool { time < built + (trusts ? Self.century : Self.age) }

    /// True for a clock that may be right: neither behind the build nor too far ahead of it.
    func isLikely(_ time: UInt64) -> Bool { time + Self.day > built && isPossible(time) }

    /// Holds a clock against the program's age and its last use; both in microseconds since 1970.
    /// - Parameter lastUse: 0 when there was none.
    /// - Throws: `Failure` of kind `environment` when the clock is further ahead than it is to be believed without a word from the user.
    public func check(_ time: UInt64, lastUse: UInt64) throws {
        guard isPossible(time) else { throw Self.failure(time, "this program was built at", built, isFinal: trusts) }
        if !trusts, isPossible(lastUse), lastUse > 0, lastUse > Self.day * 365 * 40, time > lastUse + Self.pause {
            throw Self.failure(time, "the last message was signed at", lastUse)
        }
    }

    /// Throws when the clock is far ahead of the time that a node has signed.
    /// - Parameters:
    ///   - now: microseconds since 1970.
    ///   - signed: seconds since 1970; nil when the node does not know the time.
    func check(_ now: UInt64, node: NodeAddress, signed: UInt64?) throws {
        guard !trusts, let signed, signed < UInt64.max / 2_000_000, now > signed * 1_000_000 + Self.lag else { return }
        throw Self.failure(now, "\(node) signs that it is", signed * 1_000_000)
    }

    private static func failure(_ time: UInt64, _ other: String, _ when: UInt64, isFinal: Bool = false) -> Failure {
        func date(_ microseconds: UInt64) -> String {
            Date(timeIntervalSince1970: Double(microseconds / 1_000_000)).formatted(.iso8601)
        }
        let set = Remedy.advice("Set this computer's clock")
        return Failure(
            .environment, "this computer's clock shows \(date(time)), and \(other) \(date(when)): nothing was signed",
            remedy: isFinal ? set : .either([set, .trustClock]))
    }
}

extension Home {
    /// The sequence numbers of this home's keys.
    public var sequenceClock: SequenceClock { SequenceClock(file("sequence")) }

    /// As `sequenceClock`, with other limits.
    public func sequenceClock(_ limits: ClockLimits) -> SequenceClock { SequenceClock(file("sequence"), limits: limits) }
}
