// A message as the model sees it: who signed it is a fact here, not something to verify.

import LightNode
import Vocabulary

@testable import HostCrypto
@testable import NodeProtocol

/// What a grant says.
struct Terms: Equatable {
    /// The first 8 bytes of its signature, little-endian.
    var id: UInt64 = 0
    var epoch: UInt32
    /// Whose it is, a number of `Walk.keys`.
    var holder: Int
    var scope: Set<Int>
    // 0 where nothing is said.
    var uses = 0
    var tick: UInt64 = 0
    var ticks: UInt16 = 0
    var hops = 0
    var notBefore: UInt64 = 0
    var expires: UInt64 = 0
}

/// A grant of the walk, with all that it was derived from.
struct Lending {
    let grant: Grant
    /// Its own terms first, those that the owner signed last.
    let chain: [Terms]
    var holder: Int { chain[0].holder }
}

struct Letter {
    enum Kind: Equatable {
        case command, state, bind, release, transfer, rotate, recover, backups, takeover, revoke, tick, time, settings
        var raisesEpoch: Bool {
            switch self {
            case .bind, .release, .transfer, .rotate, .recover, .takeover: true
            default: false
            }
        }
    }
    var kind: Kind
    var signer: Int
    var epoch: UInt32
    var seq: UInt64
    var device = 0
    /// led: 0 off, 1 on, 2 toggle; gauge: the level, above 100 out of its range; lock: 1 open.
    var action: Int32 = 0
    var token: [UInt8]?
    /// To whom the token was given, when in microseconds of uptime, and in which boot.
    var tokenHolder = -1
    var tokenIssued: UInt64 = 0
    var tokenBoot = 0
    /// The time as it says.
    var time: UInt64?
    var expires: UInt64?
    /// The grants that it brings along, its signer's first.
    var chain: [Terms] = []
    /// The grant that it names, for the owner's messages about one.
    var named: UInt64 = 0
    var heir = 0
    /// The recovery key that it brings along.
    var recovery: Int?
    /// What the acceptance and the consent in it say comes of it.
    var result: Authorities?
    /// The owner as the acceptance in it has it.
    var counterparty: Int?
    /// Whose consent it has.
    var consent: Int?
    var deputies: [Deputy] = []
    var paid: UInt16 = 0
    var forbids = false
    var message: SignedMessage

    // What the node does not know, and the invariants do.

    /// The true time when it was signed.
    var signedAt: UInt64 = 0
    /// The true time when its token was given.
    var tokenGivenAt: UInt64 = 0
    /// The epoch in which it was signed, whatever it says.
    var signedIn: UInt32 = 0

    var isCall: Bool { kind == .command || kind == .state }
}

/// A backup of the owner.
struct Deputy: Equatable {
    var key: Int
    var silence: UInt32
}
