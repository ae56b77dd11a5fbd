// Moving the live records to the other bank, and mounting what a power cut left of that.
import HAL

extension FlashStore where Flash: ~Copyable {
    private static var bankSeed: UInt32 { 0x4B4E_4142 }
    private static var bankMagic: UInt32 { 0x0153_4E4C }  // "LNS" and version 1

    /// A word of write unit and page count, so that a store is not taken for one of another geometry.
    private var geometryWord: UInt32 { UInt32(Flash.writeUnit) | UInt32(flash.pageCount) << 8 }

    @inline(never)
    mutating func program(bankHeader bank: UInt8, generation: UInt32) throws(StoreError) {
        var writer = Writer(page: page(bank: bank, 0), offset: 0, seed: Self.bankSeed)
        try writer.word(Self.bankMagic, to: &self)
        try writer.word(layout.word, to: &self)
        try writer.word(generation, to: &self)
        try writer.word(geometryWord, to: &self)
        try writer.finish(to: &self)
    }

    @inline(never)
    private func isBlank(marker offset: Int) throws(StoreError) -> Bool {
        try isBlank(page(bank: records.bank, 0), from: offset, to: offset + Self.granule)
    }

    /// The other bank was erased to the end: two bits at least are cleared, as one may be a flip.
    @inline(never)
    private func isWiped() throws(StoreError) -> Bool {
        try word(page(bank: records.bank, 0), Self.wipedMarker).nonzeroBitCount < 31
    }

    @inline(never)
    private mutating func set(marker offset: Int) throws(StoreError) { try setMarker(page(bank: records.bank, 0), offset) }

    /// Clears a granule unless it was begun before.
    @inline(never)
    mutating func setMarker(_ page: Int, _ offset: Int) throws(StoreError) {
        guard try isBlank(page, from: offset, to: offset + Self.granule) else { return }
        let zeros = InlineArray<16, UInt8>(repeating: 0)
        let bytes = zeros.span.bytes.extracting(first: Self.granule)
        do { try flash.program(page: page, offset: offset, bytes) } catch { throw .flash(error) }
    }

    /// Moves to the other bank: all live records that `changes` leaves alone, then `changes`. The header of the new bank is written last and
    /// commits it; then the old bank is erased, and a marker says that it is.
    @inline(never)
    mutating func rewrite(_ changes: borrowing RecordChanges) throws(StoreError) {
        guard try copyLive(changes, writing: false) != nil else { throw .full }
        let old = records.bank
        let new = 1 - old
        if !records.otherIsBlank { try erase(bank: new) }
        records.otherIsBlank = false
        records.tailIsDirty = true
        try set(marker: Self.copyingMarker)
        guard let tail = try copyLive(changes, writing: true) else { throw .full }
        try program(bankHeader: new, generation: records.generation + 1)
        records.bank = new
        records.generation += 1
        records.tail = tail
        records.tailIsDirty = false
        try wipeOther()
    }

    /// Erases the bank that is not in use. What held secrets is gone when this returns.
    @inline(never)
    private mutating func wipeOther() throws(StoreError) {
        records.wipeFailed = true
        try erase(bank: 1 - records.bank)
        try set(marker: Self.wipedMarker)
        records.wipeFailed = false
        records.otherIsBlank = true
    }

    /// The header goes first: a bank half erased is not taken for a whole one.
    @inline(never)
    private mutating func erase(bank: UInt8) throws(StoreError) {
        for index in 0..<bankPages { try erase(page(bank: bank, index)) }
    }

    /// Where the log will end; nil when the records do not fit.
    @inline(never)
    private mutating func copyLive(_ changes: borrowing RecordChanges, writing: Bool) throws(StoreError) -> Position? {
        let target = 1 - records.bank
        var tail = logStart
        var position = logStart
        while var header = try nextRecord(&position) {
            let next = after(position, header)
            let isReplaced = header.has(RecordHeader.removed) || changes.change(header.key, from: 0)
            if !isReplaced, try newest(header.key, from: next) == nil {
                let verdict = try verdict(of: header, at: position)
                let isLost = header.has(RecordHeader.unreadable) || !verdict.isWhole
                header.flags &= ~RecordHeader.continues
                if isLost { header = RecordHeader(key: header.key, flags: header.flags | RecordHeader.unreadable, length: 0) }
                guard let place = place(Int(header.length), after: tail) else { return nil }
                if writing { try copy(header, verdict, from: position, to: place, bank: target) }
                tail = after(place, header)
            }
            position = next
        }
        var cursor = 0
        while let (header, value) = changes.next(&cursor) {
            if header.has(RecordHeader.removed) || changes.change(header.key, from: cursor) { continue }
            guard let place = place(Int(header.length), after: tail) else { return nil }
            if writing {
                let page = page(bank: target, Int(place.page))
                try write(header, changes.bytes.extracting(value), page: page, offset: Int(place.offset))
            }
            tail = after(place, header)
        }
        return tail
    }

    @inline(never)
    private mutating func copy(
        _ header: RecordHeader, _ verdict: Check.Verdict, from: Position, to: Position, bank: UInt8
    ) throws(StoreError) {
        let length = Self.roundUp(4 + Int(header.length))
        let words = CheckedWords(page: logPage(from), offset: Int(from.offset), length: length, verdict: verdict)
        var writer = Writer(page: page(bank: bank, Int(to.page)), offset: Int(to.offset), seed: Self.recordSeed)
        try writer.word(header.word, to: &self)
        if !header.has(RecordHeader.unreadable) {
            var at = 4
            while at < length {
                try writer.word(try words.word(at, of: self), to: &self)
                at += 4
            }
        }
        try writer.finish(to: &self)
    }

    // Mounting.

    @inline(never)
    mutating func mountRecords() throws(StoreError) {
        if try !findBank() {
            try formatBlank()
            guard try findBank() else { throw .damagedRecords }
        }
        if try isWiped() {
            records.otherIsBlank = try isBlank(marker: Self.copyingMarker)
        } else {
            do { try wipeOther() } catch {
                // Old secrets may be left, but the records are whole: report it and go on.
                if error != .flash(.eraseFailed) { throw error }
            }
        }
        try findTail()
        records.isMounted = true
        // At once, so that a bit that reads now so and now so cannot decide twice.
        if records.tailIsDirty { try rewrite(RecordChanges(encoded: Span())) }
    }

    /// The header of the bank, with its generation, when it is whole.
    @inline(never)
    private mutating func generation(bank: UInt8) throws(StoreError) -> UInt32? {
        let page = page(bank: bank, 0)
        let verdict = try verdict(page, 0, length: Self.bankFields, seed: Self.bankSeed)
        if !verdict.isWhole { return nil }
        let words = CheckedWords(page: page, offset: 0, length: Self.bankFields, verdict: verdict)
        guard try words.word(0, of: self) == Self.bankMagic else { return nil }
        guard try words.word(4, of: self) == layout.word, try words.word(12, of: self) == geometryWord else {
            throw .layoutMismatch
        }
        return try words.word(8, of: self)
    }

    /// Takes the bank with the newest whole header.
    @inline(never)
    private mutating func findBank() throws(StoreError) -> Bool {
        let generations = (try generation(bank: 0), try generation(bank: 1))
        guard generations.0 != nil || generations.1 != nil else { return false }
        let (first, second) = (generations.0 ?? 0, generations.1 ?? 0)
        records.bank = first > second ? 0 : 1
        records.generation = max(first, second)
        return true
    }

    /// Starts an empty store when nothing has ever been stored: everything is blank but what a first formatting cut short has left.
    @inline(never)
    private mutating func formatBlank() throws(StoreError) {
        for index in 0..<ringPages {
            let page = ringPage(index)
            guard try isBlank(page, from: 0, to: flash.pageSize(page)) else { throw .damagedRecords }
        }
        guard try isBlank(bank: 1, from: Self.bankHeader) else { throw .damagedRecords }
        let firstTried = try !isBlank(bank: 0, from: 0)
        let secondTried = try !isBlank(bank: 1, from: 0)
        // Bank 1 is tried when bank 0 holds a torn header and nothing else; only after that is bank 0 erased.
        if !secondTried {
            guard try isBlank(bank: 0, from: Self.bankHeader) else { throw .damagedRecords }
        } else {
            records.bank = 0
            var first = logStart
            if case .record(let header) = try item(at: &first) {
                let verdict = try verdict(of: header, at: first)
                if verdict.isWhole { throw .damagedRecords }
            }
            try erase(bank: 0)
        }
        try program(bankHeader: firstTried && !secondTried ? 1 : 0, generation: 1)
    }

    @inline(never)
    private func isBlank(bank: UInt8, from offset: Int) throws(StoreError) -> Bool {
        for index in 0..<bankPages {
            let page = page(bank: bank, index)
            guard try isBlank(page, from: index == 0 ? offset : 0, to: flash.pageSize(page)) else { return false }
        }
        return true
    }

    /// Follows the log to the last committed record. What a cut left behind it is to be left out by a rewrite.
    @inline(never)
    private mutating func findTail() throws(StoreError) {
        var position = logStart
        records.tail = position
        while true {
            switch try item(at: &position) {
            case .end: return
            case .broken:
                try requireBlank(after: position, Self.granule)
                return
            case .record(let header):
                let verdict = try verdict(of: header, at: position)
                if verdict == .uncommitted {
                    try requireBlank(after: position, Self.footprint(Int(header.length)))
                    return
                }
                if verdict == .damaged && header.isCorrected { throw .damagedRecords }
                if case .flipped = verdict { records.corrected &+= 1 }
                position = after(position, header)
                records.tailIsDirty = header.has(RecordHeader.continues)
                if !records.tailIsDirty { records.tail = position }
            }
        }
    }

    /// A write cut short is followed by nothing. If something follows, the log is damaged here and the rest cannot be found.
    @inline(never)
    private mutating func requireBlank(after position: Position, _ size: Int) throws(StoreError) {
        records.tailIsDirty = true
        for index in Int(position.page)..<bankPages {
            let start = index == Int(position.page) ? Int(position.offset) + size : 0
            guard try isBlank(page(bank: records.bank, index), from: start, to: bankPageSize(index)) else {
                throw .damagedRecords
            }
        }
    }
}
