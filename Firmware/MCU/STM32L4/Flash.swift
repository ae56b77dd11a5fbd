// The flash interface of the STM32L475: programming double words and erasing pages. Numbers are sections of the reference manual RM0351.

import HAL

/// Registers of the flash interface, by offset (3.7).
public enum FlashInterface {
    static var accessControl: UInt32 { 0x00 }  // ACR
    static var key: UInt32 { 0x08 }  // KEYR
    static var status: UInt32 { 0x10 }  // SR
    static var control: UInt32 { 0x14 }  // CR
    static var options: UInt32 { 0x20 }  // OPTR

    // ACR
    static var dataCacheEnable: UInt32 { 1 << 10 }  // DCEN
    static var dataCacheReset: UInt32 { 1 << 12 }  // DCRST
    // KEYR (3.3.5)
    static var key1: UInt32 { 0x4567_0123 }
    static var key2: UInt32 { 0xCDEF_89AB }
    // SR; all but BSY are cleared by writing 1
    static var endOfOperation: UInt32 { 1 << 0 }  // EOP
    static var operationError: UInt32 { 1 << 1 }  // OPERR
    static var programError: UInt32 { 1 << 3 }  // PROGERR: the double word was not erased
    static var writeProtectionError: UInt32 { 1 << 4 }  // WRPERR
    static var sequenceErrors: UInt32 { 0b11111 << 5 }  // PGAERR, SIZERR, PGSERR, MISERR, FASTERR
    static var readProtectionError: UInt32 { 1 << 14 }  // RDERR
    static var errors: UInt32 {
        operationError | programError | writeProtectionError | sequenceErrors | readProtectionError
    }
    static var busy: UInt32 { 1 << 16 }  // BSY
    // CR
    static var program: UInt32 { 1 << 0 }  // PG
    static var pageErase: UInt32 { 1 << 1 }  // PER
    static var start: UInt32 { 1 << 16 }  // STRT
    static var lock: UInt32 { 1 << 31 }  // LOCK
    /// PNB and BKER: page 0…255 of bank 0 or 1.
    static func page(_ number: UInt32, bank: UInt32) -> UInt32 { number << 3 | bank << 11 }

    /// Pages of a bank: 256 in parts of 1 MB, and in smaller ones that have but one bank (3.3.1, tables 4 to 6; OPTR.DUALBANK); else half
    /// of the part. `kilobytes` is the size in the part's own words (RM 49.2).
    public static func pagesPerBank<R: RegisterBlock>(_ registers: R, kilobytes: UInt32) -> UInt32 {
        kilobytes >= 1024 || registers.load(options) & 1 << 21 == 0 ? 256 : max(kilobytes, 256) / 4
    }
}

/// Some pages of the main memory, 2048 bytes each, in double words of 8 bytes: the part keeps an error-correcting code for each, so a double
/// word is programmed once between two erases. Rated 10,000 erases; a double word takes at most 91 µs and a page 25 ms, and code that runs
/// from the same bank stands still meanwhile (STM32L475xx data sheet DS10969, 6.3.10).
///
/// `Registers` is the flash interface, `Memory` the main memory from 0x0800_0000.
public struct PageFlash<Registers: RegisterBlock, Memory: RegisterBlock>: NORFlash, ~Copyable {
    public static var writeUnit: Int { 8 }
    static var pageBytes: Int { 2048 }

    /// The flash interface. Locked (FLASH_CR LOCK) but while a page is erased or programmed.
    public var registers: Registers
    /// The main memory from 0x0800_0000, to read and to program.
    public var memory: Memory
    private let firstPage: Int
    private let pagesPerBank: UInt32
    public let pageCount: Int

    /// Pages `firstPage ..< firstPage + count` of the part, counted from the start of the main memory.
    /// - Parameter pagesPerBank: see `FlashInterface.pagesPerBank`.
    public init(registers: Registers, memory: Memory, firstPage: Int, count: Int, pagesPerBank: UInt32) {
        precondition(firstPage >= 0 && count >= 0 && firstPage + count <= 512 && pagesPerBank > 0)
        self.registers = registers
        self.memory = memory
        self.firstPage = firstPage
        self.pagesPerBank = pagesPerBank
        pageCount = count
    }

    public func pageSize(_ page: Int) -> Int { Self.pageBytes }

    private func place(_ page: Int, _ offset: Int, _ count: Int) throws(FlashError) -> UInt32 {
        guard page >= 0, page < pageCount, offset >= 0, count >= 0, offset <= Self.pageBytes - count else { throw .outOfBounds }
        return UInt32(truncatingIfNeeded: (firstPage &+ page) &* Self.pageBytes &+ offset)
    }

    public func read(page: Int, offset: Int, into bytes: inout MutableRawSpan) throws(FlashError) {
        let place = try place(page, offset, bytes.byteCount)
        for index in 0..<bytes.byteCount {
            let at = place &+ UInt32(truncatingIfNeeded: index)
            let word = memory.load(at & ~3)
            bytes.storeBytes(of: UInt8(truncatingIfNeeded: word &>> (at & 3 &* 8)), toByteOffset: index, as: UInt8.self)
        }
    }

    public mutating func program(page: Int, offset: Int, _ bytes: RawSpan) throws(FlashError) {
        let place = try place(page, offset, bytes.byteCount)
        guard (offset | bytes.byteCount) & 7 == 0 else { throw .unaligned }
        try unlock()
        registers.store(FlashInterface.control, FlashInterface.program)
        defer { registers.store(FlashInterface.control, FlashInterface.lock) }
        var at = 0
        while at < bytes.byteCount {
            let low = bytes.unsafeLoadUnaligned(fromByteOffset: at, as: UInt32.self)
            let high = bytes.unsafeLoadUnaligned(fromByteOffset: at &+ 4, as: UInt32.self)
            let target = place &+ UInt32(truncatingIfNeeded: at)
            // The second half starts the operation (3.3.7).
            memory.store(target, low)
            memory.store(target &+ 4, high)
            try finish(otherwise: .programFailed)
            guard memory.load(target) == low, memory.load(target &+ 4) == high else { throw .programFailed }
            at &+= 8
        }
    }

    public mutating func erase(page: Int) throws(FlashError) {
        let place = try place(page, 0, 0)
        try unlock()
        let number = UInt32(truncatingIfNeeded: firstPage &+ page)
        let bank: UInt32 = number >= pagesPerBank ? 1 : 0
        let command = FlashInterface.pageErase | FlashInterface.page(number &- bank &* pagesPerBank, bank: bank)
        registers.store(FlashInterface.control, command)
        registers.store(FlashInterface.control, command | FlashInterface.start)
        defer { registers.store(FlashInterface.control, FlashInterface.lock) }
        try finish(otherwise: .eraseFailed)
        resetDataCache()
        var at: UInt32 = 0
        while at < UInt32(Self.pageBytes) {
            guard memory.load(place &+ at) == .max else { throw .eraseFailed }
            at &+= 4
        }
    }

    /// Unlocks the control register and forgets old errors (3.3.5, 3.3.6).
    private mutating func unlock() throws(FlashError) {
        try waitWhileBusy()
        if registers.load(FlashInterface.control) & FlashInterface.lock != 0 {
            registers.store(FlashInterface.key, FlashInterface.key1)
            registers.store(FlashInterface.key, FlashInterface.key2)
        }
        registers.store(FlashInterface.status, FlashInterface.errors | FlashInterface.endOfOperation)
    }

    private mutating func finish(otherwise failure: FlashError) throws(FlashError) {
        try waitWhileBusy()
        let status = registers.load(FlashInterface.status)
        if status & FlashInterface.writeProtectionError != 0 { throw .writeProtected }
        if status & FlashInterface.errors != 0 { throw failure }
    }

    /// At 80 MHz and five cycles or more each, these turns last beyond the 25 ms of the slowest erase.
    private func waitWhileBusy() throws(FlashError) {
        for _ in 0..<2_000_000 where registers.load(FlashInterface.status) & FlashInterface.busy == 0 { return }
        throw .timeout
    }

    /// The data cache may hold what was erased; it can be reset only while it is off (3.3.4).
    private mutating func resetDataCache() {
        let control = registers.load(FlashInterface.accessControl)
        guard control & FlashInterface.dataCacheEnable != 0 else { return }
        registers.store(FlashInterface.accessControl, control & ~FlashInterface.dataCacheEnable)
        registers.store(FlashInterface.accessControl, control & ~FlashInterface.dataCacheEnable | FlashInterface.dataCacheReset)
        registers.store(FlashInterface.accessControl, control & ~FlashInterface.dataCacheEnable)
        registers.store(FlashInterface.accessControl, control)
    }
}
