// The types of signed messages (docs/protocol.md); the type is part of what every signature covers.
import COSE

/// What a signed message is for. Its name is the resource that takes it.
public enum MessageType: String, Codable, CaseIterable, Sendable {
    case bind, command, state, release, transfer, rotate, recover, backups, takeover, revoke, tick, time
    /// Inside other messages.
    case accept, grant
    /// From the device.
    case receipt, attest, telemetry

    /// What a signature of a message of this type covers besides the payload.
    func context(network: UInt64) -> COSEContext { COSEContext(network: network, type: name) }

    private var name: StaticString {
        switch self {
        case .bind: "bind"
        case .command: "command"
        case .state: "state"
        case .release: "release"
        case .transfer: "transfer"
        case .rotate: "rotate"
        case .recover: "recover"
        case .backups: "backups"
        case .takeover: "takeover"
        case .revoke: "revoke"
        case .tick: "tick"
        case .time: "time"
        case .accept: "accept"
        case .grant: "grant"
        case .receipt: "receipt"
        case .attest: "attest"
        case .telemetry: "telemetry"
        }
    }
}
