// One good message of every type, each with a device that is ready for it: what mutation and replay start from.

import LightNode
import SimulatedNOR
import Testing

@testable import HostCrypto
@testable import NodeProtocol

/// A message that a device in the state of `prepare` accepts.
struct Sample: CustomTestStringConvertible, Sendable {
    let name: String
    /// Whose signature it carries.
    let signer: SigningKey
    var prepare: @Sendable (Stage) throws -> Void = { _ in }
    let message: @Sendable (Stage) throws -> SignedMessage
    /// Claims, and keys of the private claim, that it may go without.
    var optional: Set<Int64> = []
    var optionalNode: Set<Int64> = []
    var testDescription: String { name }

    /// A device that waits for it.
    func stage() throws -> Stage {
        let stage = Stage()
        _ = try stage.provision()
        if signer.publicKey != Cast.claim.publicKey { try stage.send(stage.bindMessage()) }
        try prepare(stage)
        return stage
    }

    static let far: UInt64 = 4_000_000_000

    static func lent(_ stage: Stage) -> Grant {
        stage.grant([.init("led", "on", "off"), .init("gauge")]) {
            ($0.notBefore, $0.expires, $0.uses, $0.hops) = (1_900_000_000, far, 5, 1)
            $0.contract = .init(height: 70_000, transaction: [UInt8](repeating: 9, count: 32))
            $0.meter = .init(tick: 600, ticks: 12)
        }
    }

    @Sendable static func lend(_ stage: Stage) throws {
        try stage.tellTime(2_000_000_000)
        try stage.send(.tick(stage.heading(), grant: lent(stage).id, paid: 3, owner: Cast.alice))
    }

    static let all: [Sample] = [
        Sample(name: "bind", signer: Cast.claim, message: { $0.bindMessage() }, optionalNode: [11]),
        Sample(name: "command", signer: Cast.alice, message: { $0.command("$('gauge').set(50)") }),
        Sample(
            name: "command with token and expiry", signer: Cast.alice, prepare: { try $0.tellTime(2_000_000_000) },
            message: { $0.command("$('lock').open(500)", token: try $0.token(), expires: far) }, optional: [4], optionalNode: [3]),
        Sample(name: "state", signer: Cast.alice, message: { $0.command("$('gauge').set(5)", as: .state) }),
        Sample(
            name: "command under a grant", signer: Cast.holder, prepare: lend,
            message: { $0.command(by: Cast.holder, grant: lent($0)) }),
        Sample(
            name: "state under a grant passed on", signer: Cast.friend, prepare: lend,
            message: { stage in
                let child = lent(stage).passed(
                    on: .init(holder: Cast.friend.publicKey, scope: [.init("gauge")]), salt: Stage.salt(2), holder: Cast.holder)
                return stage.command("$('gauge').set(8)", as: .state, by: Cast.friend, grant: child)
            }),
        Sample(name: "release", signer: Cast.alice, message: { try $0.release() }),
        Sample(
            name: "transfer", signer: Cast.alice,
            message: { try $0.transfer(to: Cast.bob) }),
        Sample(
            name: "rotate", signer: Cast.alice,
            message: { try $0.rotate(to: Cast.bob) }),
        Sample(
            name: "recover", signer: Cast.recovery,
            message: { .recover($0.heading(), to: Cast.bob.publicKey, recovery: Cast.recovery) }),
        Sample(
            name: "backups", signer: Cast.alice,
            message: { .backups($0.heading(), [.init(key: Cast.backup.publicKey, silence: 60)], owner: Cast.alice) }),
        Sample(
            name: "takeover", signer: Cast.backup,
            prepare: { stage in
                try stage.send(.backups(stage.heading(), [.init(key: Cast.backup.publicKey, silence: 60)], owner: Cast.alice))
                stage.pass(seconds: 100)
            }, message: { try $0.takeover() }),
        Sample(
            name: "settings", signer: Cast.alice,
            prepare: { stage in
                stage.pass(seconds: 86_400)
                stage.press()
            }, message: { .settings($0.heading(), forbidsReset: true, owner: Cast.alice) }),
        Sample(
            name: "revoke", signer: Cast.alice,
            prepare: { try $0.send($0.command(by: Cast.holder, grant: $0.grant())) },
            message: { .revoke($0.heading(), grant: $0.grant().id, owner: Cast.alice) }),
        Sample(
            name: "tick", signer: Cast.alice, message: { .tick($0.heading(), grant: $0.grant().id, paid: 2, owner: Cast.alice) }),
        Sample(
            name: "time", signer: Cast.alice,
            message: { .time($0.heading(), seconds: 2_000_000_000, token: try $0.token(), owner: Cast.alice) }, optionalNode: [3]),
    ]
}

/// Everything that a refused message must leave as it was.
struct Footprint: Equatable {
    let everything: [UInt8]
    let operations: Int
    let status: CBORItem
    let moves: Int

    init(_ stage: Stage) {
        (everything, operations, status, moves) = (stage.everything, stage.flash.operations, stage.lasting, stage.wires.moves)
    }
}
