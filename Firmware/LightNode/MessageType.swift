// The types of signed messages, and which claims each must and may carry (docs/protocol.cddl).

import Bytes
import DeviceModel

public enum MessageType: UInt8, CaseIterable, Sendable {
    case command = 0
    case state = 1
    case bind = 2
    case release = 3
    case transfer = 4
    case rotate = 5
    case recover = 6
    case backups = 7
    case takeover = 8
    case revoke = 9
    case tick = 10
    case time = 11
    /// Never sent by themselves: `accept` and `grant` travel inside others, `receipt`, `attest` and `telemetry` come from the device.
    case accept = 12
    case grant = 13
    case receipt = 14
    case attest = 15
    case telemetry = 16

    /// The type's name in `external_aad`, and the path that takes it.
    public var name: FlashText { MessageType.names.part(Int(rawValue), of: UInt8(ascii: " ")) ?? MessageType.names }

    private static var names: FlashText {
        @export(interface) get {
            FlashText(
                "command state bind release transfer rotate recover backups takeover revoke tick time accept grant receipt attest telemetry"
            )
        }
    }

    /// True for those that a device takes as a request.
    public var isRequest: Bool { rawValue <= MessageType.time.rawValue }

    /// True for the changes of ownership.
    var raisesEpoch: Bool {
        switch self {
        case .bind, .release, .transfer, .rotate, .recover, .takeover: true
        default: false
        }
    }

    var shape: ClaimShape {
        switch self {
        case .command, .state:
            ClaimShape(
                cwt: [.audience], cwtOptional: [.expiry, .issuedAt], node: [.epoch, .seq, .call], nodeOptional: [.token, .nested])
        case .bind:
            ClaimShape(cwt: [.audience, .confirmation], node: [.epoch, .seq], nodeOptional: [.recoveryKey, .flags])
        case .release:
            ClaimShape(cwt: [.audience], node: [.epoch, .seq])
        case .transfer, .rotate:
            ClaimShape(cwt: [.audience, .confirmation], node: [.epoch, .seq, .nested])
        case .recover, .takeover:
            ClaimShape(cwt: [.audience, .confirmation], node: [.epoch, .seq])
        case .backups:
            ClaimShape(cwt: [.audience], node: [.epoch, .seq, .backups])
        case .revoke:
            ClaimShape(cwt: [.audience], node: [.epoch, .seq, .grantID])
        case .tick:
            ClaimShape(cwt: [.audience], node: [.epoch, .seq, .grantID, .paid])
        case .time:
            ClaimShape(cwt: [.audience, .issuedAt], node: [.epoch, .seq], nodeOptional: [.token])
        case .accept:
            ClaimShape(cwt: [.audience, .confirmation], node: [.epoch])
        case .grant:
            ClaimShape(
                cwt: [.audience, .confirmation], cwtOptional: [.expiry, .notBefore, .tokenID], node: [.epoch, .scope],
                nodeOptional: [.nested, .uses, .hops, .contract, .meter])
        case .receipt, .attest, .telemetry:
            ClaimShape(cwt: [.issuer], node: [.epoch])
        }
    }
}

/// CWT claim keys (RFC 8392, section 4; RFC 8747, section 3.1) as a set: claim n is bit n.
struct CWTClaims: OptionSet {
    var rawValue: UInt16
    static var issuer: Self { Self(rawValue: 1 << 1) }
    static var audience: Self { Self(rawValue: 1 << 3) }
    static var expiry: Self { Self(rawValue: 1 << 4) }
    static var notBefore: Self { Self(rawValue: 1 << 5) }
    static var issuedAt: Self { Self(rawValue: 1 << 6) }
    static var tokenID: Self { Self(rawValue: 1 << 7) }
    static var confirmation: Self { Self(rawValue: 1 << 8) }
}

/// Keys of the private claim -65537 as a set: key n is bit n.
struct NodeClaims: OptionSet {
    var rawValue: UInt32
    static var epoch: Self { Self(rawValue: 1 << 0) }
    static var seq: Self { Self(rawValue: 1 << 1) }
    static var call: Self { Self(rawValue: 1 << 2) }
    static var token: Self { Self(rawValue: 1 << 3) }
    static var nested: Self { Self(rawValue: 1 << 4) }
    static var recoveryKey: Self { Self(rawValue: 1 << 11) }
    static var flags: Self { Self(rawValue: 1 << 12) }
    static var backups: Self { Self(rawValue: 1 << 13) }
    static var scope: Self { Self(rawValue: 1 << 14) }
    static var uses: Self { Self(rawValue: 1 << 15) }
    static var hops: Self { Self(rawValue: 1 << 16) }
    static var contract: Self { Self(rawValue: 1 << 17) }
    static var meter: Self { Self(rawValue: 1 << 18) }
    static var grantID: Self { Self(rawValue: 1 << 19) }
    static var paid: Self { Self(rawValue: 1 << 20) }
}

/// Which claims a message type must and may carry. Anything else in a message makes it malformed.
struct ClaimShape {
    var cwt: CWTClaims
    var cwtOptional: CWTClaims = []
    var node: NodeClaims
    var nodeOptional: NodeClaims = []
}
