// Sequence numbers: microseconds since 1970, strictly increasing whatever the computer's clock does.
import Foundation
import NodeProtocol
import Reporting

/// Gives each message of this control node a higher number than any before, across restarts, processes and clock changes.
///
/// File format: decimal digits and a newline.
public struct SequenceClock: Sendable {
    let file: PrivateFile
    let now: @Sendable () -> UInt64

    /// - Parameters:
    ///   - file: holds the last number that was given out.
    ///   - now: microseconds since 1970.
    public init(_ file: PrivateFile, now: @escaping @Sendable () -> UInt64 = SequenceClock.systemTime) {
        self.file = file
        self.now = now
    }

    /// The computer's clock in microseconds since 1970; 0 before.
    public static let systemTime: @Sendable () -> UInt64 = { UInt64(max(0, Date().timeIntervalSince1970 * 1e6)) }

    /// The next number, recorded on the disk before it is returned.
    /// - Throws: `Failure` of kind `environment` when the file cannot be read or written, holds no number, or the numbers are
    ///   used up.
    public func next() throws -> UInt64 {
        try withFileLock(file.path + ".lock") {
            let last = try last()
            guard last < SignedMessage.maximumSequence else {
                throw Failure(
                    .environment, "the sequence numbers of this key are used up (\(file.path))",
                    advice: "The file was tampered with: restore it from a copy")
            }
            let next = max(min(now(), SignedMessage.maximumSequence), last + 1)
            try file.write(Array("\(next)\n".utf8))
            return next
        }
    }

    private func last() throws -> UInt64 {
        guard file.exists else { return 0 }
        let text = String(decoding: try file.read(), as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
        guard let last = UInt64(text) else {
            throw Failure(
                .environment, "\(file.path) holds no sequence number", about: "\(file.path)",
                advice: "Restore it from a copy; if there is none and this computer's clock is right, remove the file")
        }
        return last
    }
}

extension Home {
    /// The sequence numbers of this home's keys.
    public var sequenceClock: SequenceClock { SequenceClock(file("sequence")) }
}
