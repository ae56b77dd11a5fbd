// A flash that can be read, erased and written piece by piece: over DFU, or in an emulated board's file.
import Foundation
import Reporting

/// One unit that is erased at once.
public struct FlashSector: Equatable, Sendable {
    /// Its first byte; a multiple of the part's `blockSize` from the first sector.
    public var address: UInt64
    /// Bytes.
    public var size: Int

    /// - Parameter size: bytes, more than 0.
    public init(address: UInt64, size: Int) { (self.address, self.size) = (address, size) }

    /// Its addresses, the end excluded.
    public var range: Range<UInt64> { address..<address + UInt64(size) }
}

/// A board's flash, open for reading and writing. Used by one thread.
public protocol FlashPart: AnyObject {
    /// What messages call it.
    var name: String { get }
    /// By address.
    var sectors: [FlashSector] { get }
    /// Bytes that are read or written at once; sectors are multiples of it.
    var blockSize: Int { get }
    /// How to recover the device when a flash was given up half-way: one sentence without a full stop.
    var recovery: String { get }

    /// The block at `address`, a multiple of `blockSize` from the first sector.
    /// - Throws: `PartFault`.
    func readBlock(at address: UInt64) throws -> Data
    /// Sets all bytes of the sector to 0xFF.
    /// - Throws: `PartFault`; the sector may be partly erased then.
    func erase(_ sector: FlashSector) throws
    /// Writes `blockSize` bytes to an erased place.
    /// - Throws: `PartFault`; the block may be partly written then.
    func writeBlock(_ block: Data, at address: UInt64) throws
    /// Everything is written: start the image.
    /// - Throws: `PartFault`; the flash holds the image all the same.
    func finish() throws
}

/// What a part could not do. The engine adds what that means for the flash.
public struct PartFault: Error, Equatable, Sendable {
    /// What it is when nothing was written yet.
    public var kind: Failure.Kind
    /// What could not be done, and to what: one sentence without a full stop.
    public var what: String
    /// What helps when nothing was written yet; otherwise the part's `recovery` is shown in its place.
    public var remedy: Remedy
    /// The device has left the bus: it may come back by itself.
    public var isDeparture = false

    /// - Parameter what: one sentence without a full stop.
    public init(_ kind: Failure.Kind, _ what: String, remedy: Remedy) {
        self.kind = kind
        self.what = what
        self.remedy = remedy
    }

    /// A fault after which no command of this project helps.
    /// - Parameters:
    ///   - what: one sentence without a full stop.
    ///   - advice: the next thing to do: one sentence without a full stop.
    public init(_ kind: Failure.Kind, _ what: String, advice: String) { self.init(kind, what, remedy: .advice(advice)) }
}
