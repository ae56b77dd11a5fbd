// How to make a node say each refusal and each outcome of the protocol's table, with datagrams alone.

import CoAP
import LightNode
import SimulatedNOR
import Testing
import Vocabulary

@testable import HostCrypto
@testable import NodeProtocol

/// A refusal of the table, and a client that comes by it.
struct Provocation: CustomTestStringConvertible, Sendable {
    let name: String
    /// Whether the node signs it: the sender is known by then.
    var isSigned = false
    /// The answer that says it.
    let provoke: @Sendable () throws -> Exchange
    var testDescription: String { name }

    init(_ name: String, isSigned: Bool = false, _ provoke: @escaping @Sendable () throws -> Exchange) {
        (self.name, self.isSigned, self.provoke) = (name, isSigned, provoke)
    }

    /// A call by the owner of a new node.
    init(_ name: String, call: String) {
        self.init(name) {
            let stage = try Stage()
            return try stage.exchange(stage.call(call))
        }
    }
}

/// What was sent, if it was a signed message, and what came back.
struct Exchange {
    var message: SignedMessage?
    let answer: Datagram
}

extension Stage {
    func exchange(_ message: SignedMessage) throws -> Exchange { Exchange(message: message, answer: try post(message)) }

    func call(
        _ text: String = "$('led').on()", as type: NodeProtocol.MessageType = .command, by key: SigningKey = Stage.owner,
        under heading: SignedMessage.Heading? = nil, token: [UInt8]? = nil, expires: UInt64? = nil, grant: Grant? = nil
    ) throws -> SignedMessage {
        let heading = heading ?? self.heading()
        return .call(
            try Call(parsing: text), as: type, to: heading.node, epoch: heading.epoch, sequence: heading.sequence,
            network: heading.network, token: token, expires: expires, grant: grant, key: key)
    }

    /// A grant of the owner.
    func grant(salt: UInt8 = 1, _ change: (inout Grant.Terms) -> Void = { _ in }) -> Grant {
        var terms = Grant.Terms(holder: Stage.holder.publicKey, scope: [.init("led")])
        change(&terms)
        return Grant(terms, on: device, epoch: heading().epoch, network: Stage.network, salt: [salt], owner: Stage.owner)
    }

    func underGrant(_ grant: Grant, _ text: String = "$('led').on()") throws -> Exchange {
        try exchange(call(text, by: Stage.holder, grant: grant))
    }

    func tellTime(_ seconds: UInt64 = 2_000_000_000) throws -> Exchange {
        try exchange(.time(heading(), seconds: seconds, token: token(for: Stage.owner), owner: Stage.owner))
    }

    /// A transfer to a buyer whose acceptance names `result`.
    func transfer(resultingIn result: Authorities) -> SignedMessage {
        let acceptance = Acceptance(
            of: device, epoch: heading().epoch, network: Stage.network, newOwner: Stage.buyer, purpose: .transfer,
            from: Stage.owner.publicKey, resultingIn: result)
        return .transfer(heading(), to: acceptance, owner: Stage.owner)
    }

    static let (holder, buyer, stranger, backup, recovery) = (key(4), key(5), key(6), key(7), key(8))
}

enum Provocations {
    static let refusals: [Provocation] = ofMessages + ofGrants + ofOwnership + ofRequests + ofNodes

    private static let ofMessages: [Provocation] = [
        Provocation("wrong-address") {
            let stage = try Stage()
            let other = NodeAddress(of: Stage.stranger.publicKey)
            return try stage.exchange(stage.call(under: .init(other, epoch: 1, sequence: 1 << 52, network: Stage.network)))
        },
        Provocation("wrong-epoch") {
            let stage = try Stage()
            return try stage.exchange(stage.call(under: .init(stage.device, epoch: 9, sequence: 1 << 52, network: Stage.network)))
        },
        Provocation("wrong-state") {
            let stage = try Stage(isBound: false)
            return try stage.exchange(stage.call())
        },
        Provocation("replayed") {
            let stage = try Stage()
            let message = try stage.call()
            _ = try stage.exchange(message)
            return try stage.exchange(message)
        },
        Provocation("superseded") {
            let stage = try Stage()
            let older = try stage.call(as: .state)
            _ = try stage.exchange(stage.call())
            return try stage.exchange(older)
        },
        Provocation("time-unknown") {
            let stage = try Stage()
            return try stage.exchange(stage.call(expires: 2_000_000_000))
        },
        Provocation("expired") {
            let stage = try Stage()
            _ = try stage.tellTime()
            return try stage.exchange(stage.call(expires: 1_999_999_999))
        },
        Provocation("token-required", call: "$('lock').open()"),
        Provocation("token-invalid") {
            let stage = try Stage()
            return try stage.exchange(stage.call("$('lock').open()", token: stage.token(for: Stage.stranger)))
        },
        Provocation("bad-signature") {
            let stage = try Stage()
            return try stage.exchange(stage.call(by: Stage.stranger))
        },
        Provocation("too-many-attempts") {
            let stage = try Stage()
            for _ in 0..<20 { _ = try stage.exchange(stage.call(by: Stage.stranger)) }
            return try stage.exchange(stage.call())
        },
    ]

    private static let ofGrants: [Provocation] = [
        Provocation("grant-invalid") {
            let stage = try Stage()
            let passedOn = stage.grant().passed(
                on: .init(holder: Stage.stranger.publicKey, scope: [.init("led")]), holder: Stage.holder)
            return try stage.exchange(stage.call(by: Stage.stranger, grant: passedOn))
        },
        Provocation("not-yet-valid") {
            let stage = try Stage()
            _ = try stage.tellTime()
            return try stage.underGrant(stage.grant { $0.notBefore = 2_000_000_100 })
        },
        Provocation("grant-revoked") {
            let stage = try Stage()
            let grant = stage.grant()
            _ = try stage.exchange(.revoke(stage.heading(), grant: grant.id, owner: Stage.owner))
            _ = try stage.underGrant(grant)
            return try stage.underGrant(grant)
        },
        Provocation("grant-used-up") {
            let stage = try Stage()
            let grant = stage.grant { $0.uses = 1 }
            for _ in 0..<2 { _ = try stage.underGrant(grant) }
            return try stage.underGrant(grant)
        },
        Provocation("not-in-scope") {
            let stage = try Stage()
            let grant = stage.grant()
            _ = try stage.underGrant(grant, "$('gauge').set(1)")
            return try stage.underGrant(grant, "$('gauge').set(1)")
        },
        Provocation("grant-slots-full", isSigned: true) {
            let stage = try Stage()
            for salt in UInt8(2)..<10 { _ = try stage.underGrant(stage.grant(salt: salt)) }
            return try stage.underGrant(stage.grant())
        },
        Provocation("log-full") {
            let stage = try Stage()
            let grant = stage.grant()
            var last = try stage.underGrant(grant)
            for _ in 0..<400 where last.answer.code == .changed { last = try stage.underGrant(grant) }
            return last
        },
    ]

    private static let ofOwnership: [Provocation] = [
        Provocation("forbidden") {
            let stage = try Stage()
            return try stage.exchange(.recover(stage.heading(), to: Stage.buyer.publicKey, recovery: Stage.recovery))
        },
        Provocation("owner-alive", isSigned: true) {
            let stage = try Stage()
            let backup = Backup(key: Stage.backup.publicKey, silence: 60)
            _ = try stage.exchange(.backups(stage.heading(), [backup], owner: Stage.owner))
            return try stage.exchange(
                .takeover(stage.heading(), token: stage.token(for: Stage.backup), backup: Stage.backup))
        },
        Provocation("consent-required", isSigned: true) {
            let stage = try Stage(recovery: Stage.recovery.publicKey)
            return try stage.exchange(stage.transfer(resultingIn: Authorities(owner: Stage.buyer.publicKey)))
        },
        Provocation("consent-invalid", isSigned: true) {
            let stage = try Stage()
            let other = Authorities(owner: Stage.buyer.publicKey, recovery: Stage.recovery.publicKey)
            return try stage.exchange(stage.transfer(resultingIn: other))
        },
        Provocation("presence-required", isSigned: true) {
            let stage = try Stage()
            return try stage.exchange(.settings(stage.heading(), forbidsReset: true, owner: Stage.owner))
        },
        Provocation("key-invalid", isSigned: true) {
            let stage = try Stage()
            let ofSmallOrder = CBORItem.array([.array([.bytes([1] + [UInt8](repeating: 0, count: 31)), .uint(60)])])
            return try stage.exchange(.make(.backups, stage.heading(), node: [13: ofSmallOrder], key: Stage.owner))
        },
    ]

    /// Of requests that are no messages.
    private static let ofRequests: [Provocation] = [
        Provocation("malformed") { Exchange(answer: try Stage().ask(.post, "command", payload: [1])) },
        Provocation("not-found") { Exchange(answer: try Stage().ask(.get, "nothing")) },
        Provocation("method-not-allowed") { Exchange(answer: try Stage().ask(.put, "status", payload: [1])) },
        Provocation("too-large") {
            let firstOfMore = (CoAPOptionNumber.block1, UInt32(8 | 6))
            return Exchange(answer: try Stage().ask(.post, "command", options: [firstOfMore], payload: [1]))
        },
        Provocation("bad-option") { Exchange(answer: try Stage().ask(.get, "status", options: [(9, 0)])) },
        Provocation("not-acceptable") {
            Exchange(answer: try Stage().ask(.get, "status", options: [(CoAPOptionNumber.accept, 18)]))
        },
        Provocation("unsupported-format") {
            Exchange(answer: try Stage().ask(.post, "command", options: [(CoAPOptionNumber.contentFormat, 0)], payload: [1]))
        },
    ]

    /// Of nodes that something is wrong with.
    private static let ofNodes: [Provocation] = [
        Provocation("no-entropy") {
            let stage = try Stage(isTrueRandom: false, isProvisioned: false)
            let request = CBORItem.map([0: .bytes(Stage.claim.publicKey.bytes), 2: .uint(Stage.network)])
            return Exchange(answer: try stage.ask(.post, "provision", payload: request.encoded))
        },
        Provocation("store-failed") {
            let stage = try Stage()
            stage.flash.powerUp(.cut(at: 0))
            return try stage.exchange(stage.call())
        },
        Provocation("damaged") {
            let stage = try Stage()
            let whole = stage.flash.snapshot
            // Two bits of one word, in each word until one is of a record that the node cannot do without.
            for word in 0..<stage.flash.bytes.count / 4 where stage.condition != .damaged {
                stage.flash.restore(whole)
                for bit in [1, 22] { stage.flash.flip(bit: word * 32 + bit) }
                stage.restart()
            }
            return try stage.exchange(stage.call())
        },
    ]

    // MARK: Outcomes

    /// An outcome of the table, and a message that comes by it.
    static let outcomes: [Provocation] = [
        Provocation("done") {
            let stage = try Stage()
            return try stage.exchange(stage.call())
        },
        Provocation("no-such-device", call: "$('none').on()"),
        Provocation("no-such-method", call: "$('led').open()"),
        Provocation("bad-argument", call: "$('gauge').set()"),
        Provocation("out-of-range", call: "$('gauge').set(101)"),
        Provocation("device-fault", call: "$('gauge').set(1)"),
        Provocation("not-in-scope") {
            let stage = try Stage()
            return try stage.underGrant(stage.grant(), "$('gauge').set(1)")
        },
        Provocation("grant-revoked") {
            let stage = try Stage()
            _ = try stage.exchange(.revoke(stage.heading(), grant: stage.grant().id, owner: Stage.owner))
            return try stage.underGrant(stage.grant())
        },
        Provocation("grant-used-up") {
            let stage = try Stage()
            let grant = stage.grant { $0.meter = .init(tick: 60, ticks: 3) }
            return try stage.underGrant(grant)
        },
        Provocation("time-held") {
            let stage = try Stage()
            _ = try stage.tellTime()
            _ = try stage.underGrant(stage.grant { $0.expires = 2_000_001_000 })
            return try stage.tellTime(1_999_000_000)
        },
        Provocation("time-kept") {
            let stage = try Stage()
            return try stage.exchange(.time(stage.heading(), seconds: 2_000_000_000, token: nil, owner: Stage.owner))
        },
        Provocation("unknown") {
            // The power fails at each operation of the flash in turn, until only the intent is there.
            for operation in 0..<100 {
                let stage = try Stage()
                let message = try stage.call()
                stage.flash.powerUp(.cut(at: operation))
                _ = try stage.exchange(message)
                stage.flash.powerUp()
                stage.restart()
                let history = try stage.ask(.get, "history", query: "from=1")
                if !history.payload.isEmpty { return Exchange(message: message, answer: history) }
            }
            throw CoAPError.truncated
        },
    ]
}
