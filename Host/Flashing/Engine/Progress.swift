// What a flash tells while it runs: stages with a length, and how fast they go. Who shows it decides how.
import Foundation

/// What is being done to a flash.
public enum FlashStage: String, Codable, CaseIterable, Sendable {
    /// Reading the flash to find what is there already.
    case compare
    /// Setting sectors to 0xFF.
    case erase
    /// Programming erased sectors.
    case write
    /// Reading back what was written.
    case verify
}

/// Something that shows, or counts, how a flash goes on. Called from one thread at a time per flash.
public protocol FlashProgress: Sendable {
    /// A stage begins; `total` bytes are to be done, more than 0.
    func begin(_ stage: FlashStage, total: Int)
    /// `done` of its bytes are done.
    func advance(_ stage: FlashStage, done: Int)
    /// It is over, done or not.
    func end(_ stage: FlashStage)
    /// Something worth a line: waiting for a device, a device that left.
    func note(_ text: String)
}

/// Shows nothing.
public struct SilentProgress: FlashProgress {
    /// A value without state: one serves any number of flashes.
    public init() {}
    public func begin(_ stage: FlashStage, total: Int) {}
    public func advance(_ stage: FlashStage, done: Int) {}
    public func end(_ stage: FlashStage) {}
    public func note(_ text: String) {}
}

/// How fast a stage goes and how long it will take, from how it went.
public struct ProgressMeter: Sendable {
    /// Bytes of the whole stage.
    public let total: Int
    private let started: Double
    private(set) var done = 0
    private var now: Double

    /// - Parameters:
    ///   - total: bytes.
    ///   - now: seconds on any clock.
    public init(total: Int, now: Double) {
        self.total = total
        started = now
        self.now = now
    }

    /// Says that `done` bytes are done at `now`, seconds on the clock of `init`; more than `total` counts as all.
    public mutating func advance(to done: Int, now: Double) {
        self.done = min(done, total)
        self.now = now
    }

    /// Of `total`, from 0 to 1; 1 when there is nothing to do.
    public var fraction: Double { total == 0 ? 1 : Double(done) / Double(total) }

    /// Bytes per second, nil before anything can be said.
    public var rate: Double? {
        let elapsed = now - started
        return done > 0 && elapsed > 0 ? Double(done) / elapsed : nil
    }

    /// Seconds, nil before anything can be said.
    public var left: Double? { rate.map { Double(total - done) / $0 } }

    /// "write    [##########----------]  50%   31.5 KB/s   0:04 left"
    /// - Parameter isOver: nothing more is coming, even if not all was done.
    public func line(_ stage: FlashStage, isOver: Bool = false) -> String {
        let width = 20, full = Int(fraction * Double(width))
        let bar = String(repeating: "#", count: full) + String(repeating: "-", count: width - full)
        let name = stage.rawValue.padding(toLength: 8, withPad: " ", startingAt: 0)
        var line = name + "[\(bar)] " + String(format: "%3d%%", Int(fraction * 100))
        if let rate { line += String(format: "  %7.1f KB/s", rate / 1024) }
        if let left, done < total, !isOver {
            let seconds = Int(left.rounded(.up))
            line += String(format: "  %d:%02d left", seconds / 60, seconds % 60)
        }
        return line
    }
}
