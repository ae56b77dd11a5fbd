// Pages of a flash that the CPU reads like any memory.

import HAL

/// `count` pages from `address`, each of `pageBytes`: where a place in them is, and what is there.
public struct MappedPages<let bytesOfPage: Int>: Sendable {
    private let address: UInt
    /// Pages.
    public let count: Int
    /// Bytes of each.
    @inline(__always) public var pageBytes: Int { bytesOfPage }

    /// `address` is a multiple of 4.
    @inline(__always) public init(address: UInt, count: Int) {
        self.address = address
        self.count = count
    }

    /// The address of the `count` bytes at `offset` of `page`.
    /// - Throws: `outOfBounds` unless all of them are in that page.
    @inline(__always)
    public func place(_ page: Int, _ offset: Int, _ count: Int) throws(FlashError) -> UInt {
        guard page >= 0, page < self.count, offset >= 0, count >= 0, offset <= bytesOfPage - count else { throw .outOfBounds }
        return address &+ UInt(bitPattern: page &* bytesOfPage &+ offset)
    }

    /// Reads as `NORFlash` does.
    @inline(__always)
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
