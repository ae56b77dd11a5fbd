// The non-volatile memory controller: programming and erasing pages of the code flash (RM 6).

import HAL

extension Base {
    /// NVMC (RM 6), which programs the flash.
    public static var flash: UInt { 0x4001_E000 }
    /// UICR (RM 7), what its user wrote.
    public static var user: UInt { 0x1000_1000 }
}

/// Registers of the controller (RM 6).
private enum Offset {
    static var ready: UInt32 { 0x400 }  // READY
    static var configuration: UInt32 { 0x504 }  // CONFIG: 1:0 WEN
    static var erasePage: UInt32 { 0x508 }  // ERASEPAGE
}

/// CONFIG.WEN
private enum Enabled {
    static var reading: UInt32 { 0 }
    static var writing: UInt32 { 1 }
    static var erasing: UInt32 { 2 }
}

private var controller: Peripheral { Peripheral(Base.flash) }

/// Pages of 1024 bytes of the code flash, in words of 4 bytes. Rated 20,000 erases; a word takes at most 46 µs and an erase 21 ms, and the
/// CPU stands still meanwhile (nRF51822 Product Specification v3.3, 8.9; RM 6.1.2). Nobody else may use the controller.
public struct CodeFlash: MappedFlash, ~Copyable {
    public static var writeUnit: Int { 4 }
    public static var pageBytes: Int { 1024 }
    public let address: UInt
    public let pageCount: Int

    /// The pages from `address`, a multiple of 1024.
    public init(address: UInt, pageCount: Int) { (self.address, self.pageCount) = (address, pageCount) }

    public mutating func program(page: Int, offset: Int, _ bytes: RawSpan) throws(FlashError) {
        let place = try place(page, offset, bytes.byteCount)
        guard (offset | bytes.byteCount) & 3 == 0 else { throw .unaligned }
        controller.store(Offset.configuration, Enabled.writing)
        defer { controller.store(Offset.configuration, Enabled.reading) }
        var at = 0
        while at < bytes.byteCount {
            let word = bytes.unsafeLoadUnaligned(fromByteOffset: at, as: UInt32.self)
            let target = Peripheral(place &+ UInt(bitPattern: at))
            target.store(0, word)
            try waitUntilReady()
            guard target.load(0) == word else { throw .programFailed }
            at &+= 4
        }
    }

    public mutating func erase(page: Int) throws(FlashError) {
        let place = try place(page, 0, Self.pageBytes)
        controller.store(Offset.configuration, Enabled.erasing)
        defer { controller.store(Offset.configuration, Enabled.reading) }
        controller.store(Offset.erasePage, UInt32(truncatingIfNeeded: place))
        try waitUntilReady()
        let page = Peripheral(place)
        for word in 0..<UInt32(Self.pageBytes / 4) where page.load(word &* 4) != .max { throw .eraseFailed }
    }

    /// At 16 MHz and four cycles or more each, these turns last beyond the 21 ms of the slowest operation.
    private func waitUntilReady() throws(FlashError) {
        for _ in 0..<400_000 where controller.load(Offset.ready) & 1 != 0 { return }
        throw .timeout
    }
}

/// Readback protection of the whole chip (RM 7.1.2, UICR RBPCONF): PALL in bits 15…8, 0x00 when it is on. A debugger then reads nothing,
/// and can do nothing but erase everything.
private var readbackProtection: UInt32 { 0x004 }

/// True once PALL is written, also before the reset that puts it in force.
public func isFlashReadbackProtected() -> Bool { Peripheral(Base.user).load(readbackProtection) & 0xFF00 == 0 }

/// In force from the next reset. The CPU stands still while the word is written, as it is when flash is (RM 6.1.2).
public func protectFlashReadback() {
    controller.store(Offset.configuration, Enabled.writing)
    Peripheral(Base.user).store(readbackProtection, 0xFFFF_00FF)
    controller.store(Offset.configuration, Enabled.reading)
}
