// A node behind the gateway: its name, its connection, which is made anew when it broke, and whose turn it is to ask it something.
import CoAP
import Reporting
import Transport

/// One node that the gateway serves.
public actor AttachedNode {
    /// What clients call it: the first segment of paths, or the host of a URL.
    public nonisolated let name: String
    private let connect: @Sendable () async throws -> CoAPClient
    private var client: CoAPClient?
    private var connecting: Task<CoAPClient, any Error>?
    private var turns = Turns()

    /// An answer of a node that comes in blocks may have so many bytes, and take so long.
    private static let maximumAnswer = 1 << 16
    private static let longestTime = Duration.seconds(300)

    /// - Parameter connect: makes a connection; called again when the last one broke.
    public init(_ name: String, connect: @escaping @Sendable () async throws -> CoAPClient) {
        self.name = name
        self.connect = connect
    }

    /// The connection to the node, made anew when there is none.
    func connection() async throws -> CoAPClient {
        if let client, await client.broken == nil { return client }
        if let connecting { return try await connecting.value }
        let attempt = Task { try await connect() }
        connecting = attempt
        defer { connecting = nil }
        let made = try await attempt.value
        client = made
        return made
    }

    /// Bytes of payload that a request with these options may have.
    func room(_ code: CoAPCode, _ options: [Message.Option]) async throws -> Int {
        try await connection().room(code, options: options)
    }

    /// Asks the node in the turn of `host`, and returns the whole answer, whatever blocks it came in.
    /// - Throws: `RequestTooLong` before anything is sent; a `Failure` when the node is out of reach or its answer makes no sense.
    func ask(_ code: CoAPCode, options: [Message.Option], payload: [UInt8], for host: String) async throws -> Message {
        var whole = try await inTurn(of: host, code, options, payload)
        guard var block = whole.block2 else { return whole }
        let end = ContinuousClock.now + Self.longestTime
        while block.more {
            guard whole.payload.count == block.offset + block.size, whole.payload.count < Self.maximumAnswer, .now < end else {
                throw misfit()
            }
            let next = CoAPBlock(number: block.number + 1, more: false, sizeExponent: block.sizeExponent)
            let part = try await inTurn(of: host, code, options + [.init(CoAPOptionNumber.block2, uint: next.optionValue)], [])
            guard part.code == whole.code, part.entityTag == whole.entityTag, let found = part.block2, found.number == next.number
            else { throw misfit() }
            whole.payload += part.payload
            block = found
        }
        let transfer = [CoAPOptionNumber.block2, CoAPOptionNumber.size2, CoAPOptionNumber.entityTag]
        whole.options.removeAll { transfer.contains($0.number) }
        return whole
    }

    private func misfit() -> Failure {
        Failure(
            .malformedAnswer, "\(name) answered with blocks that do not fit together, or that have no end", about: "\(name)",
            advice: "Ask again")
    }

    private func inTurn(of host: String, _ code: CoAPCode, _ options: [Message.Option], _ payload: [UInt8]) async throws
        -> Message
    {
        if turns.isTaken { await withCheckedContinuation { turns.wait(host, $0) } } else { turns.begin(host) }
        defer { turns.end() }
        return try await pass(code, options: options, payload: payload)
    }

    /// Passes a request on; a connection that turns out to be broken is replaced once.
    private func pass(_ code: CoAPCode, options: [Message.Option], payload: [UInt8]) async throws -> Message {
        let first = try await connection()
        do { return try await first.pass(code, options: options, payload: payload) } catch {
            // Repeating it is safe only when it was not sent: on a connection that was broken before.
            guard await first.broken != nil, code == .get else { throw error }
            return try await connection().pass(code, options: options, payload: payload)
        }
    }

    /// Hangs up.
    public func close() async {
        connecting?.cancel()
        await client?.close()
    }
}

/// Whose request is next: hosts take turns, so that one which asks much makes itself wait and not the others.
private struct Turns {
    private var waiting: [(host: String, continuation: CheckedContinuation<Void, Never>)] = []
    /// When each host that waits, or was served lately, had its last turn.
    private var served: [String: UInt64] = [:]
    private var count: UInt64 = 0
    private(set) var isTaken = false

    mutating func begin(_ host: String) {
        isTaken = true
        count += 1
        served[host] = count
    }

    mutating func wait(_ host: String, _ continuation: CheckedContinuation<Void, Never>) { waiting.append((host, continuation)) }

    mutating func end() {
        // The host that has waited longest since its last turn; of its requests the first.
        guard let next = waiting.indices.min(by: { served[waiting[$0].host, default: 0] < served[waiting[$1].host, default: 0] })
        else {
            isTaken = false
            served = [:]
            return
        }
        let (host, continuation) = waiting.remove(at: next)
        begin(host)
        continuation.resume()
    }
}
