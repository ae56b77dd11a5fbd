// Stage two of three, around the third: intent into the log, the action, outcome into the log, receipt (R11). Whatever a message does to
// the node, in flash or in RAM, it does after its intent was recorded.

import Bytes
import DeviceModel
import Vocabulary

extension Node where Flash: ~Copyable, Board: ~Copyable {
    /// Journals a message that was admitted. Nothing may act on it before this returns.
    @inline(never)
    mutating func begin(
        _ message: borrowing Message, _ admission: borrowing Admission, _ receipt: inout ReceiptContext
    ) throws(Refusal) {
        receipt.entry.copy(from: admission.entry)
        receipt.entry.seq = message.claims.seq
        receipt.message = admission.hash
        receipt.entry.setHash(receipt.message.span.bytes)
        receipt.epoch = ownership.epoch
        // A page that is opened on the way leaves the chain as it is.
        receipt.previous = memory.chain
        try recordIntent(&receipt.entry)
        if !admission.isHolders, admission.entry.signer == .owner { noteOwner(message.claims, admission) }
    }

    /// Journals the outcome and signs the receipt.
    @inline(never)
    mutating func finish(
        _ receipt: inout ReceiptContext, expected: ExpectedArgument?, reply: inout MutableSpan<UInt8>
    ) throws(Refusal) -> Int {
        memory.complete(&receipt.entry)
        if let slot = receipt.entry.signer.grantSlot, !receipt.entry.outcome.mayHaveHadEffect {
            grants.takeBackUse(slot)
            // Tried again at the next poll.
            try? saveGrants()
        }
        return try writeReceipt(receipt, expected: expected, reply: &reply)
    }

    /// Journals `entry` and takes its sequence number for spent.
    @inline(never)
    mutating func recordIntent(_ entry: inout LogEntry) throws(Refusal) {
        do throws(Refusal) {
            if memory.needsPage { try openPage() }
            // Slots that a power cut has spoilt may have been the last ones of the page.
            while !(try memory.begin(&entry)) { try openPage() }
        } catch {
            throw failed(error)
        }
        note(entry, isUse: true)
    }

    /// The flash failed between intent and outcome: what is in force, only the next boot can tell. Until then nothing is executed.
    mutating func failed(_ error: Refusal) -> Refusal {
        condition = .damaged
        return error
    }

    /// Counts an entry of the present epoch into the high-water marks.
    @inline(never)
    mutating func note(_ entry: borrowing LogEntry, isUse: Bool) {
        // That a slot was taken is told by its record.
        if entry.kind == .grant { return }
        if let slot = entry.signer.grantSlot {
            // A holder's numbers never bind the owner, or a high one would lock the owner out.
            return grants.note(seq: entry.seq, slot: slot, index: entry.index, isUse: isUse)
        }
        watermarks.note(entry)
        if entry.signer == .owner { grants.noteOwner(index: entry.index) }
    }

    /// Saves what the entries of older pages stand for, then begins a new page.
    @inline(never)
    mutating func openPage() throws(Refusal) {
        try saveGrants(all: true)
        try memory.openPage(watermarks, epoch: ownership.epoch)
    }

    /// What a message of the owner proves besides its purpose: that the owner lives, and perhaps the time.
    @inline(never)
    private mutating func noteOwner(_ claims: borrowing Claims, _ admission: borrowing Admission) {
        let uptime = platform.microseconds()
        ownerHeard = uptime
        guard claims.cwt.contains(CWTKey.issuedAt) else { return }
        let mayGoBack = admission.entry.kind == .time && !grants.dependOnTime()
        time.accept(claims.issuedAt, tokenIssued: admission.tokenIssued, mayGoBack: mayGoBack, uptime: uptime)
    }
}

extension Outcome {
    /// False when nothing can have happened: such a call uses up no grant.
    var mayHaveHadEffect: Bool { self == .done || self == .unknown || self == .deviceFault }
}
