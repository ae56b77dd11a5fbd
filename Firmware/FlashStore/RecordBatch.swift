// Several changes of records that are made together.
import HAL

/// Puts and removes that `FlashStore.apply` makes all or none. `capacity` bytes hold it: three for each change and its value. `wipe` it
/// when it held secrets.
public struct RecordBatch<let capacity: Int>: ~Copyable {
    private let inMemory = InMemory()
    var bytes = InlineArray<capacity, UInt8>(repeating: 0)
    var count = 0

    /// No changes yet.
    public init() {}

    /// Forgets all changes and overwrites them.
    public mutating func wipe() {
        for index in bytes.indices { bytes[index] = 0 }
        count = 0
    }

    /// Adds a change: `key` gets a value of at most 240 bytes. The last change of a key counts.
    ///
    /// - Throws: `wrongLength` for a longer value, `full` when the batch has no room for it.
    @inline(never)
    public mutating func put(_ key: UInt8, _ value: Span<UInt8>, secret: Bool = false) throws(StoreError) {
        guard value.count <= StoreLimits.value else { throw .wrongLength }
        guard count + 3 + value.count <= capacity else { throw .full }
        bytes[count] = key
        bytes[count + 1] = secret ? RecordHeader.secret : 0
        bytes[count + 2] = UInt8(value.count)
        for index in value.indices { bytes[count + 3 + index] = value[index] }
        count += 3 + value.count
    }

    /// Adds a change: `key` has no value any more.
    public mutating func remove(_ key: UInt8) throws(StoreError) {
        guard count + 3 <= capacity else { throw .full }
        bytes[count] = key
        bytes[count + 1] = RecordHeader.removed
        bytes[count + 2] = 0
        count += 3
    }
}

/// The changes of one operation: a single one, or those of a batch.
struct RecordChanges: ~Copyable, ~Escapable {
    private let inMemory = InMemory()
    private let single: RecordHeader?
    let bytes: Span<UInt8>

    @_lifetime(copy value)
    init(_ header: RecordHeader, _ value: Span<UInt8>) {
        single = header
        bytes = value
    }

    @_lifetime(copy encoded)
    init(encoded: Span<UInt8>) {
        single = nil
        bytes = encoded
    }

    /// The change at `cursor`, which moves on, and where its value is in `bytes`.
    @inline(never)
    func next(_ cursor: inout Int) -> (RecordHeader, Range<Int>)? {
        if let single {
            guard cursor == 0 else { return nil }
            cursor = 1
            return (single, 0..<bytes.count)
        }
        guard cursor < bytes.count else { return nil }
        let header = RecordHeader(key: bytes[cursor], flags: bytes[cursor + 1], length: bytes[cursor + 2])
        let start = cursor + 3
        cursor = start + Int(header.length)
        return (header, start..<cursor)
    }

    func isAtEnd(_ cursor: Int) -> Bool { single != nil ? cursor > 0 : cursor >= bytes.count }

    /// A change of `key` comes at or after `start`.
    @inline(never)
    func change(_ key: UInt8, from start: Int) -> Bool {
        var cursor = start
        while let (header, _) = next(&cursor) {
            if header.key == key { return true }
        }
        return false
    }
}
