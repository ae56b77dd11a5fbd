// What a light node is doing when its power is cut: a store in a known state, made by the same executor on the host, and one request.
import Foundation
import HostedNode
import SimulatedNOR
import Transport

@testable import ControlNode
@testable import HostCrypto
@testable import NodeProtocol

/// Everybody who sends something here. Seeds are constants, so that a kill repeats.
enum Cast {
    static func key(_ number: UInt8) -> SigningKey { SigningKey(seed: SecretBytes([UInt8](repeating: number, count: 32)))! }
    static let identity = key(1), claim = key(2), alice = key(3), bob = key(4), backup = key(6), holder = key(8)
    static let network: UInt64 = 7
}

/// A request, and the signed message in it if there is one.
struct Posting {
    var path: String
    var body: [UInt8]
    /// Content-Format (RFC 7252, section 12.3).
    var format: UInt16
    var message: SignedMessage?

    init(_ message: SignedMessage) {
        (path, body, format, self.message) = (message.type.rawValue, message.bytes, 18, message)
    }

    /// Claim key and network for a blank node, which makes its identity itself, or is given one.
    static func provisioning(identity: SigningKey?) -> Posting {
        let request = CBORItem.map([
            0: .bytes(Cast.claim.publicKey.bytes), 1: identity.map { .bytes($0.seed.withUnsafeBytes { Array($0) }) },
            2: .uint(Cast.network),
        ])
        var posting = Posting(Workshop.placeholder)
        (posting.path, posting.body, posting.format, posting.message) = ("provision", request.encoded, 60, nil)
        return posting
    }
}

/// A node in this process, over a simulated part like the microbit's.
final class Workshop {
    let flash = HostedNode.blankFlash()
    private(set) var client: CoAPClient
    private var hosted: HostedNode
    let node = NodeAddress(of: Cast.identity.publicKey)
    private var sequence: UInt64 = 1_700_000_000_000_000
    /// Messages that were acknowledged: none of them may ever be accepted again.
    private(set) var spent: [SignedMessage] = []

    init() {
        hosted = HostedNode(flash: flash)
        client = CoAPClient(hosted, name: "the workshop's node")
    }

    static let placeholder = SignedMessage.release(
        .init(NodeAddress(of: Cast.identity.publicKey), epoch: 0, sequence: 1, network: Cast.network), owner: Cast.alice)

    /// Power off and on: what had been prepared in RAM is gone, as it will be on the board.
    func powerCycle() async {
        await client.close()
        hosted.close()
        flash.powerUp()
        hosted = HostedNode(flash: flash)
        client = CoAPClient(hosted, name: "the workshop's node")
    }

    func status() async throws -> NodeStatus { try await NodeProbe(client).status() }

    func heading() async throws -> SignedMessage.Heading {
        sequence += 1_000_003
        return .init(node, epoch: try await status().epoch, sequence: sequence, network: Cast.network)
    }

    func call(_ text: String, by key: SigningKey = Cast.alice, grant: Grant? = nil, as type: MessageType = .command) async throws
        -> SignedMessage
    {
        let heading = try await heading()
        return .call(
            try Call(parsing: text), as: type, to: node, epoch: heading.epoch, sequence: heading.sequence,
            network: Cast.network,
            grant: grant, key: key)
    }

    func send(_ posting: Posting) async throws {
        _ = try await NodeProbe(client).post(posting.path, posting.body, contentFormat: posting.format)
        if let message = posting.message { spent.append(message) }
    }

    func send(_ message: SignedMessage) async throws { try await send(Posting(message)) }

    // The first minutes of a node.

    func provision() async throws { try await send(.provisioning(identity: Cast.identity)) }

    func bindMessage() async throws -> SignedMessage {
        let heading = try await heading()
        return .bind(
            node, owner: Cast.alice, epoch: heading.epoch, sequence: heading.sequence, network: Cast.network,
            claim: Cast.claim)
    }

    func own() async throws {
        try await provision()
        try await send(try await bindMessage())
    }

    func grant() async throws -> Grant {
        var terms = Grant.Terms(holder: Cast.holder.publicKey, scope: [.init("led")])
        terms.uses = 3
        return Grant(
            terms, on: node, epoch: try await status().epoch, network: Cast.network, salt: [0xA0, 0, 0, 0, 0, 0, 0, 1],
            owner: Cast.alice)
    }

    /// Commands until the log has erased a page `turns` times, and then until the next one will.
    func fillLog(turns: Int) async throws {
        var seen = 0
        while seen < turns {
            let before = flash.erases[2...].reduce(0, +)
            try await send(try await call("$('led').on()"))
            if flash.erases[2...].reduce(0, +) > before { seen += 1 }
        }
        try await untilNext { try await self.call("$('led').on()") }
    }

    /// Sends what `make` makes until the next such message would erase a page.
    func untilNext(_ make: () async throws -> SignedMessage) async throws {
        while true {
            let (contents, erases) = (flash.snapshot, flash.erases.reduce(0, +))
            try await send(try await make())
            if flash.erases.reduce(0, +) > erases {
                flash.restore(contents)
                spent.removeLast()
                await powerCycle()
                return
            }
        }
    }
}

/// One thing that a node does.
struct KillScenario: Sendable {
    let name: String
    /// From a blank part to the state in which the request arrives.
    let prepare: @Sendable (Workshop) async throws -> Void
    let request: @Sendable (Workshop) async throws -> Posting

    static let all: [KillScenario] = [
        KillScenario(name: "provision", prepare: { _ in }, request: { _ in .provisioning(identity: nil) }),
        KillScenario(
            name: "bind", prepare: { try await $0.provision() }, request: { Posting(try await $0.bindMessage()) }),
        KillScenario(
            name: "command", prepare: { try await $0.own() }, request: { Posting(try await $0.call("$('led').on()")) }),
        KillScenario(
            name: "state", prepare: { try await $0.own() },
            request: { Posting(try await $0.call("$('led').on()", as: .state)) }),
        KillScenario(
            name: "command under a grant", prepare: { try await $0.own() },
            request: { Posting(try await $0.call("$('led').on()", by: Cast.holder, grant: try await $0.grant())) }),
        KillScenario(
            name: "release", prepare: { try await $0.own() },
            request: { Posting(.release(try await $0.heading(), owner: Cast.alice)) }),
        KillScenario(
            name: "transfer", prepare: { try await $0.own() },
            request: { workshop in
                let heading = try await workshop.heading()
                let acceptance = Acceptance(
                    of: workshop.node, epoch: heading.epoch, network: Cast.network, newOwner: Cast.bob, purpose: .transfer,
                    from: Cast.alice.publicKey, resultingIn: Authorities(owner: Cast.bob.publicKey))
                return Posting(.transfer(heading, to: acceptance, owner: Cast.alice))
            }),
        pageTurn("page turn of the log", after: 0), pageTurn("page turn that overwrites the oldest", after: 14),
        KillScenario(
            name: "compaction of the records",
            prepare: { workshop in
                try await workshop.own()
                try await workshop.untilNext { Self.backups(try await workshop.heading()) }
            }, request: { Posting(Self.backups(try await $0.heading())) }),
    ]

    private static func pageTurn(_ name: String, after turns: Int) -> KillScenario {
        KillScenario(
            name: name,
            prepare: {
                try await $0.own()
                try await $0.fillLog(turns: turns)
            }, request: { Posting(try await $0.call("$('led').on()")) })
    }

    private static func backups(_ heading: SignedMessage.Heading) -> SignedMessage {
        .backups(heading, [.init(key: Cast.backup.publicKey, silence: 60)], owner: Cast.alice)
    }

    /// The scenario ready to be played, and how it ends when nothing happens to it.
    struct Prepared {
        let name: String
        /// Contents of the store's pages.
        let store: Data
        let posting: Posting
        let spent: [SignedMessage]
        /// Before and after the message.
        let before, after: NodeStatus
    }

    func prepared() async throws -> Prepared {
        let workshop = Workshop()
        try await prepare(workshop)
        let posting = try await request(workshop)
        let store = Data(workshop.flash.bytes), spent = workshop.spent
        await workshop.powerCycle()
        let before = try await workshop.status()
        var sent = posting
        if posting.path == "provision" { sent = .provisioning(identity: Cast.identity) }
        try await workshop.send(sent)
        let after = try await workshop.status()
        return Prepared(name: name, store: store, posting: posting, spent: spent, before: before, after: after)
    }
}
