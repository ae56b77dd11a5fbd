// Why a message was refused: a stable code and name for programs.

import Bytes
import DeviceModel

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
    case notAcceptable = 27
    case unsupportedFormat = 28

    /// The stable name that programs match on (RFC 9290 `title`). What to do about it, the host says in the user's language: two
    /// kilobytes of sentences are better kept there.
    public var name: FlashText { Refusal.names.part(Int(rawValue) &- 1, of: UInt8(ascii: " ")) ?? Refusal.names }

    /// By code, from 1 on. One text, because a table of strings takes twelve bytes of code for each.
    private static var names: FlashText {
        @export(interface) get {
            FlashText(
                """
                malformed wrong-address wrong-epoch wrong-state replayed expired time-unknown token-required token-invalid \
                bad-signature too-many-attempts damaged store-failed no-entropy grant-invalid grant-revoked grant-used-up \
                grant-slots-full not-yet-valid forbidden owner-alive not-found method-not-allowed too-large bad-option \
                superseded not-acceptable unsupported-format
                """)
        }
    }
}
