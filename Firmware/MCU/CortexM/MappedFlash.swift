// A flash that the CPU reads like any memory.

import HAL

/// Pages of one size, from an address that is a multiple of 4.
public protocol MappedFlash: NORFlash, ~Copyable {
    /// Bytes of each page.
    static var pageBytes: Int { get }
    /// Where the first page begins.
    var address: UInt { get }
}

extension MappedFlash where Self: ~Copyable {
    @inline(__always) public func pageSize(_ page: Int) -> Int { Self.pageBytes }

    /// The address of the `count` bytes at `offset` of `page`.
    /// - Throws: `outOfBounds` unless all of them are in that page.
    public func place(_ page: Int, _ offset: Int, _ count: Int) throws(FlashError) -> UInt {
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
                bytes.storeBytes(of: Peripheral(place &+ UInt(bitPattern: at)).load(0), toByteOffset: at, as: UInt32.self)
                at &+= 4
            }
        } else {
            bytes.withUnsafeMutableBytes { $0.copyMemory(from: UnsafeRawBufferPointer(start: source, count: count)) }
        }
    }
}
