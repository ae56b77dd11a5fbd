// Parts of spans. The standard library checks the bounds where a part is taken; here one function does so for all.

extension RawSpan {
    /// The bytes from `start` up to `end`, which must be inside.
    @inline(never)
    @_lifetime(copy self)
    public func part(_ start: Int, _ end: Int) -> RawSpan {
        precondition(start >= 0 && start <= end && end <= byteCount)
        return unsafe extracting(unchecked: start..<end)
    }
}
