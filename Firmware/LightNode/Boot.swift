// From flash to a running node: what was recorded, what a power cut interrupted, what cannot be read.

import Bytes
import DeviceModel
import Ed25519
import FlashStore
import HAL
import Vocabulary

extension Node where Flash: ~Copyable, Board: ~Copyable {
    /// Reads everything, once. Fails closed: whatever cannot be read makes the node `damaged`, never blank and never ownerless.
    @inline(never)
    public mutating func boot() {
        condition = .damaged
        do throws(StoreError) {
            try memory.store.mount()
        } catch {
            memory.noteDamage(.log)
            guard error == .damagedJournal else { return }
        }
        guard loadIdentity() else { return }
        loadState()
        if Table.keepsCounts { restoreCounts() }
        replayLog()
        if memory.isDamaged { return }
        condition = ownership.isOwned ? .owned : .unowned
        memory.countBoot()
    }

    /// Makes what tokens of this boot are known by: at the first request for one, as 32 bytes take an nRF51's generator 21 ms. A chip without a random generator takes it from a secret, the identity's seed, and from the
    /// number of this boot; when that is not known there are no tokens.
    mutating func makeFreshnessSecret() throws(Refusal) {
        if platform.isTrueRandom {
            var span = freshness.secret.bytes.mutableSpan
            var bytes = span.mutableBytes
            return platform.fillRandom(&bytes)
        }
        if memory.boot == 0 { throw .storeFailed }
        var seed = Secret()
        defer { seed.wipe() }
        try memory.loadSeed(&seed)
        var number = InlineArray<8, UInt8>(repeating: 0)
        number.storeLittleEndian64(memory.boot, at: 0)
        var hash = SHA512()
        hash.update(seed.bytes.span.bytes)
        hash.update(number.span.bytes)
        let digest = hash.finalize()
        freshness.secret.bytes.store(digest.span.bytes.extracting(0..<32), at: 0)
    }

    /// False when there is nothing more to load: the device is blank, or damaged.
    @inline(never)
    private mutating func loadIdentity() -> Bool {
        let deviceReading = loadDevice()
        let keyReading = memory.loadPublicKey(&identity.publicKey)
        let ownershipReading = memory.read(.ownership, into: ownership.mutableRecord)
        if deviceReading == .absent && keyReading == .absent && ownershipReading == .absent {
            if !memory.isDamaged { condition = .blank }
            return false
        }
        // Provisioning writes all three at once, so one alone is damage too.
        if deviceReading != .value(38) { memory.noteDamage(.device) }
        if keyReading != .value(64) { memory.noteDamage(.identity) }
        guard case .value(let count) = ownershipReading, ownership.isWellFormed(count: count) else {
            ownership = Ownership()
            memory.noteDamage(.ownership)
            return true
        }
        return true
    }

    @inline(never)
    private mutating func loadDevice() -> Reading {
        let reading = memory.read(.device, into: identity.device.mutableSpan)
        if reading != .absent && identity.version != Identity.layoutVersion { memory.noteDamage(.device) }
        return reading
    }

    @inline(never)
    private mutating func loadState() {
        if !memory.isDamaged(.identity) {
            identity.deriveAddress()
            identity.isLoaded = true
        }
        var seconds = InlineArray<12, UInt8>(repeating: 0)
        if case .value(let count) = memory.read(.time, into: seconds.mutableSpan) {
            if count == 12 {
                // What an owner said of the time is worth nothing to the next.
                if seconds.loadLittleEndian(at: 8) == ownership.epoch {
                    time.load(floor: seconds.loadLittleEndian64(at: 0, count: 5))
                }
                attempts.load(seconds[7])
            } else {
                memory.noteDamage(.time)
            }
        }
        for slot in 0..<GrantTable.slotCount { loadGrant(slot) }
    }

    @inline(never)
    private mutating func loadGrant(_ slot: Int) {
        let reading = memory.read(.grants, slot: slot, into: grants.mutableRecord(slot))
        if reading == .absent { return }
        let isGood = reading == .value(GrantTable.slotSize) && grants.isWellFormed(slot)
        if !isGood { memory.noteDamage(.grants) }
        guard isGood, grants[slot, .epoch] == ownership.epoch else { return grants.free(slot) }
        // A tick that the reset interrupted is over, or its user would prolong it by resetting. Devices are in their safe state.
        grants[slot, .flags] &= ~GrantTable.running
        grants[slot, .devices] = 0
    }

    /// Counts the entries of the newest page into the marks, closes the one that a power cut left open, and brings the chain up to date.
    @inline(never)
    private mutating func replayLog() {
        memory.nextIndex = memory.store.nextJournalIndex
        var summary = LogSummary()
        var entry = LogEntry()
        do throws(StoreError) {
            var marks = Watermarks()
            guard try memory.read(&summary, &marks, ofPageWith: memory.store.newestPageIndex) else { return }
            if summary.first >= ownership.sinceIndex { watermarks = marks }
            var index = summary.first
            while try memory.readNext(&entry, from: &index) {
                if entry.index >= ownership.sinceIndex { note(entry, isUse: entry.outcome.mayHaveHadEffect) }
                if entry.outcome == .unknown { try resolve(&entry) }
                summary.pass(entry)
            }
        } catch {
            memory.noteDamage(.log)
            return
        }
        memory.chain = summary.chain
        // The outcome of a change of ownership was cut short, so this page does not tell that the epoch rose: the next one does.
        if summary.epoch != ownership.epoch, !memory.isDamaged { try? openPage() }
    }

    /// An entry without outcome: power was lost between intent and outcome. A change of ownership tells by its record whether it happened;
    /// of anything else nobody knows.
    @inline(never)
    private mutating func resolve(_ entry: inout LogEntry) throws(StoreError) {
        if entry.index &+ 1 == ownership.sinceIndex { entry.outcome = .done }
        do throws(StoreError) {
            try memory.store.complete(entry.index, outcome: entry.result)
        } catch {
            // An outcome that was cut short itself cannot be written again: it stays unknown for ever.
            guard error == .alreadyCompleted else { throw error }
            entry.outcome = .unknown
        }
    }
}
