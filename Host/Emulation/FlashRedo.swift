// A change of a flash file that is whole or not there, however the program that makes it ends: written down beside the file first.
import Foundation

/// The last change of a flash file, in a file of its own beside it: enough to make it once more.
///
/// Format: "LNREDO1\n", offset and number of bytes (32 bits each, little-endian), their FNV-1a sum (64 bits), the bytes. Its room is taken when
/// the board starts, so that a disk that is full later takes the change all the same.
final class FlashRedo {
    private static let magic = Array("LNREDO1\n".utf8)
    private static let header = 24
    private let path: String
    private var descriptor: Int32 = -1

    /// A change: where it begins in the flash, and what stands there from then on.
    struct Change: Equatable {
        let offset: Int
        let bytes: Data
    }

    /// - Parameter path: the flash file's.
    init(besides path: String) { self.path = Self.path(besides: path) }

    deinit { if descriptor >= 0 { close(descriptor) } }

    private static func path(besides path: String) -> String { path + ".redo" }

    /// Takes the room for changes of up to `count` bytes, if it is to be had.
    func reserve(_ count: Int) {
        guard open() else { return }
        _ = posix_fallocate(descriptor, 0, off_t(Self.header + count))
    }

    /// Writes the change down, in place of the one before.
    /// - Returns: false with `errno` when it could not be written: there is no change then.
    func write(_ change: Change) -> Bool {
        guard open() else { return false }
        var record = Self.magic
        for value in [UInt64(change.offset) | UInt64(change.bytes.count) << 32, Self.sum(change.bytes, at: change.offset)] {
            record += (0..<8).map { UInt8(truncatingIfNeeded: value >> ($0 * 8)) }
        }
        return store(record + change.bytes)
    }

    /// From now on there is none.
    func forget() {
        if descriptor >= 0 || FileManager.default.fileExists(atPath: path), open() {
            _ = store([UInt8](repeating: 0, count: Self.header))
        }
    }

    private func store(_ bytes: [UInt8]) -> Bool {
        if pwriteAll(bytes, to: descriptor, at: 0) { return true }
        let code = errno
        // Perhaps another file is there the next time.
        close(descriptor)
        descriptor = -1
        errno = code
        return false
    }

    /// The last change of the flash file at `path`; nil when there is none, or one that was not written to its end.
    static func change(besides path: String, size: Int) -> Change? {
        guard let file = FileHandle(forReadingAtPath: self.path(besides: path)),
            let record = try? file.read(upToCount: header + size), record.count > header,
            record.prefix(magic.count).elementsEqual(magic)
        else { return nil }
        func number(_ place: Int) -> UInt64 { (0..<8).reduce(0) { $0 | UInt64(record[place + $1]) << ($1 * 8) } }
        let (place, sum) = (number(8), number(16))
        let (offset, count) = (Int(place & 0xFFFF_FFFF), Int(place >> 32))
        guard count <= record.count - header, offset <= size, count <= size - offset else { return nil }
        let bytes = Data(record[header..<(header + count)])
        return self.sum(bytes, at: offset) == sum ? Change(offset: offset, bytes: bytes) : nil
    }

    private static func sum(_ bytes: Data, at offset: Int) -> UInt64 {
        bytes.reduce(0xCBF2_9CE4_8422_2325 ^ UInt64(offset)) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
    }

    private func open() -> Bool {
        if descriptor < 0 { descriptor = Glibc.open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600) }
        return descriptor >= 0
    }
}

/// Writes all of `bytes` at `offset`; false with `errno` when not all of it could be written.
func pwriteAll(_ bytes: some DataProtocol, to descriptor: Int32, at offset: Int) -> Bool {
    let bytes = [UInt8](bytes)
    var done = 0
    while done < bytes.count {
        let count = bytes.withUnsafeBytes { pwrite(descriptor, $0.baseAddress! + done, $0.count - done, off_t(offset + done)) }
        if count < 0, errno == EINTR { continue }
        guard count > 0 else {
            if count == 0 { errno = ENOSPC }
            return false
        }
        done += count
    }
    return true
}
