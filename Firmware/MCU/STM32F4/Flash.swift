// The flash interface of the STM32F411: programming and erasing sectors. Numbers are sections of the reference manual RM0383.

import HAL

/// Registers of the flash interface, by offset (RM0383, 3.8).
public enum FlashInterface {
    /// Address of FLASH_ACR, the first register (RM0383 2.3, table 1).
    public static var base: UInt32 { 0x4002_3C00 }
    static var accessControl: UInt32 { 0x00 }  // ACR
    static var key: UInt32 { 0x04 }  // KEYR
    static var status: UInt32 { 0x0C }  // SR
    static var control: UInt32 { 0x10 }  // CR

    // ACR
    static var dataCacheEnable: UInt32 { 1 << 10 }  // DCEN
    static var dataCacheReset: UInt32 { 1 << 12 }  // DCRST
    // KEYR (3.5.1)
    static var key1: UInt32 { 0x4567_0123 }
    static var key2: UInt32 { 0xCDEF_89AB }
    // SR; all but BSY are cleared by writing 1
    static var operationError: UInt32 { 1 << 1 }  // OPERR
    static var writeProtectionError: UInt32 { 1 << 4 }  // WRPERR
    static var sequenceErrors: UInt32 { 0b111 << 5 }  // PGAERR, PGPERR, PGSERR
    static var readProtectionError: UInt32 { 1 << 8 }  // RDERR
    static var errors: UInt32 {
        operationError | writeProtectionError | sequenceErrors | readProtectionError
    }
    static var endOfOperation: UInt32 { 1 << 0 }  // EOP
    static var busy: UInt32 { 1 << 16 }  // BSY
    // CR
    static var program: UInt32 { 1 << 0 }  // PG
    static var sectorErase: UInt32 { 1 << 1 }  // SER
    static var programSize32: UInt32 { 0b10 << 8 }  // PSIZE: 32 bits at a time, supply from 2.7 V
    static var start: UInt32 { 1 << 16 }  // STRT
    static var lock: UInt32 { 1 << 31 }  // LOCK
    static func sector(_ number: Int) -> UInt32 { UInt32(truncatingIfNeeded: number) << 3 }  // SNB

    /// The sector that begins `offset` bytes into the main memory (RM0383, table 5): 0…3 of 16 KB, 4 of 64 KB, 5…7 of 128 KB; 8 is its end.
    @inline(__always) public static func sector(at offset: Int) -> Int {
        offset < 0x2_0000 ? min(offset / 0x4000, 4) : 4 + offset / 0x2_0000
    }
}

/// Some sectors of the main memory, in words of 4 bytes. Rated 10,000 erases; a word takes at most 100 µs and a sector of 128 KB 2 s at a
/// supply from 2.7 V, and code that runs from flash stands still meanwhile (STM32F411xC/E data sheet DS10314, 6.3.12).
///
/// `Registers` is the flash interface, `Memory` the main memory from 0x0800_0000.
public struct SectorFlash<Registers: RegisterBlock, Memory: RegisterBlock>: NORFlash, ~Copyable {
    public static var writeUnit: Int { 4 }

    /// The flash interface. Locked (FLASH_CR LOCK) but while a sector is erased or programmed.
    public var registers: Registers
    /// The main memory from 0x0800_0000, to read and to program.
    public var memory: Memory
    private let firstSector: Int
    public let pageCount: Int

    /// Sectors `firstSector ..< firstSector + count` of the eight (RM0383, table 5).
    public init(registers: Registers, memory: Memory, firstSector: Int, count: Int) {
        precondition(firstSector >= 0 && count >= 0 && firstSector + count <= 8)
        self.registers = registers
        self.memory = memory
        self.firstSector = firstSector
        pageCount = count
    }

    /// Sectors 0…3 of 16 KB, 4 of 64 KB, 5…7 of 128 KB.
    public func pageSize(_ page: Int) -> Int {
        let sector = firstSector &+ page
        return sector < 4 ? 16 * 1024 : sector == 4 ? 64 * 1024 : 128 * 1024
    }

    /// Offset of a sector in the main memory.
    private static func sectorOffset(_ sector: Int) -> Int {
        sector <= 4 ? sector &* 16 * 1024 : (sector &- 4) &* 128 * 1024
    }

    private func place(_ page: Int, _ offset: Int, _ count: Int) throws(FlashError) -> UInt32 {
        guard page >= 0, page < pageCount, offset >= 0, count >= 0, offset <= pageSize(page) - count else { throw .outOfBounds }
        return UInt32(truncatingIfNeeded: Self.sectorOffset(firstSector &+ page) &+ offset)
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
        guard (offset | bytes.byteCount) & 3 == 0 else { throw .unaligned }
        try unlock()
        registers.store(FlashInterface.control, FlashInterface.program | FlashInterface.programSize32)
        defer { registers.store(FlashInterface.control, FlashInterface.lock) }
        var at = 0
        while at < bytes.byteCount {
            let word = bytes.unsafeLoadUnaligned(fromByteOffset: at, as: UInt32.self)
            let target = place &+ UInt32(truncatingIfNeeded: at)
            memory.store(target, word)
            try finish(otherwise: .programFailed)
            guard memory.load(target) == word else { throw .programFailed }
            at &+= 4
        }
    }

    public mutating func erase(page: Int) throws(FlashError) {
        let place = try place(page, 0, 0)
        try unlock()
        let command = FlashInterface.sectorErase | FlashInterface.sector(firstSector &+ page) | FlashInterface.programSize32
        registers.store(FlashInterface.control, command)
        registers.store(FlashInterface.control, command | FlashInterface.start)
        defer { registers.store(FlashInterface.control, FlashInterface.lock) }
        try finish(otherwise: .eraseFailed)
        resetDataCache()
        var at: UInt32 = 0
        while at < UInt32(pageSize(page)) {
            guard memory.load(place &+ at) == .max else { throw .eraseFailed }
            at &+= 4
        }
    }

    /// Unlocks the control register and forgets old errors (3.5.1, 3.5.2).
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

    /// At 100 MHz and five cycles or more each, these turns last beyond the 4 s of the slowest erase.
    private func waitWhileBusy() throws(FlashError) {
        for _ in 0..<100_000_000 where registers.load(FlashInterface.status) & FlashInterface.busy == 0 { return }
        throw .timeout
    }

    /// The data cache may hold what was erased; it can be reset only while it is off (3.4.2).
    private mutating func resetDataCache() {
        let control = registers.load(FlashInterface.accessControl)
        guard control & FlashInterface.dataCacheEnable != 0 else { return }
        registers.store(FlashInterface.accessControl, control & ~FlashInterface.dataCacheEnable)
        registers.store(FlashInterface.accessControl, control & ~FlashInterface.dataCacheEnable | FlashInterface.dataCacheReset)
        registers.store(FlashInterface.accessControl, control & ~FlashInterface.dataCacheEnable)
        registers.store(FlashInterface.accessControl, control)
    }
}
