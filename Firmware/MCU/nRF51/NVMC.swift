// The non-volatile memory controller: programming and erasing pages of the code flash (RM 6).

import HAL

private enum NVMC {
    static let base: UInt = 0x4001_E000
    static let ready = Register(base + 0x400)  // READY
    static let config = Register(base + 0x504)  // CONFIG
    static let erasePage = Register(base + 0x508)  // ERASEPAGE
    static let readOnly: UInt32 = 0  // CONFIG.WEN
    static let writeEnabled: UInt32 = 1
    static let eraseEnabled: UInt32 = 2
}

/// Pages of 1024 bytes of the code flash, in words of 4 bytes. Rated 20,000 erases; a word takes at most 46 µs and an erase 21 ms, and the
/// CPU stands still meanwhile (nRF51822 Product Specification v3.3, 8.9; RM 6.1.2). Nobody else may use the controller.
public struct CodeFlash: NORFlash, ~Copyable {
    public static var writeUnit: Int { 4 }
    private static var pageBytes: Int { 1024 }

    private let address: UInt
    public let pageCount: Int

    /// The pages from `address`, a multiple of 1024: see `startup_store_address`.
    public init(address: UInt, pageCount: Int) {
        self.address = address
        self.pageCount = pageCount
    }

    public func pageSize(_ page: Int) -> Int { Self.pageBytes }

    private func place(_ page: Int, _ offset: Int, _ count: Int) throws(FlashError) -> UInt {
        guard page >= 0, page < pageCount, offset >= 0, count >= 0, offset <= Self.pageBytes - count else { throw .outOfBounds }
        return address &+ UInt(bitPattern: page &* Self.pageBytes &+ offset)
    }

    public func read(page: Int, offset: Int, into bytes: inout MutableRawSpan) throws(FlashError) {
        let place = try place(page, offset, bytes.byteCount)
        guard let source = UnsafeRawPointer(bitPattern: place) else { throw .outOfBounds }
        let count = bytes.byteCount
        // The flash changes behind the optimiser's back: words are loaded as registers are.
        if (place | UInt(count)) & 3 == 0 {
            var at = 0
            while at < count {
                bytes.storeBytes(of: Register(place &+ UInt(bitPattern: at)).load(), toByteOffset: at, as: UInt32.self)
                at &+= 4
            }
        } else {
            bytes.withUnsafeMutableBytes { $0.copyMemory(from: UnsafeRawBufferPointer(start: source, count: count)) }
        }
    }

    public mutating func program(page: Int, offset: Int, _ bytes: RawSpan) throws(FlashError) {
        let place = try place(page, offset, bytes.byteCount)
        guard (offset | bytes.byteCount) & 3 == 0 else { throw .unaligned }
        NVMC.config.store(NVMC.writeEnabled)
        defer { NVMC.config.store(NVMC.readOnly) }
        var at = 0
        while at < bytes.byteCount {
            let word = bytes.unsafeLoadUnaligned(fromByteOffset: at, as: UInt32.self)
            let target = Register(place &+ UInt(bitPattern: at))
            target.store(word)
            try waitUntilReady()
            guard target.load() == word else { throw .programFailed }
            at &+= 4
        }
    }

    public mutating func erase(page: Int) throws(FlashError) {
        let place = try place(page, 0, Self.pageBytes)
        NVMC.config.store(NVMC.eraseEnabled)
        defer { NVMC.config.store(NVMC.readOnly) }
        NVMC.erasePage.store(UInt32(truncatingIfNeeded: place))
        try waitUntilReady()
        for word in 0..<UInt(Self.pageBytes / 4) where Register(place &+ word &* 4).load() != .max { throw .eraseFailed }
    }

    /// At 16 MHz and four cycles or more each, these turns last beyond the 21 ms of the slowest operation.
    private func waitUntilReady() throws(FlashError) {
        for _ in 0..<400_000 where NVMC.ready.load() & 1 != 0 { return }
        throw .timeout
    }
}

/// Readback protection of the whole chip (RM 7.1.2, UICR RBPCONF): PALL in bits 15…8, 0x00 when it is on. A debugger then reads nothing,
/// and can do nothing but erase everything.
private var readbackProtection: Register { Register(0x1000_1004) }

/// True once PALL is written, also before the reset that puts it in force.
public func isFlashReadbackProtected() -> Bool { readbackProtection.load() & 0xFF00 == 0 }

/// In force from the next reset. The CPU stands still while the word is written, as it is when flash is (RM 6.1.2).
public func protectFlashReadback() {
    NVMC.config.store(NVMC.writeEnabled)
    readbackProtection.store(0xFFFF_00FF)
    NVMC.config.store(NVMC.readOnly)
}
