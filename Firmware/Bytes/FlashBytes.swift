// Text of the image as a span of bytes, for whoever writes it to a wire.

extension FlashText {
    /// The bytes, which are there for ever.
    public var bytes: RawSpan {
        @_lifetime(immortal)
        get {
            _overrideLifetime(RawSpan(_unsafeStart: UnsafeRawPointer(start), byteCount: count), borrowing: ())
        }
    }
}
