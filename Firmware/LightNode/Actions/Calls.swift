// Commands and desired states: from an admitted message to a moved pin (R4, R8).

import Bytes
import CBOR
import DeviceModel
import Vocabulary

/// `[device, method, arguments…]` as received.
struct Call: ~Escapable {
    let device: RawSpan
    let method: RawSpan
    private(set) var arguments = Arguments()
    /// False when there are more arguments than any method takes, or one of a kind that none takes.
    private(set) var fits = true

    @_lifetime(copy encoded)
    init(_ encoded: RawSpan) throws(CBORError) {
        var reader = CBORReader(encoded)
        var count = try reader.array()
        guard count >= 2 else { throw .outOfRange }
        device = try reader.text()
        method = try reader.text()
        guard (1...16).contains(device.byteCount), (1...16).contains(method.byteCount) else { throw .outOfRange }
        while count > 2 {
            if !(try Call.append(&reader, to: &arguments)) { fits = false }
            count &-= 1
        }
        try reader.finish()
    }

    @inline(never)
    @_lifetime(reader: copy reader)
    private static func append(_ reader: inout CBORReader, to arguments: inout Arguments) throws(CBORError) -> Bool {
        switch try reader.peek() {
        case .unsigned, .negative:
            let value = try reader.int()
            guard let small = Int32(exactly: value) else { return false }
            return arguments.append(small)
        case .simple: return arguments.append(try reader.bool())
        case .text: return arguments.append(text: try reader.text())
        default: throw .unexpectedType
        }
    }
}

/// An argument that was refused, with what was expected.
struct ExpectedArgument {
    var position: UInt8
    var least: Int32
    var most: Int32
}

extension Node where Flash: ~Copyable, Board: ~Copyable {
    /// Finds the device and the method that a call names, and keeps its argument for the log.
    @inline(never)
    func name(_ encoded: RawSpan, _ entry: inout LogEntry) throws(CBORError) {
        let call = try Call(encoded)
        entry.setArgument(call.fits ? LogArgument.of(call.arguments) : .notKept)
        guard let device = Table.find(call.device) else { return }
        entry.device = device
        entry.method = Table.find(call.method, of: device) ?? LogEntry.none
    }

    /// Records the intent, acts, records the outcome, signs the receipt.
    @inline(never)
    mutating func call(
        _ message: borrowing Message, _ admission: inout Admission, reply: inout MutableSpan<UInt8>
    ) throws(Refusal) -> Int {
        if admission.isHolders { try claimSlots(&admission, seq: message.claims.seq) }
        var receipt = ReceiptContext()
        try begin(message, admission, &receipt)
        var expected: ExpectedArgument?
        if let refusal = admission.refusal {
            receipt.entry.outcome = refusal
        } else {
            if let slot = receipt.entry.signer.grantSlot, receipt.entry.device != LogEntry.none {
                do throws(Refusal) { try beginMeter(slot) } catch { throw failed(error) }
            }
            expected = perform(message.claims.call, &receipt.entry)
        }
        let count = try finish(&receipt, expected: expected, reply: &reply)
        // Behind the outcome, which takes back the use that the intent has counted.
        if let refusal = admission.refusal, let slot = receipt.entry.signer.grantSlot { tell(refusal, slot) }
        return count
    }

    /// Moves the device; fills in outcome and value.
    @inline(never)
    private mutating func perform(_ encoded: RawSpan, _ entry: inout LogEntry) -> ExpectedArgument? {
        guard entry.device != LogEntry.none else {
            entry.outcome = .noSuchDevice
            return nil
        }
        guard entry.method != LogEntry.none else {
            entry.outcome = .noSuchMethod
            return nil
        }
        guard let call = try? Call(encoded), call.fits else {
            entry.outcome = .badArgument
            return nil
        }
        switch devices.invoke(device: entry.device, method: entry.method, arguments: call.arguments) {
        case .done(let value):
            entry.outcome = .done
            entry.value = LogValue(value)
            return nil
        case .refused(let refusal):
            return note(refusal, &entry, call.arguments.count)
        }
    }

    @inline(never)
    private func note(_ refusal: CallRefusal, _ entry: inout LogEntry, _ count: Int) -> ExpectedArgument? {
        switch refusal {
        case .unknownDevice: entry.outcome = .noSuchDevice
        case .unknownMethod: entry.outcome = .noSuchMethod
        case .tooManyArguments: entry.outcome = .badArgument
        case .argument(let wrong):
            entry.outcome = Int(wrong.position) < count ? .outOfRange : .badArgument
            return ExpectedArgument(position: wrong.position, least: wrong.expected.minimum, most: wrong.expected.maximum)
        case .fault(let fault):
            entry.outcome = .deviceFault
            entry.value = .int(Int32(fault.rawValue))
        }
        return nil
    }
}

extension LogValue {
    init(_ value: Value) {
        switch value.kind {
        case .none: self = .none
        case .boolean: self = .bool(value.isTrue)
        case .integer: self = .int(value.integer)
        }
    }
}
