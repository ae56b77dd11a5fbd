// What these tests share: an owned node in this process behind a gateway on a port of this computer, and foreign programs.
import Foundation
import Gateway
import HostedNode
import Testing
import Transport

@testable import ControlNode
@testable import HostCrypto
@testable import Keystore
@testable import NodeProtocol

let sourceRoot = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent()

/// Runs a program and returns its output; its error output goes to the issue when it fails.
func run(_ program: String, _ arguments: [String], mayFail: Bool = false) async throws -> String {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = [program] + arguments
    let (output, error) = (Pipe(), Pipe())
    process.standardOutput = output
    process.standardError = error
    try process.run()
    return try await withCheckedThrowingContinuation { continuation in
        Thread.detachNewThread {
            let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
            let complaint = String(decoding: error.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
            process.waitUntilExit()
            if !mayFail { #expect(process.terminationStatus == 0, "\(program): \(text)\(complaint)") }
            continuation.resume(returning: text)
        }
    }
}

/// The Python that `make witness` prepared. A test without it fails: what was not tested is not to look tested.
func python(_ arguments: [String]) async throws -> String {
    let interpreter = sourceRoot.appendingPathComponent("build/witness/bin/python")
    try #require(FileManager.default.isExecutableFile(atPath: interpreter.path), "run `make witness` first")
    return try await run(interpreter.path, arguments)
}

/// A node with an owner, on a line that ends at the gateway.
final class Stage: Sendable {
    let hosted: HostedNode
    /// What passes over its line, counted.
    let metered: MeteredNode
    let owner: RemoteNode
    let label: ClaimLabel
    private let folder: String

    /// - Parameters:
    ///   - isBound: whether the node has its owner already.
    ///   - pause: how late each answer of the node comes.
    init(_ name: String = "porch", isBound: Bool = true, pause: Duration = .zero) async throws {
        folder = FileManager.default.temporaryDirectory.path + "/ln-gateway-\(randomBytes(6).hex)"
        let home = try Home(folder)
        try ControllerKey.generate().save(to: home.controllerKey)
        let hosted = HostedNode()
        self.hosted = hosted
        let metered = MeteredNode(hosted, pause: pause)
        self.metered = metered
        let client = CoAPClient(metered, name: name)
        let claim = SigningKey.generate()
        let identity = try await NodeProbe(client).provision(claim: claim.publicKey, identity: nil, network: 1, isTest: false)
        label = ClaimLabel(address: NodeAddress(of: identity), claimKey: claim)
        owner = RemoteNode(client, controller: try Controller(home) { nil })
        if isBound { try await owner.bind(label: label) }
    }

    deinit { try? FileManager.default.removeItem(atPath: folder) }

    /// The bytes of a command that was not sent.
    func signed(_ method: String) async throws -> SignedMessage { try await signed(Call(device: "led", method: method)) }

    /// The receipt by the node that a file holds.
    func receipt(in file: String) async throws -> Receipt {
        try Receipt(
            verifying: Array(try Data(contentsOf: URL(fileURLWithPath: file))), identity: try await owner.known().identity,
            network: 1
        )
    }

    func signed(_ call: Call) async throws -> SignedMessage { try owner.sign(call, for: try await owner.known()) }
}

/// Serves `nodes` on a free port while `body` runs.
func withGateway(
    _ nodes: [AttachedNode], policy: Gateway.Policy = .init(), limits: CoAPServer.Limits = .init(),
    _ body: (SocketAddress) async throws -> Void
) async throws {
    let gateway = try Gateway(nodes, policy: policy)
    let server = try await gateway.open(at: try SocketAddress(host: "127.0.0.1", port: 0), limits: limits)
    let serving = Task { await server.run() }
    defer {
        server.close()
        serving.cancel()
    }
    try await body(server.address)
}

/// A client that reaches the gateway's node called `name`.
func client(_ address: SocketAddress, _ name: String, host: String = "127.0.0.1") throws -> CoAPClient {
    CoAPClient(try UDPLink(url: "coap://\(host):\(address.port)/\(name)"), name: name)
}
