// Conveniences for the host's tests and tools; compiled out of images.

#if !hasFeature(Embedded)
extension FlashText: CustomStringConvertible, Equatable {
    public var description: String { String(decoding: UnsafeBufferPointer(start: start, count: count), as: UTF8.self) }
    public static func == (a: FlashText, b: FlashText) -> Bool { a.description == b.description }
}

extension RawSpan {
    /// A copy of the bytes.
    public var array: [UInt8] { withUnsafeBytes { Array($0) } }
}
#endif
