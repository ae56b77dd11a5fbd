// Faults: what can go wrong on a cable, as options of the virtual host controller.

/// A fault that happens once, some packets or transfers after it was armed.
public struct BusFault: Hashable, Sendable {
    /// What goes wrong, and at which end it shows.
    public enum Kind: Hashable, Sendable {
        /// The cable is pulled: before the device sees the packet, or after it has seen it but before the host sees the answer.
        case unplug(deviceSawPacket: Bool)
        /// The host sees STALL instead of sending the packet.
        case stall
        /// The host sees more bytes than the endpoint's packets may have.
        case babble
        /// The host sees NAK so many times in a row.
        case nak(times: Int)
        /// The handshake is lost: the device's answer to OUT and SETUP, the host's to IN.
        case lostHandshake
    }

    /// When it happens; counted from 1 at the time of arming. The first occasion at or after that moment is taken.
    public enum Moment: Hashable, Sendable {
        /// The transaction of that number: one SETUP, OUT or IN with its answer.
        case transaction(Int)
        /// The first transaction of the transfer of that number.
        case transfer(Int)
    }

    /// What goes wrong when the moment has come.
    public var kind: Kind
    /// Counted among the transactions or transfers of `endpoint` alone, when that is given.
    public var moment: Moment
    /// Counts and strikes only this endpoint (bEndpointAddress); nil: all.
    public var endpoint: UInt8?

    /// Does nothing by itself: `VirtualHostController.inject` arms it.
    public init(_ kind: Kind, at moment: Moment, endpoint: UInt8? = nil) {
        self.kind = kind
        self.moment = moment
        self.endpoint = endpoint
    }
}

/// A fault that waits for its moment.
struct ArmedFault {
    var fault: BusFault
    var transactions = 0
    var transfers = 0

    init(_ fault: BusFault) { self.fault = fault }

    /// Counts a transaction that is about to begin; true when the moment has come.
    mutating func counts(endpoint: UInt8, isFirstOfTransfer: Bool) -> Bool {
        if let only = fault.endpoint, only != endpoint { return false }
        transactions += 1
        if isFirstOfTransfer { transfers += 1 }
        return switch fault.moment {
        case .transaction(let number): transactions >= number
        case .transfer(let number): transfers >= number
        }
    }
}

/// Something that a device did against the specification.
public struct Violation: Hashable, Sendable, Codable, CustomStringConvertible {
    /// Number of the transaction since power on, from 1.
    public let transaction: Int
    /// bEndpointAddress.
    public let endpoint: UInt8
    /// What it did and what it had to do, with the section.
    public let text: String

    public var description: String { "transaction \(transaction), endpoint 0x\(hex(endpoint)): \(text)" }
}

/// Two or four digits.
func hex(_ value: some FixedWidthInteger & UnsignedInteger) -> String {
    let digits = String(value, radix: 16, uppercase: true)
    return String(repeating: "0", count: max(0, value.bitWidth / 4 - digits.count)) + digits
}
