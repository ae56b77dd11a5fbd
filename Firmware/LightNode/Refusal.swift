// Why a message was refused: a stable code and name for programs, a sentence for people.

/// A refusal before anything was recorded or executed. The raw value is the code on the wire (protocol.cddl, `problem`).
public enum Refusal: UInt8, Error, Sendable {
    case malformed = 1
    case wrongAddress = 2
    case wrongEpoch = 3
    case wrongState = 4
    case replayed = 5
    case expired = 6
    case timeUnknown = 7
    case tokenRequired = 8
    case tokenInvalid = 9
    case badSignature = 10
    case tooManyAttempts = 11
    case damaged = 12
    case storeFailed = 13
    case noEntropy = 14
    case grantInvalid = 15
    case grantRevoked = 16
    case grantUsedUp = 17
    case grantSlotsFull = 18
    case notYetValid = 19
    case forbidden = 20
    case ownerAlive = 21
    case notFound = 22
    case methodNotAllowed = 23
    case tooLarge = 24
    case badOption = 25
    case superseded = 26

    /// The stable name that programs match on (RFC 9290 `title`).
    public var name: StaticString {
        switch self {
        case .malformed: "malformed"
        case .wrongAddress: "wrong-address"
        case .wrongEpoch: "wrong-epoch"
        case .wrongState: "wrong-state"
        case .replayed: "replayed"
        case .expired: "expired"
        case .timeUnknown: "time-unknown"
        case .tokenRequired: "token-required"
        case .tokenInvalid: "token-invalid"
        case .badSignature: "bad-signature"
        case .tooManyAttempts: "too-many-attempts"
        case .damaged: "damaged"
        case .storeFailed: "store-failed"
        case .noEntropy: "no-entropy"
        case .grantInvalid: "grant-invalid"
        case .grantRevoked: "grant-revoked"
        case .grantUsedUp: "grant-used-up"
        case .grantSlotsFull: "grant-slots-full"
        case .notYetValid: "not-yet-valid"
        case .forbidden: "forbidden"
        case .ownerAlive: "owner-alive"
        case .notFound: "not-found"
        case .methodNotAllowed: "method-not-allowed"
        case .tooLarge: "too-large"
        case .badOption: "bad-option"
        case .superseded: "superseded"
        }
    }

    /// What happened and what to do, in one sentence (RFC 9290 `detail`).
    public var detail: StaticString {
        switch self {
        case .malformed: "not a message of this protocol in deterministic CBOR: see protocol.cddl"
        case .wrongAddress: "addressed to another device: check the address"
        case .wrongEpoch: "signed in another ownership epoch: read /status and sign again"
        case .wrongState: "not possible in the state that /status shows"
        case .replayed: "its sequence number is not above the recorded high-water mark: sign a new message"
        case .expired: "its time is over: sign a new message"
        case .timeUnknown: "it has a time limit and this device does not know the time: send a signed time first"
        case .tokenRequired: "this device demands freshness: read /token and sign again with it"
        case .tokenInvalid: "its token was used, replaced or lost in a reset: read /token and sign again"
        case .badSignature: "its signature is not of the key that may send it"
        case .tooManyAttempts: "too many bad signatures: wait and try again"
        case .damaged: "a record that this needs cannot be read: see /status"
        case .storeFailed: "the flash did not take the record, so nothing was done: see /status"
        case .noEntropy: "this device has no true random generator: provision it with an injected identity"
        case .grantInvalid: "its grant does not hold for this device, owner or holder"
        case .grantRevoked: "its grant was revoked"
        case .grantUsedUp: "its grant has no uses or paid ticks left"
        case .grantSlotsFull: "this device tracks no more grants: rotate the owner key to start afresh"
        case .notYetValid: "its time has not come"
        case .forbidden: "the owner has forbidden this"
        case .ownerAlive: "the owner has been heard within the agreed silence"
        case .notFound: "no such resource: see /.well-known/core"
        case .methodNotAllowed: "this resource does not take that method: see /.well-known/core"
        case .tooLarge: "longer than this device takes"
        case .badOption: "a critical CoAP option that this device does not know"
        case .superseded: "a newer desired state is in force"
        }
    }
}
