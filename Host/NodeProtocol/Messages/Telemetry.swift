// What happened in a node, as the node signed it: events and changes of state, numbered since power-on.
import Foundation
import HostCrypto
import Reporting

/// One thing that happened.
public struct Sample: Hashable, Codable, Sendable {
    /// From 0 on since power-on.
    public let number: UInt32
    /// The name of the device within the node.
    public let device: String
    /// What happened, such as `press`; nil for a change of state.
    public let event: String?
    /// The state it changed to, or what came with the event.
    public let value: Value?
    /// Since power-on.
    public let milliseconds: UInt32
}

/// The newest samples of a node. Its signature was verified: there is no other way to make one.
public struct Telemetry: Hashable, Sendable {
    /// The node that signed.
    public let node: NodeAddress
    /// The ownership that it is in.
    public let epoch: UInt32
    /// The number of the power-on: samples of another one are numbered anew.
    public let boot: UInt32
    /// Milliseconds from the power-on to the moment of signing.
    public let uptimeMilliseconds: UInt64
    /// The number of the first sample, or of the next one when there is none.
    public let first: UInt32
    /// At most eight, the newest last.
    public let samples: [Sample]
    /// The earliest that the moment of signing can have been; nil when the node does not know the time.
    public let earliest: Date?
    /// The whole COSE_Sign1: the evidence to keep.
    public let bytes: [UInt8]

    /// Verifies `bytes` as telemetry of the node with the key `identity`.
    /// - Throws: `Failure`, of kind `notAuthentic` when the signature is not that key's, of kind `malformedAnswer` when a claim
    ///   is missing or there are more than eight samples.
    public init(verifying bytes: [UInt8], identity: PublicKey, network: UInt64) throws {
        let statement = try NodeStatement(bytes, type: .telemetry, name: "the telemetry of", identity: identity, network: network)
        let node = statement.node, details = try statement.details()
        func malformed(_ what: String) -> Failure { statement.malformed(what) }
        guard let epoch = details[NodeClaim.epoch]?.uint.flatMap(UInt32.init(exactly:)),
            let boot = details[NodeClaim.boot]?.uint.flatMap(UInt32.init(exactly:)), let uptime = details[NodeClaim.uptime]?.uint,
            let first = details[NodeClaim.first]?.uint.flatMap({ LogNumber.checked($0) }),
            let items = details[NodeClaim.samples]?.array, items.count <= 8
        else { throw malformed("a claim missing or of a wrong type") }
        samples = try items.enumerated().map { offset, item in
            guard let fields = item.array, fields.count == 4, let name = fields[0].text,
                let milliseconds = fields[3].uint.flatMap(UInt32.init(exactly:))
            else { throw malformed("a sample that cannot be read") }
            return Sample(
                number: first + UInt32(offset), device: name, event: fields[1].text, value: fields[2].value,
                milliseconds: milliseconds)
        }
        (self.node, self.epoch, self.boot, self.uptimeMilliseconds, self.first) = (node, epoch, boot, uptime, first)
        earliest = details[NodeClaim.time]?.uint.map { Date(timeIntervalSince1970: TimeInterval($0)) }
        self.bytes = bytes
    }
}

/// What is known of a node's samples from one telemetry to the next.
public enum Happening: Hashable, Sendable {
    /// One that was not seen before.
    case sample(Sample)
    /// These samples went by unseen.
    case missed(Range<UInt32>)
    /// The node was powered on anew: numbers begin at 0 again.
    case restarted(boot: UInt32)
}

/// Puts overlapping telemetry together: each sample once, in order, and what is missing said.
public struct TelemetryFollower: Sendable {
    private var boot: UInt32?
    private var next: UInt32?

    /// Knows nothing: the first telemetry begins.
    public init() {}

    /// What `telemetry` adds to what was known. The first one begins: what came before it is not missed.
    public mutating func take(_ telemetry: Telemetry) -> [Happening] {
        var happenings: [Happening] = []
        if let boot, boot != telemetry.boot {
            // An older one, late.
            if telemetry.boot < boot { return [] }
            happenings.append(.restarted(boot: telemetry.boot))
            next = 0
        }
        boot = telemetry.boot
        let known = next ?? telemetry.first
        if known < telemetry.first { happenings.append(.missed(known..<telemetry.first)) }
        for sample in telemetry.samples where sample.number >= known { happenings.append(.sample(sample)) }
        next = max(known, telemetry.first + UInt32(telemetry.samples.count))
        return happenings
    }
}
