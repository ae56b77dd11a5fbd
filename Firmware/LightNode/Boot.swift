// From flash to a running node: what was recorded, what a power cut interrupted, what cannot be read.

import Ed25519
import FlashStore
import HAL

extension Node where Flash: ~Copyable, Board: ~Copyable {
    /// Reads everything. Fails closed: whatever cannot be read makes the node `damaged`, never blank and never ownerless.
    @inline(never)
    mutating func boot() {
        condition = .damaged
        do throws(StoreError) {
            try memory.store.mount()
        } catch {
            memory.noteDamage(.log)
            guard error == .damagedJournal else { return }
        }
        guard loadIdentity() else { return }
        loadState()
        replayLog()
        if memory.isDamaged { return }
        condition = ownership.isOwned ? .owned : .unowned
    }

    /// False when there is nothing more to load: the device is blank, or damaged.
    private mutating func loadIdentity() -> Bool {
        var device = InlineArray<38, UInt8>(repeating: 0)
        var record = InlineArray<184, UInt8>(repeating: 0)
        let deviceReading = memory.read(.device, into: &device)
        let keyReading = memory.loadPublicKey(&identity.publicKey)
        let ownershipReading = memory.read(.ownership, into: &record)
        if deviceReading == .absent && keyReading == .absent && ownershipReading == .absent {
            if !memory.isDamaged { condition = .blank }
            return false
        }
        // Provisioning writes all three at once, so one alone is damage too.
        if deviceReading != .value(38) || device[37] != Identity.layoutVersion { memory.noteDamage(.device) }
        if keyReading != .value(64) { memory.noteDamage(.identity) }
        if case .value(let count) = ownershipReading, let ownership = Ownership(record, count: count) {
            self.ownership = ownership
        } else {
            memory.noteDamage(.ownership)
        }
        identity.claimKey = bytes32(device.span.bytes)
        identity.network = device.loadLittleEndian(at: 32)
        identity.isTest = device[36] != 0
        if !memory.isDamaged(.identity) { identity.deriveAddress() }
        return true
    }

    private mutating func loadState() {
        var seconds = InlineArray<8, UInt8>(repeating: 0)
        if case .value(let count) = memory.read(.time, into: &seconds) {
            if count == 8 { time.load(floor: seconds.loadLittleEndian64(at: 0)) } else { memory.noteDamage(.time) }
        }
        var marks = InlineArray<196, UInt8>(repeating: 0)
        if case .value(let count) = memory.read(.watermarks, into: &marks) {
            if !watermarks.load(marks, count: count, epoch: ownership.epoch) { memory.noteDamage(.watermarks) }
        }
        for slot in 0..<GrantTable.slotCount {
            var bytes = InlineArray<48, UInt8>(repeating: 0)
            guard case .value(let count) = memory.read(.grants, slot: slot, into: &bytes) else { continue }
            guard count == GrantSlot.recordSize, let value = GrantSlot(bytes) else {
                memory.noteDamage(.grants)
                continue
            }
            guard value.epoch == ownership.epoch else { continue }
            grants.slots[slot] = value
            // A tick that the reset interrupted is over, or its user would prolong it by resetting. Devices are in their safe state.
            grants.slots[slot].isRunning = false
            grants.slots[slot].devices = 0
        }
    }

    /// Counts the entries of the newest page into the marks, closes the one that a power cut left open, and brings the chain up to date.
    private mutating func replayLog() {
        memory.nextIndex = memory.store.nextJournalIndex
        do throws(StoreError) {
            guard var summary = try memory.summary(ofPageWith: memory.store.newestPageIndex) else { return }
            if summary.first >= ownership.sinceIndex {
                watermarks.note(seq: summary.ownerMark, signer: .owner, kind: .command, device: LogEntry.none)
            }
            var index = summary.first
            while var entry = try memory.entry(from: index) {
                index = entry.index &+ 1
                if entry.index >= ownership.sinceIndex { note(entry) }
                if entry.outcome == .unknown { try resolve(&entry) }
                summary.pass(entry)
            }
            memory.chain = summary.chain
            watermarks.needSaving = true
            // The outcome of a change of ownership was cut short, so this page does not tell that the epoch rose: the next one does.
            if summary.epoch != ownership.epoch, !memory.isDamaged { try? openPage() }
        } catch {
            memory.noteDamage(.log)
        }
    }

    /// An entry without outcome: power was lost between intent and outcome. A change of ownership tells by its record whether it happened;
    /// of anything else nobody knows.
    private mutating func resolve(_ entry: inout LogEntry) throws(StoreError) {
        if entry.index &+ 1 == ownership.sinceIndex { entry.outcome = .done }
        let result = entry.result
        do throws(StoreError) {
            try memory.store.complete(entry.index, outcome: result.span)
        } catch {
            // An outcome that was cut short itself cannot be written again: it stays unknown for ever.
            guard error == .alreadyCompleted else { throw error }
            entry.outcome = .unknown
        }
    }
}
