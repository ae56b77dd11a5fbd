// Commands and desired states: from a verified message to a moved pin and a signed receipt (R4, R8, R9, R11).

import CBOR
import DeviceModel
import Ed25519

/// `[device, method, arguments…]` as received.
struct Call: ~Escapable {
    let device: RawSpan
    let method: RawSpan
    /// nil when there are more arguments than any method takes, or one of a kind that none takes.
    let arguments: Arguments?

    @_lifetime(copy encoded)
    init(_ encoded: RawSpan) throws(CBORError) {
        var reader = CBORReader(encoded)
        var count = try reader.array()
        guard count >= 2 else { throw .outOfRange }
        device = try reader.text()
        method = try reader.text()
        guard (1...16).contains(device.byteCount), (1...16).contains(method.byteCount) else { throw .outOfRange }
        var arguments = Arguments()
        var fits = true
        while count > 2 {
            if !(try Call.append(&reader, to: &arguments)) { fits = false }
            count &-= 1
        }
        try reader.finish()
        self.arguments = fits ? arguments : nil
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

/// Who may do what a call asks.
struct Authority {
    var signer = Signer.owner
    /// Why what is asked is not done: the grant does not cover it, or has ended.
    var refusal: Outcome?
}

/// An argument that was refused, with what was expected.
struct ExpectedArgument {
    var position: UInt8
    var least: Int32
    var most: Int32
}

extension Node where Flash: ~Copyable, Board: ~Copyable {
    @inline(never)
    mutating func call(_ message: borrowing Message, reply: consuming MutableSpan<UInt8>) throws(Refusal) -> Int {
        guard condition == .owned else { throw .wrongState }
        var receipt = ReceiptContext()
        do throws(CBORError) { try name(message.claims.call, &receipt.entry) } catch { throw .malformed }
        // Without a device there is no desired state to supersede: its sequence number then counts as a command's.
        receipt.entry.kind = receipt.entry.device == LogEntry.none ? .command : message.type

        let uptime = platform.microseconds()
        try checkLife(message.claims, uptime: uptime)
        try checkFreshness(message.claims, device: receipt.entry.device)
        let authority = try authorise(message, receipt.entry, uptime: uptime)
        receipt.entry.signer = authority.signer
        return try execute(message, authority, &receipt, reply: reply)
    }

    /// Finds the device and the method that a call names.
    @inline(never)
    private func name(_ encoded: RawSpan, _ entry: inout LogEntry) throws(CBORError) {
        let call = try Call(encoded)
        guard let device = Table.find(call.device) else { return }
        entry.device = device
        entry.method = Table.find(call.method, of: device) ?? LogEntry.none
    }

    /// A device that demands freshness takes a token, or an expiry, which `checkLife` has held against trusted time.
    @inline(never)
    private func checkFreshness(_ claims: borrowing Claims, device: UInt8) throws(Refusal) {
        guard let declaration = Table.describe(device), declaration.demandsFreshness else { return }
        guard claims.node.contains(.token) || claims.cwt.contains(.expiry) else { throw .tokenRequired }
    }

    /// Sequence number, then signatures: the owner's, or a holder's and those of the grant that it brings along.
    @inline(never)
    private mutating func authorise(
        _ message: borrowing Message, _ entry: borrowing LogEntry, uptime: UInt64
    ) throws(Refusal) -> Authority {
        if entry.kind == .state {
            let newest = watermarks.state(of: entry.device)
            if message.claims.seq == newest { throw .replayed }
            if message.claims.seq < newest { throw .superseded }
        }
        guard message.claims.node.contains(.nested) else {
            if entry.kind == .command { try checkSequence(message.claims.seq, of: .owner) }
            try verify(message.whole, message.type, by: .owner)
            noteOwner(message.claims)
            return Authority()
        }
        let authority = try authoriseHolder(message, device: entry.device, uptime: uptime)
        if message.claims.node.contains(.token) { freshness.consume() }
        return authority
    }

    /// Records the intent, acts, records the outcome, signs the receipt.
    @inline(never)
    private mutating func execute(
        _ message: borrowing Message, _ authority: Authority, _ receipt: inout ReceiptContext, reply: consuming MutableSpan<UInt8>
    ) throws(Refusal) -> Int {
        try begin(message, &receipt)
        var expected: ExpectedArgument?
        if let refusal = authority.refusal {
            receipt.entry.outcome = refusal
            if let slot = authority.signer.grantSlot, refusal != .notInScope { tellEnd(slot) }
        } else {
            if let slot = authority.signer.grantSlot, receipt.entry.device != LogEntry.none {
                do throws(Refusal) { try beginMeter(slot) } catch { throw failed(error) }
            }
            expected = perform(message.claims.call, &receipt.entry)
        }
        return try finish(message, &receipt, expected: expected, reply: reply)
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
        guard let call = try? Call(encoded), let arguments = call.arguments else {
            entry.outcome = .badArgument
            return nil
        }
        switch devices.invoke(device: entry.device, method: entry.method, arguments: arguments) {
        case .done(let value):
            entry.outcome = .done
            entry.value = LogValue(value)
            return nil
        case .refused(let refusal):
            return note(refusal, &entry, arguments)
        }
    }

    @inline(never)
    private func note(_ refusal: DeviceModel.Refusal, _ entry: inout LogEntry, _ arguments: Arguments) -> ExpectedArgument? {
        switch refusal {
        case .unknownDevice: entry.outcome = .noSuchDevice
        case .unknownMethod: entry.outcome = .noSuchMethod
        case .tooManyArguments: entry.outcome = .badArgument
        case .argument(let wrong):
            entry.outcome = Int(wrong.position) < arguments.count ? .outOfRange : .badArgument
            return ExpectedArgument(position: wrong.position, least: wrong.expected.minimum, most: wrong.expected.maximum)
        case .fault(let fault):
            entry.outcome = .deviceFault
            entry.value = .int(Int32(fault.rawValue))
        }
        return nil
    }

    /// Journals `entry` and takes its sequence number for spent. Nothing may act on a message before this returns.
    @inline(never)
    mutating func recordIntent(_ entry: inout LogEntry) throws(Refusal) {
        do throws(Refusal) {
            if memory.needsPage { try openPage() }
            // Slots that a power cut has spoilt may have been the last ones of the page.
            while !(try memory.begin(&entry)) { try openPage() }
        } catch {
            throw failed(error)
        }
        note(entry)
    }

    /// The flash failed between intent and outcome: what is in force, only the next boot can tell. Until then nothing is executed.
    mutating func failed(_ error: Refusal) -> Refusal {
        condition = .damaged
        return error
    }

    /// Counts an entry of the present epoch into the high-water marks.
    @inline(never)
    mutating func note(_ entry: borrowing LogEntry) {
        if let slot = entry.signer.grantSlot {
            // A holder's numbers never bind the owner, or a high one would lock the owner out.
            return grants.note(seq: entry.seq, slot: slot, index: entry.index)
        }
        watermarks.note(entry)
    }

    /// Saves what the entries of older pages stand for, then begins a new page.
    @inline(never)
    mutating func openPage() throws(Refusal) {
        try memory.saveWatermarks(&watermarks, epoch: ownership.epoch)
        grants.dirty |= grants.stale
        try saveGrants()
        grants.stale = 0
        try memory.openPage(ownerMark: watermarks[.owner], epoch: ownership.epoch)
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
