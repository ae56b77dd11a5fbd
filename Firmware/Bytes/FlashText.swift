// Text that is part of the image, and comparing it with bytes from a wire: no String, no Unicode tables.

/// Bytes of a string literal. Never freed, never changed, so a pointer to them is always good.
public struct FlashText: Sendable {
    /// Where the bytes are.
    nonisolated(unsafe) package let start: UnsafePointer<UInt8>
    /// Number of bytes.
    public let count: Int

    /// The UTF-8 of a literal, of which only place and length are kept.
    @inline(__always)
    public init(_ literal: StaticString) {
        start = literal.utf8Start
        count = literal.utf8CodeUnitCount
    }

    /// Bytes that are part of the image, or stay as they are for as long as it runs.
    @inline(__always)
    public init(start: UnsafePointer<UInt8>, count: Int) {
        self.start = start
        self.count = count
    }

    /// The byte at `index`, which must be inside.
    public subscript(index: Int) -> UInt8 {
        precondition(index >= 0 && index < count)
        return start[index]
    }

    /// True for a text of 0 bytes.
    public var isEmpty: Bool { count == 0 }

    /// True when `bytes` are exactly this text.
    @inline(never)
    public func matches(_ bytes: RawSpan) -> Bool {
        if bytes.byteCount != count { return false }
        for index in 0..<count where bytes.unsafeLoad(fromByteOffset: index, as: UInt8.self) != start[index] { return false }
        return true
    }

    /// True when `literal` is exactly this text; of two literals the optimiser decides it, and no code remains.
    @inline(__always)
    public func isSame(_ literal: StaticString) -> Bool {
        count == literal.utf8CodeUnitCount && compareMemory(start, literal.utf8Start, UInt(bitPattern: count)) == 0
    }

    /// True when `literal` is exactly this text.
    public func matches(_ literal: StaticString) -> Bool {
        matches(RawSpan(_unsafeStart: UnsafeRawPointer(literal.utf8Start), byteCount: literal.utf8CodeUnitCount))
    }

    /// The part before the first `separator`, or all of it.
    @inline(never)
    public func before(_ separator: UInt8) -> FlashText {
        FlashText(start: start, count: position(of: separator) ?? count)
    }

    /// The part after the first `separator`, or nil when there is none.
    @inline(never)
    public func after(_ separator: UInt8) -> FlashText? {
        guard let at = position(of: separator) else { return nil }
        return FlashText(start: start + at + 1, count: count - at - 1)
    }

    /// Part number `index` of a list; nil past the last, and for an empty list.
    @inline(never)
    public func part(_ index: Int, of separator: UInt8) -> FlashText? {
        var rest = self
        for _ in 0..<index {
            guard let next = rest.after(separator) else { return nil }
            rest = next
        }
        return isEmpty ? nil : rest.before(separator)
    }

    @inline(never)
    private func position(of byte: UInt8) -> Int? {
        for index in 0..<count where start[index] == byte { return index }
        return nil
    }

    /// The decimal number that the text begins with, a minus sign allowed, and what follows it.
    @inline(never)
    public func number() -> (value: Int32, rest: FlashText) {
        var value: Int32 = 0
        var at = 0
        let isNegative = count > 0 && start[0] == UInt8(ascii: "-")
        if isNegative { at = 1 }
        while at < count, start[at] >= UInt8(ascii: "0"), start[at] <= UInt8(ascii: "9") {
            value = value &* 10 &+ Int32(start[at] &- UInt8(ascii: "0"))
            at += 1
        }
        return (isNegative ? 0 &- value : value, FlashText(start: start + at, count: count - at))
    }
}

@_extern(c, "memcmp")
func compareMemory(_ a: UnsafePointer<UInt8>, _ b: UnsafePointer<UInt8>, _ count: UInt) -> Int32
