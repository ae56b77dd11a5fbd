// What happens in a device, numbered and signed by it (`GET /events`), and following it without missing that something was missed.
import Reporting

/// The newest samples of a device, whose signature was verified: there is no other way to make one.
public struct Telemetry: Hashable, Codable, Sendable {
    /// Something that happened: an event, or a new state.
    public struct Sample: Hashable, Codable, Sendable {
        /// Counted from 0 since power-on.
        public let number: UInt32
        public let device: String
        /// The event's name, "pressed"; nil for a new state.
        public let event: String?
        /// The state after it.
        public let value: Value?
        /// Milliseconds since power-on; wraps after 49 days.
        public let milliseconds: UInt32
    }

    public let device: DeviceAddress
    public let epoch: UInt32
    /// Names this power-on.
    public let boot: UInt32
    /// Milliseconds since power-on at the moment of signing.
    public let uptime: UInt64
    /// Number of the first sample.
    public let first: UInt32
    /// At most eight, the newest last.
    public let samples: [Sample]
    /// The earliest that the moment of signing can have been, in seconds since 1970; nil when the device does not know.
    public let time: UInt64?

    init(verifying bytes: [UInt8], identity: PublicKey, network: UInt64) throws {
        let device = DeviceAddress(of: identity)
        let claims = try SignedObject.open(bytes, type: .telemetry, network: network, signer: identity, from: device.description)
        guard claims[1]?.text == device.description, let node = claims[Int64(SignedMessage.nodeClaim)],
            let epoch = node[0]?.uint.flatMap(UInt32.init(exactly:)), let boot = node[26]?.uint.flatMap(UInt32.init(exactly:)),
            let uptime = node[27]?.uint, let first = node[28]?.uint.flatMap(UInt32.init(exactly:)), let items = node[29]?.array
        else { throw Self.unreadable(device) }
        self.device = device
        self.epoch = epoch
        self.boot = boot
        self.uptime = uptime
        self.first = first
        time = node[30]?.uint
        samples = try items.enumerated().map { offset, item in
            guard let fields = item.array, fields.count == 4, let name = fields[0].text,
                let at = fields[3].uint.flatMap(UInt32.init(exactly:))
            else { throw Self.unreadable(device) }
            return Sample(
                number: first &+ UInt32(offset), device: name, event: fields[1].text, value: fields[2].value, milliseconds: at)
        }
    }

    private static func unreadable(_ device: DeviceAddress) -> Failure {
        Failure(
            .malformedAnswer, "the telemetry of \(device) lacks a claim",
            advice: "Check that the firmware and lightnode belong to the same release")
    }
}

/// What an observer of telemetry learns, in the order in which it happened.
public enum TelemetryEvent: Hashable, Codable, Sendable {
    case sample(Telemetry.Sample)
    /// Samples that nobody will ever see: their numbers.
    case gap(from: UInt32, to: UInt32)
    /// The device was powered on again; its samples count from 0.
    case restarted(boot: UInt32)
}

/// Puts notifications together: what came twice is told once, what never came is told as a gap.
public struct TelemetryFollower: Sendable {
    private var boot: UInt32?
    /// Number of the sample expected next.
    private var next: UInt32 = 0

    public init() {}

    /// What is new in `telemetry`. Of the first, its samples; what happened before it belongs to nobody.
    public mutating func take(_ telemetry: Telemetry) -> [TelemetryEvent] {
        var news: [TelemetryEvent] = []
        if boot == nil {
            next = telemetry.first
        } else if boot != telemetry.boot {
            news.append(.restarted(boot: telemetry.boot))
            next = 0
        }
        boot = telemetry.boot
        if telemetry.first > next {
            news.append(.gap(from: next, to: telemetry.first - 1))
            next = telemetry.first
        }
        for sample in telemetry.samples where sample.number >= next {
            news.append(.sample(sample))
            next = sample.number + 1
        }
        return news
    }
}

extension RemoteNode {
    /// What happens in the node's devices, live, each signature verified. Iteration ends as `CoAPClient.observe` says.
    ///
    /// A node that this control node owns is held to the identity that it was bound with; of another, to its address.
    public func events() async throws -> AsyncThrowingStream<TelemetryEvent, any Error> {
        let (device, _) = try await strange()
        let observation = try await client.observe("events")
        let (stream, continuation) = AsyncThrowingStream.makeStream(of: TelemetryEvent.self)
        let task = Task {
            var follower = TelemetryFollower()
            do {
                for try await answer in observation where answer.isSuccess {
                    let telemetry = try Telemetry(verifying: answer.payload, identity: device.identity, network: device.network)
                    for event in follower.take(telemetry) { continuation.yield(event) }
                }
                continuation.finish()
            } catch {
                continuation.finish(throwing: error)
            }
        }
        continuation.onTermination = { _ in
            task.cancel()
            observation.cancel()
        }
        return stream
    }
}

extension TelemetryEvent: CustomStringConvertible {
    public var description: String {
        switch self {
        case .sample(let sample):
            "#\(sample.number) \(sample.device)" + (sample.event.map { " \($0)" } ?? "") + (sample.value.map { " = \($0)" } ?? "")
        case .gap(let from, let to): from == to ? "#\(from) was lost" : "#\(from) to #\(to) were lost"
        case .restarted: "the device was powered on again"
        }
    }
}
