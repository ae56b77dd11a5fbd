// Bridge: a relay for testing that treats messages as a bad or malicious network does. This file: what it does to each of them.
import CoAP
import SplitMix
import Transport

/// What a bridge does to the messages that pass it, in per cent of them.
public struct Faults: Sendable, Hashable {
    /// Lost.
    public var drop = 0
    /// Sent twice.
    public var duplicate = 0
    /// Held back until another has passed, or for half a second.
    public var reorder = 0
    /// For requests: followed by an earlier request once more, in a new message with another id and token, as a recording would be.
    public var replay = 0
    /// Each is late by so much, at random.
    public var delay: ClosedRange<Duration> = .zero ... .zero
    /// The same seed and the same messages meet the same faults.
    public var seed: UInt64 = 1

    /// No fault.
    public init() {}
}

/// How often each fault happened.
public struct FaultCounts: Sendable, Hashable, Codable {
    /// Messages that were sent on, each repetition counted.
    public var passed = 0
    /// Messages that were lost.
    public var dropped = 0
    /// Messages that were sent twice.
    public var duplicated = 0
    /// Messages that were held back.
    public var reordered = 0
    /// Earlier requests that were sent once more.
    public var replayed = 0
    /// Messages that were sent on late, of those that passed.
    public var delayed = 0
}

extension FaultCounts: CustomStringConvertible {
    public var description: String {
        "\(passed) passed, \(dropped) dropped, \(duplicated) duplicated, \(reordered) reordered, \(replayed) replayed, \(delayed) delayed"
    }
}

/// Decides, with a seeded generator, what becomes of each message of one direction.
struct FaultPlan {
    /// A message to be sent after `delay`.
    struct Step {
        let bytes: [UInt8]
        var delay: Duration
    }

    /// So long a message that is to be overtaken is held back at most.
    static let patience = Duration.milliseconds(500)

    let faults: Faults
    private(set) var counts = FaultCounts()
    private var random: SplitMix
    private var held: [UInt8]?
    private var recorded: [Message] = []

    /// - Parameter direction: so that both directions of one bridge do not meet the same faults.
    init(_ faults: Faults, direction: UInt64) {
        self.faults = faults
        random = SplitMix(state: faults.seed &+ direction &* 0x5851_f42d_4c95_7f2d)
    }

    /// What is to be sent now that `bytes` has come. One that is held back comes with a later message, or from `release`.
    mutating func steps(for bytes: [UInt8]) -> [Step] {
        var steps: [Step] = []
        if happens(faults.drop) {
            counts.dropped += 1
        } else if held == nil, happens(faults.reorder) {
            counts.reordered += 1
            held = bytes
        } else {
            steps.append(step(bytes))
            if happens(faults.duplicate) {
                counts.duplicated += 1
                steps.append(step(bytes))
            }
            if let overtaken = release() { steps.append(overtaken) }
        }
        if let message = try? Message(bytes), message.code.isRequest {
            if !recorded.isEmpty, happens(faults.replay), let again = replayed() {
                counts.replayed += 1
                steps.append(step(again))
            }
            recorded.append(message)
            if recorded.count > 64 { recorded.removeFirst() }
        }
        return steps
    }

    var isHolding: Bool { held != nil }

    /// The message that is held back, when no other came to overtake it.
    mutating func release() -> Step? {
        defer { held = nil }
        return held.map { step($0) }
    }

    private mutating func step(_ bytes: [UInt8]) -> Step {
        counts.passed += 1
        let span = faults.delay.upperBound - faults.delay.lowerBound
        let delay = faults.delay.lowerBound + span * (Double(random.next() >> 11) / Double(1 << 53))
        if delay > .zero { counts.delayed += 1 }
        return Step(bytes: bytes, delay: delay)
    }

    private mutating func replayed() -> [UInt8]? {
        var message = recorded[Int(random.next() % UInt64(recorded.count))]
        message.id = UInt16(truncatingIfNeeded: random.next())
        message.token = [0xba, 0xd0] + (0..<4).map { _ in UInt8(truncatingIfNeeded: random.next()) }
        return try? message.encoded()
    }

    private mutating func happens(_ percent: Int) -> Bool { random.next() % 100 < UInt64(percent) }
}
