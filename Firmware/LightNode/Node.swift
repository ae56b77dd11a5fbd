// The executor: one node's identity, owner, replay protection and log, and what it does with a message.
//
// It knows neither transports nor chips. A message goes through three stages: admission (Admission.swift), the transaction around it
// (Transaction.swift), and its action (Actions). It is refused before anything was recorded, or executed and answered by a signed receipt.

import Bytes
import CBOR
import COSE
import DeviceModel
import Ed25519
import FlashStore
import HAL
import Vocabulary

/// One node over its flash, its board's devices and its platform. After `init` it is used from the main loop alone.
public struct Node<Flash: NORFlash & ~Copyable, Table: DeviceTable, Board: Platform & ~Copyable>: ~Copyable {
    private let inMemory = InMemory()
    var memory: Memory<Flash>
    /// The board's devices. A call that goes to them directly is neither checked against rights nor logged.
    public var devices: Table
    /// Time, random bytes and facts of the board.
    public var platform: Board

    /// Where the node is in its life: what it accepts depends on it.
    public internal(set) var condition = Condition.blank
    var identity = Identity()
    var ownership = Ownership()
    var watermarks = Watermarks()
    var time = TrustedTime()
    var freshness = Freshness()
    var attempts = AttemptBudget()
    /// Uptime in microseconds of the last message that the owner signed: backups count silence from it.
    var ownerHeard: UInt64 = 0
    /// Whether a person is at the node's button.
    var presence = Presence()
    /// Uptime in microseconds at which this epoch began; nil when that was before the last power-on.
    var epochBegan: UInt64?
    /// Uptime in microseconds at which one owner's node became another's, or another key's; nil when that was before the last power-on.
    var handedOn: UInt64?
    /// What happened in devices of late.
    var samples = SampleWindow()
    /// Slots of the grants in use.
    var grants = GrantTable()
    /// Uptime in microseconds from which on counts are saved again.
    var nextCounts: UInt64 = 0
    /// Length of the signed refusal that the last `handle` has written; 0 when it has not.
    public private(set) var refusalCount = 0
    /// The owner's key as of the last `poll` or message; last, as it is large.
    var ownerKey = KnownPublicKey()

    /// Takes over the parts and reads the flash. After a power cut this also completes what the cut interrupted.
    public init(flash: consuming Flash, devices: Table, platform: consuming Board) {
        self.init(unread: flash, devices: devices, platform: platform)
        boot()
    }

    /// Takes over the parts; `boot` comes next. In an image the node is read where it stays: its address is then a constant in all its code.
    @inline(never)
    public init(unread flash: consuming Flash, devices: Table, platform: consuming Board) {
        memory = Memory(flash)
        self.devices = devices
        self.platform = platform
    }

    /// The address, once provisioned.
    public var address: Address { identity.address }
    /// Number of the ownership: 0 at first, one more at every change of it. Messages of another epoch are refused.
    public var epoch: UInt32 { ownership.epoch }

    /// Executes a signed message that came over `wire` and writes the receipt to `reply`.
    ///
    /// - Returns: the length of the receipt in bytes.
    /// - Throws: why it was refused; nothing was then recorded or executed. When the sender was known by then, the refusal is signed: `reply`
    ///   begins with `refusalCount` bytes of it.
    @inline(never)
    public mutating func handle(
        _ type: MessageType, _ bytes: RawSpan, wire: WireNumber = .serial, reply: inout MutableSpan<UInt8>
    ) throws(Refusal) -> Int {
        refusalCount = 0
        guard type.isRequest else { throw .malformed }
        let message = try Message(bytes, type: type)
        var admission = Admission()
        do throws(Refusal) {
            try admit(message, wire, &admission)
            let count =
                message.type.isCall
                ? try call(message, &admission, reply: &reply) : try administer(message, &admission, reply: &reply)
            attempts.refund()
            return count
        } catch {
            if admission.isSenderKnown, condition != .damaged {
                refusalCount = (try? writeRefusal(error, message, admission.hash, reply: &reply)) ?? 0
            }
            throw error
        }
    }
}
