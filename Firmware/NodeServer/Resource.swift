// The node's resources: path, method, format. docs/protocol.md, "Resources".

import Bytes
import CoAP
import DeviceModel
import LightNode

/// The node's refusal of a message, not a device's refusal of a call.
public typealias Refusal = LightNode.Refusal

/// What a request asks for: a number, by which everything about it is looked up.
struct Resource: Equatable {
    let number: UInt8

    /// Up to here a signed message of the type with this number. They come first, as commands are what must be answered soon.
    private static var messageCount: UInt8 { MessageType.time.rawValue + 1 }

    static var status: Resource { Resource(number: messageCount) }
    static var devices: Resource { Resource(number: messageCount + 1) }
    static var token: Resource { Resource(number: messageCount + 2) }
    static var history: Resource { Resource(number: messageCount + 3) }
    static var provision: Resource { Resource(number: messageCount + 4) }
    static var attest: Resource { Resource(number: messageCount + 5) }
    static var events: Resource { Resource(number: messageCount + 6) }
    /// The last: it lists those before it.
    static var links: Resource { Resource(number: messageCount + 7) }
    private static var names: FlashText {
        @export(interface) get { FlashText("status devices token history provision attest events .well-known/core") }
    }

    /// From here on the state of the device with this index.
    private static var firstDevice: UInt8 { 64 }

    init(number: UInt8) { self.number = number }
    init(device: UInt8) { number = Resource.firstDevice &+ device }

    /// The device whose state it is.
    var device: UInt8? { number < Resource.firstDevice ? nil : number &- Resource.firstDevice }
    /// True when a client may ask to be told of every change (RFC 7641).
    var isObservable: Bool { self == .events || device != nil }

    /// The resource that a request's path names.
    @inline(never)
    init(_ request: borrowing CoAPMessage) throws(Refusal) {
        for number in 0...Resource.links.number where request.hasPath(Resource(number: number).path.bytes) {
            self.number = number
            return
        }
        throw .notFound
    }

    /// The type of the signed message that it takes.
    var message: MessageType? {
        number < Resource.messageCount ? MessageType(rawValue: number) : nil
    }

    var path: FlashText {
        @inline(never) get {
            if let message { return message.name }
            return Resource.names.part(Int(number &- Resource.messageCount), of: UInt8(ascii: " ")) ?? Resource.names
        }
    }

    var method: CoAPCode { self == .provision || self == .attest || message != nil ? .post : .get }

    /// Content-Format of the answer.
    var format: UInt16 {
        @inline(never) get {
            switch self {
            case .links: CoAPContentFormat.linkFormat
            case .status, .devices, .provision: CoAPContentFormat.cbor
            case .token: CoAPContentFormat.octetStream
            case .history: CoAPContentFormat.cborSequence
            default: device == nil ? CoAPContentFormat.coseSign1 : CoAPContentFormat.cbor
            }
        }
    }

    /// Content-Format of the request's payload; nil when it has none.
    var requestFormat: UInt16? {
        if method == .get { return nil }
        return message == nil ? CoAPContentFormat.cbor : CoAPContentFormat.coseSign1
    }

    /// Code of a good answer.
    var success: CoAPCode { self == .provision ? .created : message == nil ? .content : .changed }
}

extension Refusal {
    /// The response code that says it best to a client that knows only CoAP.
    var code: CoAPCode {
        switch self {
        case .malformed: .badRequest
        case .badSignature: .unauthorized
        case .badOption: .badOption
        case .wrongAddress, .wrongEpoch, .forbidden, .tokenRequired, .tokenInvalid, .expired, .timeUnknown, .notYetValid,
            .grantInvalid,
            .grantRevoked, .grantUsedUp, .ownerAlive:
            .forbidden
        case .notFound: .notFound
        case .methodNotAllowed: .methodNotAllowed
        case .notAcceptable: .notAcceptable
        case .unsupportedFormat: .unsupportedContentFormat
        case .wrongState, .replayed, .superseded: .conflict
        case .tooLarge: .requestEntityTooLarge
        case .tooManyAttempts: .tooManyRequests
        case .damaged, .storeFailed, .noEntropy, .grantSlotsFull: .internalServerError
        }
    }
}
