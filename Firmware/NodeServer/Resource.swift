// The node's resources: path, method, format. docs/protocol.md, "Resources".

import CoAP
import LightNode

/// The node's refusal of a message, not a device's refusal of a call.
public typealias Refusal = LightNode.Refusal

/// What a request asks for.
enum Resource {
    case links
    case status
    case devices
    case token
    case history
    case provision
    case attest
    /// A signed message of this type.
    case message(MessageType)

    /// The resource that a request's path names.
    init(_ request: borrowing CoAPMessage) throws(Refusal) {
        if request.hasPath(".well-known/core") {
            self = .links
        } else if request.hasPath("status") {
            self = .status
        } else if request.hasPath("devices") {
            self = .devices
        } else if request.hasPath("token") {
            self = .token
        } else if request.hasPath("history") {
            self = .history
        } else if request.hasPath("provision") {
            self = .provision
        } else if request.hasPath("attest") {
            self = .attest
        } else {
            for number in 0...MessageType.time.rawValue {
                if let type = MessageType(rawValue: number), request.hasPath(type.name) {
                    self = .message(type)
                    return
                }
            }
            throw .notFound
        }
    }

    var method: CoAPCode {
        switch self {
        case .links, .status, .devices, .token, .history: .get
        case .provision, .attest, .message: .post
        }
    }

    /// Content-Format of the answer.
    var format: UInt16 {
        switch self {
        case .links: CoAPContentFormat.linkFormat
        case .status, .devices, .provision: CoAPContentFormat.cbor
        case .token: CoAPContentFormat.octetStream
        case .history: CoAPContentFormat.cborSequence
        case .attest, .message: CoAPContentFormat.coseSign1
        }
    }

    /// Content-Format of the request's payload; nil when it has none.
    var requestFormat: UInt16? {
        switch self {
        case .links, .status, .devices, .token, .history: nil
        case .provision, .attest: CoAPContentFormat.cbor
        case .message: CoAPContentFormat.coseSign1
        }
    }

    /// Code of a good answer.
    var success: CoAPCode {
        switch self {
        case .links, .status, .devices, .token, .history, .attest: .content
        case .provision: .created
        case .message: .changed
        }
    }
}

extension Refusal {
    /// The response code that says it best to a client that knows only CoAP.
    var code: CoAPCode {
        switch self {
        case .malformed: .badRequest
        case .badSignature: .unauthorized
        case .badOption: .badOption
        case .wrongAddress, .wrongEpoch, .forbidden, .tokenRequired, .tokenInvalid, .expired, .timeUnknown, .notYetValid, .grantInvalid,
            .grantRevoked, .grantUsedUp, .ownerAlive:
            .forbidden
        case .notFound: .notFound
        case .methodNotAllowed: .methodNotAllowed
        case .wrongState, .replayed, .superseded: .conflict
        case .tooLarge: .requestEntityTooLarge
        case .tooManyAttempts: .tooManyRequests
        case .damaged, .storeFailed, .noEntropy, .grantSlotsFull: .internalServerError
        }
    }
}
