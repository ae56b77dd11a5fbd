// What can be asked of a node without owning it: its state, its devices, proof of its identity, and, while blank, its keys.
import CBOR
import CoAP
import HostCrypto
import NodeProtocol
import Reporting
import Transport

/// The unowned side of a node. It needs no key.
public struct NodeProbe: Sendable {
    /// The connection to the node; others may use it at the same time.
    public let client: CoAPClient
    /// What the node is called in messages.
    public var name: String { client.name }

    /// Sends nothing.
    public init(_ client: CoAPClient) { self.client = client }

    /// What the node tells of itself. Unsigned: good for showing, no ground for trust.
    /// - Throws: `Failure`, of kind `unreachable` when it does not answer; `Refusal` when it refuses.
    public func status() async throws -> NodeStatus { try NodeStatus(try await get(ResourcePath.status), from: name) }

    /// The devices of the node and their methods.
    /// - Throws: `Failure`, of kind `unreachable` when the node does not answer; `Refusal` when it refuses.
    public func devices() async throws -> [DeviceDescription] {
        try DeviceDescription.list(try await get(ResourcePath.devices), from: name)
    }

    /// Challenges the node to prove that it holds `identity`.
    /// Waits for up to a minute while the node has no signatures left: it rations them.
    /// - Throws: `Failure`, of kind `notAuthentic` when the answer is signed by another key or answers another challenge;
    ///   `Refusal` when the node refuses.
    public func attest(_ identity: PublicKey, network: UInt64) async throws -> Attestation {
        let nonce = randomBytes(Attestation.nonceSize)
        let request = CBOR.encode { writer in
            writer.map(1)
            writer.key(Int32(AttestRequestField.nonce))
            writer.bytes(nonce)
        }
        let answer = try await patiently { try await post(ResourcePath.attest, request, contentFormat: CoAPContentFormat.cbor) }
        return try Attestation(verifying: answer, nonce: nonce, identity: identity, network: network)
    }

    /// Gives a blank node its claim key, and its identity too if `identity` is given. Works once in a node's life.
    ///
    /// - Parameter protects: sets the chip's readback protection before the keys are written.
    /// - Throws: `Refusal` when the node refuses, and then has no keys; `Failure` when it does not answer, or with an identity
    ///   that is not the one that was sent: it may have taken the keys then.
    /// - Returns: the identity's public half, checked against the address that the node gave itself.
    public func provision(claim: PublicKey, identity: SigningKey?, network: UInt32, isTest: Bool, protects: Bool = false)
        async throws
        -> PublicKey
    {
        var seed = identity?.seed.withUnsafeBytes { Array($0) }
        var request = CBOR.encode { writer in
            writer.map(2 + (seed == nil ? 0 : 1) + (isTest ? 1 : 0) + (protects ? 1 : 0))
            writer.key(Int32(ProvisionRequestField.claimKey))
            writer.bytes(claim.bytes)
            if let seed {
                writer.key(Int32(ProvisionRequestField.seed))
                writer.bytes(seed)
            }
            writer.key(Int32(ProvisionRequestField.network))
            writer.uint(UInt64(network))
            if isTest {
                writer.key(Int32(ProvisionRequestField.test))
                writer.bool(true)
            }
            if protects {
                writer.key(Int32(ProvisionRequestField.protect))
                writer.bool(true)
            }
        }
        defer {
            wipe(&request)
            if seed != nil { wipe(&seed!) }
        }
        let body = try await post(ResourcePath.provision, request, contentFormat: CoAPContentFormat.cbor)
        guard let answer = try? CBORItem(body), let key = answer[ProvisionAnswerField.identity]?.bytes.flatMap({ PublicKey($0) }),
            let text = answer[ProvisionAnswerField.address]?.text
        else {
            throw malformed("answer to /provision", "that cannot be read")
        }
        guard try NodeAddress(parsing: text).matches(key), identity == nil || identity?.publicKey == key else {
            throw Failure(
                .notAuthentic, "\(name) gave itself an identity that does not fit its address or the key that was sent",
                about: "\(name)",
                advice: "Do not ship it: erase the chip fully and try again")
        }
        return key
    }

    // MARK: Requests

    /// How long a node may have no signature left for this wire.
    private static let patience = Duration.seconds(60)

    /// Asks again while the node has no signatures left, which it rations, giving a few more each second; and when something on the way says how
    /// long to wait, if that is not longer than this client waits.
    func patiently<R>(_ body: () async throws -> R) async throws -> R {
        let start = ContinuousClock.now
        while true {
            do { return try await body() } catch let refusal as Refusal
                where refusal.known == .tooManyAttempts && .now < start + Self.patience
            {
                try await Task.sleep(for: .milliseconds(.random(in: 200...400)))
            } catch let busy as Busy where .now + busy.wait < start + client.patience {
                try await Task.sleep(for: busy.wait)
            }
        }
    }

    /// Bytes of a node's answer at the most: twice what a node has room for (`NodeServer.body`).
    static let longestAnswer = 2048

    func get(_ path: String, query: [String] = []) async throws -> [UInt8] {
        try await patiently { try await ask(.get(path, query: query)) }
    }

    func post(_ path: String, _ body: [UInt8], contentFormat: UInt16) async throws -> [UInt8] {
        try await ask(.post(path, body, contentFormat: contentFormat))
    }

    private func ask(_ request: Request) async throws -> [UInt8] {
        var request = request
        request.longestAnswer = Self.longestAnswer
        return try answer(try await client.send(request), to: request.path)
    }

    private func answer(_ response: Response, to path: String) throws -> [UInt8] {
        if response.isSuccess { return response.payload }
        if let failure = Busy.reason(of: response, from: name) { throw failure }
        throw malformed("answer to /\(path)", "\(response.codeText) without a reason")
    }

    func malformed(_ what: String, _ how: String) -> Failure {
        Failure(
            .malformedAnswer, "\(name) sent a \(what) \(how)", about: "\(name)",
            remedy: .sameRelease)
    }
}
