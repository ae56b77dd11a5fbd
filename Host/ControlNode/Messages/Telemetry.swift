// What happened in a device, as the device signed it: events and changes of state, numbered since power-on.
import Foundation
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
    public let device: DeviceAddress
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

    /// Verifies `bytes` as telemetry of the device with the key `identity`.
    public init(verifying bytes: [UInt8], identity: PublicKey, network: UInt64) throws {
        let device = DeviceAddress(of: identity)
        let claims = try SignedObject.open(bytes, type: .telemetry, network: network, signer: identity, from: device.description)
        func malformed(_ what: String) -> Failure {
            Failure(
                .malformedAnswer, "the telemetry of \(device) has \(what)",
                advice: "Check that the firmware and lightnode belong to the same release")
        }
        guard claims[1]?.text == device.description else { throw malformed("another issuer") }
        guard let node = claims[Int64(SignedMessage.nodeClaim)], let epoch = node[0]?.uint.flatMap(UInt32.init(exactly:)),
            let boot = node[26]?.uint.flatMap(UInt32.init(exactly:)), let uptime = node[27]?.uint,
            let first = node[28]?.uint.flatMap(UInt32.init(exactly:)), let items = node[29]?.array, items.count <= 8
        else { throw malformed("a claim missing or of a wrong type") }
        samples = try items.enumerated().map { offset, item in
            guard let fields = item.array, fields.count == 4, let name = fields[0].text,
                let milliseconds = fields[3].uint.flatMap(UInt32.init(exactly:))
            else { throw malformed("a sample that cannot be read") }
            return Sample(
                number: first &+ UInt32(offset), device: name, event: fields[1].text, value: fields[2].value,
                milliseconds: milliseconds)
        }
        (self.device, self.epoch, self.boot, self.uptimeMilliseconds, self.first) = (device, epoch, boot, uptime, first)
        earliest = node[30]?.uint.map { Date(timeIntervalSince1970: TimeInterval($0)) }
        self.bytes = bytes
    }
}

/// What is known of a node's samples from one telemetry to the next.
public enum Happening: Hashable, Sendable {
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

extension RemoteNode {
    /// What happens in the node's devices, verified, each sample once and in order.
    ///
    /// The node need not be this control node's own. Then the key is the one that it shows, which must be that of its address: whoever
    /// sits in between could show an address of its own.
    /// - Parameter onlyKnown: refuses a node that is not in the device book.
    public func happenings(onlyKnown: Bool = false) async throws -> AsyncThrowingStream<Happening, any Error> {
        let signer = try signer(shownBy: try await status(), onlyKnown: onlyKnown)
        let (stream, continuation) = AsyncThrowingStream<Happening, any Error>.makeStream(bufferingPolicy: .bufferingNewest(256))
        let observation = try await client.observe("events")
        let task = Task {
            var follower = TelemetryFollower()
            do {
                for try await answer in observation {
                    let telemetry = try Telemetry(verifying: answer.payload, identity: signer.identity, network: signer.network)
                    for happening in follower.take(telemetry) { continuation.yield(happening) }
                }
                continuation.finish()
            } catch {
                continuation.finish(throwing: error)
            }
        }
        continuation.onTermination = { _ in task.cancel() }
        return stream
    }

    /// Whose signatures to believe of a node with this status: of a known one those of the device book alone.
    func signer(shownBy status: DeviceStatus, onlyKnown: Bool = false) throws -> (identity: PublicKey, network: UInt64) {
        guard let identity = status.identity else { throw blank }
        func foreign(_ what: String) -> Failure {
            Failure(
                .notAuthentic, "\(client.name) \(what)",
                advice: "Something on the way answers in its name: check the cable, the bridge and what --device names")
        }
        guard let address = status.address, address.matches(identity) else {
            throw foreign("shows an identity key that is not the one of its address")
        }
        if let known = try controller.book.device(address) {
            guard known.identity == identity else { throw foreign("shows another identity key than \(address) had before") }
            return (known.identity, known.network)
        }
        if onlyKnown { throw foreign("is \(address), which this control node does not know") }
        return (identity, status.network)
    }
}
