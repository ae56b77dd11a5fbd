// A NOR flash part made of RAM: the board has no flash that code can write. Like a real part it can only clear bits until a page is erased;
// unlike one it forgets when the power goes.

import HAL

/// Pages of 4096 bytes, in words of 4 bytes. Both sizes are this project's choice.
public struct RAMFlash: NORFlash, ~Copyable {
    public static var writeUnit: Int { 4 }
    private static var pageBytes: Int { 4096 }

    private let address: UInt
    public let pageCount: Int

    /// The pages from `address`, a multiple of 4 in a RAM that nothing else uses: see `startup_store_address`.
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
        var at = 0
        while at < bytes.byteCount {
            let word = bytes.unsafeLoadUnaligned(fromByteOffset: at, as: UInt32.self)
            let target = Register(place &+ UInt(bitPattern: at))
            target.store(target.load() & word)
            guard target.load() == word else { throw .programFailed }
            at &+= 4
        }
    }

    public mutating func erase(page: Int) throws(FlashError) {
        let place = try place(page, 0, Self.pageBytes)
        for word in 0..<UInt(Self.pageBytes / 4) { Register(place &+ word &* 4).store(.max) }
    }
}
