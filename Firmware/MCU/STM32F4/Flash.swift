// The flash interface of the STM32F411: programming and erasing sectors. Numbers are sections of the reference manual RM0383.

import HAL
import STM32

extension Base {
    /// The flash interface (RM 3.8), not the memory.
    public static var flash: UInt { 0x4002_3C00 }
}

/// Registers of the flash interface, by offset (RM0383, 3.8), and the bits that only this chip has.
public enum FlashInterface: FlashRegisters {
    /// Address of FLASH_ACR, the first register (RM0383 2.3, table 1).
    public static var base: UInt32 { 0x4002_3C00 }
    public static var accessControl: UInt32 { 0x00 }  // ACR
    public static var key: UInt32 { 0x04 }  // KEYR
    public static var status: UInt32 { 0x0C }  // SR
    public static var control: UInt32 { 0x10 }  // CR

    // SR
    static var sequenceErrors: UInt32 { 0b111 << 5 }  // PGAERR, PGPERR, PGSERR
    static var readProtectionError: UInt32 { 1 << 8 }  // RDERR
    public static var errors: UInt32 {
        FlashBit.operationError | FlashBit.writeProtectionError | sequenceErrors | readProtectionError
    }
    // CR
    static var programSize32: UInt32 { 0b10 << 8 }  // PSIZE: 32 bits at a time, supply from 2.7 V
    static func sector(_ number: Int) -> UInt32 { UInt32(truncatingIfNeeded: number) << 3 }  // SNB

    /// At 100 MHz beyond the 4 s of the slowest erase.
    public static var patience: Int { 100_000_000 }

    /// The sector that begins `offset` bytes into the main memory (RM0383, table 5): 0…3 of 16 KB, 4 of 64 KB, 5…7 of 128 KB; 8 is its end.
    @inline(__always) public static func sector(at offset: Int) -> Int {
        offset < 0x2_0000 ? min(offset / 0x4000, 4) : 4 + offset / 0x2_0000
    }
}

/// Some sectors of the main memory, in words of 4 bytes. Rated 10,000 erases; a word takes at most 100 µs and a sector of 128 KB 2 s at a
/// supply from 2.7 V, and code that runs from flash stands still meanwhile (STM32F411xC/E data sheet DS10314, 6.3.12).
///
/// `Registers` is the flash interface, `Memory` the main memory from 0x0800_0000.
public struct SectorFlash<Registers: RegisterBlock, Memory: RegisterBlock>: FlashController, ~Copyable {
    public typealias Layout = FlashInterface
    public static var writeUnit: Int { 4 }

    public var registers: Registers
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

    public func place(_ page: Int, _ offset: Int, _ count: Int) throws(FlashError) -> UInt32 {
        guard page >= 0, page < pageCount, offset >= 0, count >= 0, offset <= pageSize(page) - count else { throw .outOfBounds }
        return UInt32(truncatingIfNeeded: Self.sectorOffset(firstSector &+ page) &+ offset)
    }

    public mutating func program(page: Int, offset: Int, _ bytes: RawSpan) throws(FlashError) {
        let place = try place(page, offset, bytes.byteCount)
        guard (offset | bytes.byteCount) & 3 == 0 else { throw .unaligned }
        try unlock()
        registers.store(FlashInterface.control, FlashBit.program | FlashInterface.programSize32)
        defer { registers.store(FlashInterface.control, FlashBit.lock) }
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
        try erase(page: page, by: FlashBit.erase | FlashInterface.sector(firstSector &+ page) | FlashInterface.programSize32)
    }
}
