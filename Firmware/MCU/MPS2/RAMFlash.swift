// A NOR flash part made of RAM: the board has no flash that code can write. Like a real part it can only clear bits until a page is erased;
// unlike one it forgets when the power goes.

import HAL

/// Pages of 4096 bytes, in words of 4 bytes. Both sizes are this project's choice.
public struct RAMFlash: MappedFlash, ~Copyable {
    public static var writeUnit: Int { 4 }
    public static var pageBytes: Int { 4096 }
    public let address: UInt
    public let pageCount: Int

    /// The pages from `address`, a multiple of 4 in a RAM that nothing else uses.
    public init(address: UInt, pageCount: Int) { (self.address, self.pageCount) = (address, pageCount) }

    public mutating func program(page: Int, offset: Int, _ bytes: RawSpan) throws(FlashError) {
        let place = try place(page, offset, bytes.byteCount)
        guard (offset | bytes.byteCount) & 3 == 0 else { throw .unaligned }
        var at = 0
        while at < bytes.byteCount {
            let word = bytes.unsafeLoadUnaligned(fromByteOffset: at, as: UInt32.self)
            let target = Peripheral(place &+ UInt(bitPattern: at))
            target.store(0, target.load(0) & word)
            guard target.load(0) == word else { throw .programFailed }
            at &+= 4
        }
    }

    public mutating func erase(page: Int) throws(FlashError) {
        let page = Peripheral(try self.place(page, 0, Self.pageBytes))
        for word in 0..<UInt32(Self.pageBytes / 4) { page.store(word &* 4, .max) }
    }
}
