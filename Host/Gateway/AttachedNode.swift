// A node behind the gateway: its name, its connection, which is made anew when it broke, and what is observed of it.
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

    /// Passes a request on; a connection that turns out to be broken is replaced once.
    func pass(_ code: CoAPCode, options: [Message.Option], payload: [UInt8]) async throws -> Message {
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
