// Conveniences for the host's tests and tools; compiled out of images.

#if !hasFeature(Embedded)
extension FlashText: CustomStringConvertible, Equatable {
    /// The text as UTF-8; a byte that is none becomes U+FFFD.
    public var description: String { String(decoding: UnsafeBufferPointer(start: start, count: count), as: UTF8.self) }
    /// Compares the texts, not where they are in memory.
    public static func == (a: FlashText, b: FlashText) -> Bool { a.description == b.description }
}

extension RawSpan {
    /// A copy of the bytes.
    public var array: [UInt8] { withUnsafeBytes { Array($0) } }
}
#endif
