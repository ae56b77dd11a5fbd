// A device's "no" before it did anything: RFC 9290 problem details with a stable reason.

/// Why a device refused a message. Nothing was executed or recorded.
public struct Refusal: Error, Hashable, Codable, Sendable {
    /// The stable name that programs match on, such as "replayed".
    public let reason: String
    /// What it means, in one sentence: the device's own, or ours for a device that saves the flash.
    public let detail: String
    /// The code on the wire, if it sent one.
    public let code: UInt64?

    public init(reason: String, detail: String, code: UInt64? = nil) {
        self.reason = reason
        self.detail = detail
        self.code = code
    }

    /// Reads an answer's body; nil if it is no problem details.
    public init?(problemDetails body: [UInt8]) {
        guard let item = try? CBORItem(body), let title = item[-1]?.text else { return nil }
        self.init(
            reason: title, detail: item[-2]?.text ?? Self.meaning[title] ?? "", code: item["tag:lightnode,2026:refusal"]?[0]?.uint
        )
    }

    private static let meaning = [
        "malformed": "not a message of this protocol in deterministic CBOR: see protocol.cddl",
        "wrong-address": "addressed to another device: check the address",
        "wrong-epoch": "signed in another ownership epoch: read /status and sign again",
        "wrong-state": "not possible in the state that /status shows",
        "replayed": "its sequence number is not above the recorded high-water mark: sign a new message",
        "expired": "its time is over: sign a new message",
        "time-unknown": "it has a time limit and this device does not know the time: send a signed time first",
        "token-required": "this device demands freshness: read /token and sign again with it",
        "token-invalid": "its token was used, replaced or lost in a reset: read /token and sign again",
        "bad-signature": "its signature is not of the key that may send it",
        "too-many-attempts": "too many bad signatures: wait and try again",
        "damaged": "a record that this needs cannot be read: see /status",
        "store-failed": "the flash did not take the record, so nothing was done: see /status",
        "no-entropy": "this device has no true random generator: provision it with an injected identity",
        "grant-invalid": "its grant does not hold for this device, owner or holder",
        "grant-revoked": "its grant was revoked",
        "grant-used-up": "its grant has no uses or paid ticks left",
        "grant-slots-full": "this device tracks no more grants: rotate the owner key to start afresh",
        "not-yet-valid": "its time has not come",
        "forbidden": "the owner has forbidden this",
        "owner-alive": "the owner has been heard within the agreed silence",
        "not-found": "no such resource: see /.well-known/core",
        "method-not-allowed": "this resource does not take that method: see /.well-known/core",
        "too-large": "longer than this device takes",
        "bad-option": "a critical CoAP option that this device does not know",
        "superseded": "a newer desired state is in force",
    ]

    /// What to do next, in one sentence.
    public var advice: String { Self.advice[reason] ?? "Look at the device with “lightnode status”" }

    private static let advice = [
        "malformed": "Check that the firmware and lightnode belong to the same release",
        "wrong-address": "The message is for another device: check --device",
        "wrong-epoch": "The device has changed hands since this was signed: sign a new message",
        "wrong-state":
            "“lightnode status” shows the state: a blank device needs “provision”, an unowned one “bind”, and an owned one obeys only its owner",
        "replayed":
            "The device has taken this message or a newer one already: send a new one, and check this computer's clock if that is refused as well",
        "expired": "Sign a new message; check this computer's clock",
        "time-unknown": "Send the message without a time limit, or send the device a signed time first",
        "token-required": "Send it with a fresh token (--fresh)",
        "token-invalid": "Send it again with a new token (--fresh)",
        "bad-signature":
            "The device has another owner: use that owner's key with --key; for “bind”, use the label that came with this very device",
        "too-many-attempts": "Wait a minute, then try again",
        "damaged": "“lightnode status” lists the damaged records",
        "store-failed": "The device's flash may be worn out: look at “lightnode status”",
        "no-entropy": "Provision this board with --inject-identity: it has no true random generator",
        "forbidden": "The owner has switched this off",
        "not-found": "The firmware lacks this: check that it and lightnode belong to the same release",
        "method-not-allowed": "The firmware lacks this: check that it and lightnode belong to the same release",
        "grant-invalid": "Ask the device's owner for a new grant",
        "grant-revoked": "Ask the device's owner for a new grant",
        "grant-used-up": "Ask the device's owner for a new grant, or to renew this one",
        "grant-slots-full": "The owner can revoke grants, or rotate its key to start afresh",
        "not-yet-valid": "Wait until it is valid; check this computer's clock",
        "owner-alive": "Wait until the owner has been silent for the agreed time",
        "bad-option": "Check that the firmware and lightnode belong to the same release",
        "too-large": "Use shorter names or arguments",
        "superseded": "A newer desired state is in force already; nothing needs to be done",
    ]
}

extension Refusal: CustomStringConvertible {
    public var description: String { "\(reason)\(detail.isEmpty ? "" : ": \(detail)")" }
}
