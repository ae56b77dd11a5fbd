// The flash interface of the STM32L475: programming double words and erasing pages. Numbers are sections of the reference manual RM0351.

import HAL
import STM32

extension Base {
    /// The flash interface (RM 3.7), not the memory.
    public static var flash: UInt { 0x4002_2000 }
}

/// Registers of the flash interface, by offset (3.7), and the bits that only this chip has.
public enum FlashInterface: FlashRegisters {
    public static var accessControl: UInt32 { 0x00 }  // ACR
    public static var key: UInt32 { 0x08 }  // KEYR
    public static var status: UInt32 { 0x10 }  // SR
    public static var control: UInt32 { 0x14 }  // CR
    static var options: UInt32 { 0x20 }  // OPTR

    // SR
    static var programError: UInt32 { 1 << 3 }  // PROGERR: the double word was not erased
    static var sequenceErrors: UInt32 { 0b11111 << 5 }  // PGAERR, SIZERR, PGSERR, MISERR, FASTERR
    static var readProtectionError: UInt32 { 1 << 14 }  // RDERR
    public static var errors: UInt32 {
        FlashBit.operationError | programError | FlashBit.writeProtectionError | sequenceErrors | readProtectionError
    }

    /// At 80 MHz beyond the 25 ms of the slowest erase.
    public static var patience: Int { 2_000_000 }

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
public struct PageFlash<Registers: RegisterBlock, Memory: RegisterBlock>: FlashController, ~Copyable {
    public typealias Layout = FlashInterface
    public static var writeUnit: Int { 8 }
    static var pageBytes: Int { 2048 }

    public var registers: Registers
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

    public func place(_ page: Int, _ offset: Int, _ count: Int) throws(FlashError) -> UInt32 {
        guard page >= 0, page < pageCount, offset >= 0, count >= 0, offset <= Self.pageBytes - count else { throw .outOfBounds }
        return UInt32(truncatingIfNeeded: (firstPage &+ page) &* Self.pageBytes &+ offset)
    }

    public mutating func program(page: Int, offset: Int, _ bytes: RawSpan) throws(FlashError) {
        let place = try place(page, offset, bytes.byteCount)
        guard (offset | bytes.byteCount) & 7 == 0 else { throw .unaligned }
        try unlock()
        registers.store(FlashInterface.control, FlashBit.program)
        defer { registers.store(FlashInterface.control, FlashBit.lock) }
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
        let number = UInt32(truncatingIfNeeded: firstPage &+ page)
        let bank: UInt32 = number >= pagesPerBank ? 1 : 0
        try erase(page: page, by: FlashBit.erase | FlashInterface.page(number &- bank &* pagesPerBank, bank: bank))
    }
}
