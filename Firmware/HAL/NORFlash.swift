// What the flash store needs of a NOR flash part, and nothing about any chip.

/// Why a flash operation failed, and what to do about it.
public enum FlashError: UInt8, Error, Sendable {
    /// The range leaves its erase page. A fault of the caller.
    case outOfBounds = 1
    /// Offset or length is not a multiple of the write unit. A fault of the caller.
    case unaligned
    /// A unit read back differently from what was programmed: the page is worn out, or the unit had not been erased.
    case programFailed
    /// A page did not read as erased after an erase: it is worn out; retire it.
    case eraseFailed
    /// The part refuses writes to this page: clear its protection (option bytes, RBPCONF) and program the board again.
    case writeProtected
    /// The controller stayed busy beyond the data sheet's worst case: power-cycle the board.
    case timeout
}

/// A NOR flash part, or the pages of one that are set aside: an erase makes a page all ones, a program clears bits.
///
/// A write unit is programmed at most once between two erases of its page (parts with ECC forbid a second time). A power cut during
/// `program` may leave any subset of the unit's bits done, and one during `erase` any mix of bits in the page; nothing outside the
/// unit or page is touched.
public protocol NORFlash: ~Copyable {
    /// Bytes programmed at once: 1, 4, 8 or 16. Offsets and lengths of `program` are multiples of it.
    static var writeUnit: Int { get }

    /// Number of erase pages.
    var pageCount: Int { get }

    /// Bytes in erase page `page`, a multiple of `writeUnit`. Pages may be of unequal size (STM32F4 sectors).
    func pageSize(_ page: Int) -> Int

    /// Copies bytes of one page, from `offset`, into all of `bytes`.
    func read(page: Int, offset: Int, into bytes: inout MutableRawSpan) throws(FlashError)

    /// Programs `bytes` at `offset` of one page and verifies them by reading back.
    mutating func program(page: Int, offset: Int, _ bytes: RawSpan) throws(FlashError)

    /// Sets every bit of a page and verifies that they are set.
    mutating func erase(page: Int) throws(FlashError)
}
