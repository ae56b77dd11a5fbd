// How the pages of a part are shared out, and the sizes that follow from it.
import HAL

/// Limits that no layout may exceed.
public enum StoreLimits {
    /// Longest value of a record, bytes.
    public static var value: Int { 240 }
    /// Most application bytes in an intent.
    public static var intent: Int { 40 }
    /// Most bytes in an outcome.
    public static var outcome: Int { 14 }
    /// Bytes of a bank that are used at most, so that a lookup stays short on parts with huge pages.
    static var bank: Int { 8192 }
}

/// Which pages hold what, chosen by the firmware and fixed when the part is formatted. Pages `0 ..< recordPages` are record bank 0, the
/// next `recordPages` bank 1, all others the journal's ring (two at least).
public struct StoreLayout: Equatable, Sendable {
    /// Pages of each of the two record banks.
    public let recordPages: UInt8
    /// Application bytes in each intent, 0 … 40.
    public let intentBytes: UInt8
    /// Bytes of each outcome, 1 … 14.
    public let outcomeBytes: UInt8
    /// Most bytes of the summary that begins each page of the journal, 0 … 240.
    public let summaryBytes: UInt8

    /// Checks nothing: `mount` and `format` throw `unusableLayout` for what does not fit the limits or the part.
    public init(recordPages: UInt8, intentBytes: UInt8, outcomeBytes: UInt8, summaryBytes: UInt8) {
        (self.recordPages, self.intentBytes) = (recordPages, intentBytes)
        (self.outcomeBytes, self.summaryBytes) = (outcomeBytes, summaryBytes)
    }

    var word: UInt32 {
        UInt32(recordPages) | UInt32(intentBytes) << 8 | UInt32(outcomeBytes) << 16 | UInt32(summaryBytes) << 24
    }
}

extension FlashStore where Flash: ~Copyable {
    /// Everything in flash is laid out in granules: the write unit, but four bytes at least.
    static var granule: Int { Flash.writeUnit < 4 ? 4 : Flash.writeUnit }

    @inline(never)
    static func roundUp(_ bytes: Int) -> Int { (bytes &+ granule &- 1) & ~(granule &- 1) }

    // Record banks.

    var bankPages: Int { Int(layout.recordPages) }
    @inline(never)
    func page(bank: UInt8, _ index: Int) -> Int { Int(bank) * bankPages + index }

    /// Bytes used of page `index` of either bank: the banks are made equal, so what fits one fits the other.
    @inline(never)
    func bankPageSize(_ index: Int) -> Int {
        let size = min(flash.pageSize(index), flash.pageSize(bankPages + index))
        return min(size, StoreLimits.bank / bankPages & ~(Self.granule - 1))
    }

    static var bankFields: Int { 16 }
    static var wipedMarker: Int { bankFields + granule }
    static var copyingMarker: Int { bankFields + 2 * granule }
    static var bankHeader: Int { bankFields + 3 * granule }

    /// Bytes of a record in flash: header and value, padded, and the check granule.
    @inline(never)
    static func footprint(_ valueLength: Int) -> Int { roundUp(4 + valueLength) + granule }

    // Journal ring.

    var ringPages: Int {
        @inline(never) get { flash.pageCount - 2 * bankPages }
    }
    @inline(never)
    func ringPage(_ index: Int) -> Int { 2 * bankPages + index }

    /// Bytes of the data of a page header with a summary of that length, and of all of it: data, check, marker.
    static func pageFields(_ summaryLength: Int) -> Int { roundUp(8 + summaryLength) }
    static func pageHeader(_ summaryLength: Int) -> Int { pageFields(summaryLength) + 2 * granule }
    var intentFields: Int {
        @inline(never) get { Self.roundUp(8 + Int(layout.intentBytes)) }
    }
    var outcomeFields: Int {
        @inline(never) get { Self.roundUp(Int(layout.outcomeBytes) + 2) }
    }

    /// Bytes of one entry of the journal in flash.
    public var entrySize: Int {
        @inline(never) get { intentFields + Self.granule + outcomeFields }
    }

    /// Entries that ring page `index` holds behind a summary of that length.
    @inline(never)
    func slots(_ index: Int, summaryLength: Int) -> Int {
        (flash.pageSize(ringPage(index)) - Self.pageHeader(summaryLength)) / entrySize
    }

    /// Slots are counted from the end of the page, so that they can be found without its header.
    @inline(never)
    func slotOffset(_ ring: Int, _ slot: Int) -> Int { flash.pageSize(ringPage(ring)) - (slot + 1) * entrySize }

    var isUsable: Bool {
        guard bankPages > 0, ringPages >= 2, layout.intentBytes <= StoreLimits.intent, layout.summaryBytes <= 240,
            layout.outcomeBytes >= 1,
            layout.outcomeBytes <= StoreLimits.outcome, flash.pageCount <= 255
        else { return false }
        for index in 0..<bankPages where bankPageSize(index) < Self.bankHeader + Self.footprint(32) { return false }
        for index in 0..<ringPages where slots(index, summaryLength: Int(layout.summaryBytes)) < 1 { return false }
        return true
    }
}
