// What the flash interfaces of the STM32F4 and L4 have in common (RM0383 3, RM0351 3): keys, errors, the data cache. Where each register lies,
// and what is erased and programmed at a time, is the chip's.

import HAL

/// Where a chip's flash interface has its registers.
public protocol FlashRegisters {
    /// Offset of ACR.
    static var accessControl: UInt32 { get }
    /// Offset of KEYR.
    static var key: UInt32 { get }
    /// Offset of SR.
    static var status: UInt32 { get }
    /// Offset of CR.
    static var control: UInt32 { get }
    /// Bits of SR that say that an operation failed; cleared by writing 1.
    static var errors: UInt32 { get }
    /// Reads of SR that last beyond the slowest operation, at five cycles or more each.
    static var patience: Int { get }
}

/// Bits that both chips have.
public enum FlashBit {
    // ACR
    static var dataCacheEnable: UInt32 { 1 << 10 }  // DCEN
    static var dataCacheReset: UInt32 { 1 << 12 }  // DCRST
    // KEYR (RM0383 3.5.1, RM0351 3.3.5)
    public static var key1: UInt32 { 0x4567_0123 }
    public static var key2: UInt32 { 0xCDEF_89AB }
    // SR; all but BSY are cleared by writing 1
    static var endOfOperation: UInt32 { 1 << 0 }  // EOP
    public static var operationError: UInt32 { 1 << 1 }  // OPERR
    public static var writeProtectionError: UInt32 { 1 << 4 }  // WRPERR
    public static var busy: UInt32 { 1 << 16 }  // BSY
    // CR
    public static var program: UInt32 { 1 << 0 }  // PG
    public static var erase: UInt32 { 1 << 1 }  // SER, PER
    public static var start: UInt32 { 1 << 16 }  // STRT
    public static var lock: UInt32 { 1 << 31 }  // LOCK
}

/// Some of a chip's main memory as a NOR part.
public protocol FlashController: NORFlash, ~Copyable {
    associatedtype Layout: FlashRegisters
    associatedtype Registers: RegisterBlock
    associatedtype Memory: RegisterBlock
    /// The flash interface. Locked (FLASH_CR LOCK) but while something is erased or programmed.
    var registers: Registers { get set }
    /// The main memory from its first byte, to read and to program.
    var memory: Memory { get set }
    /// Offset in the main memory of the `count` bytes at `offset` of `page`.
    /// - Throws: `outOfBounds` unless all of them are in that page.
    func place(_ page: Int, _ offset: Int, _ count: Int) throws(FlashError) -> UInt32
}

extension FlashController where Self: ~Copyable {
    public func read(page: Int, offset: Int, into bytes: inout MutableRawSpan) throws(FlashError) {
        let place = try place(page, offset, bytes.byteCount)
        for index in 0..<bytes.byteCount {
            let at = place &+ UInt32(truncatingIfNeeded: index)
            let word = memory.load(at & ~3)
            bytes.storeBytes(of: UInt8(truncatingIfNeeded: word &>> (at & 3 &* 8)), toByteOffset: index, as: UInt8.self)
        }
    }

    /// Erases `page` by `command` of CR, and looks whether it is erased.
    public mutating func erase(page: Int, by command: UInt32) throws(FlashError) {
        let place = try place(page, 0, 0)
        try unlock()
        registers.store(Layout.control, command)
        registers.store(Layout.control, command | FlashBit.start)
        defer { registers.store(Layout.control, FlashBit.lock) }
        try finish(otherwise: .eraseFailed)
        resetDataCache()
        var at: UInt32 = 0
        while at < UInt32(pageSize(page)) {
            guard memory.load(place &+ at) == .max else { throw .eraseFailed }
            at &+= 4
        }
    }

    /// Unlocks the control register and forgets old errors (RM0383 3.5.1 and 3.5.2, RM0351 3.3.5 and 3.3.6).
    public mutating func unlock() throws(FlashError) {
        try waitWhileBusy()
        if registers.load(Layout.control) & FlashBit.lock != 0 {
            registers.store(Layout.key, FlashBit.key1)
            registers.store(Layout.key, FlashBit.key2)
        }
        registers.store(Layout.status, Layout.errors | FlashBit.endOfOperation)
    }

    /// Waits for the end of an operation.
    /// - Throws: `writeProtected`, `timeout`, or `failure` for any other error of the interface.
    public mutating func finish(otherwise failure: FlashError) throws(FlashError) {
        try waitWhileBusy()
        let status = registers.load(Layout.status)
        if status & FlashBit.writeProtectionError != 0 { throw .writeProtected }
        if status & Layout.errors != 0 { throw failure }
    }

    private func waitWhileBusy() throws(FlashError) {
        for _ in 0..<Layout.patience where registers.load(Layout.status) & FlashBit.busy == 0 { return }
        throw .timeout
    }

    /// The data cache may hold what was erased; it can be reset only while it is off (RM0383 3.4.2, RM0351 3.3.4).
    private mutating func resetDataCache() {
        let control = registers.load(Layout.accessControl)
        guard control & FlashBit.dataCacheEnable != 0 else { return }
        registers.store(Layout.accessControl, control & ~FlashBit.dataCacheEnable)
        registers.store(Layout.accessControl, control & ~FlashBit.dataCacheEnable | FlashBit.dataCacheReset)
        registers.store(Layout.accessControl, control & ~FlashBit.dataCacheEnable)
        registers.store(Layout.accessControl, control)
    }
}
