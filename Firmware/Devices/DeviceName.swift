// The name in `` `$`("led") ``: a literal that the compiler compares, and of which an image keeps only the device's number.

import Board
import Builtin
import Bytes

/// A literal, as the compiler hands it over: where its bytes are, and how many.
@frozen
public struct DeviceName: ExpressibleByStringLiteral, _ExpressibleByBuiltinStringLiteral, BitwiseCopyable {
    @usableFromInline let start: Builtin.RawPointer
    @usableFromInline let count: Builtin.Word
    @usableFromInline let isASCII: Builtin.Int1

    /// What the compiler calls for a literal. The bytes stay in the image; nothing is copied.
    @_transparent
    public init(_builtinStringLiteral start: Builtin.RawPointer, utf8CodeUnitCount: Builtin.Word, isASCII: Builtin.Int1) {
        (self.start, count, self.isASCII) = (start, utf8CodeUnitCount, isASCII)
    }
    /// Asked for by the protocols that string literals build on; it keeps place and length of the bytes, too.
    @_transparent
    public init(
        _builtinExtendedGraphemeClusterLiteral start: Builtin.RawPointer, utf8CodeUnitCount: Builtin.Word, isASCII: Builtin.Int1
    ) {
        (self.start, count, self.isASCII) = (start, utf8CodeUnitCount, isASCII)
    }
    /// Asked for by the protocols that string literals build on. A scalar has no bytes in flash: the name is empty, and no device
    /// has it.
    @_transparent public init(_builtinUnicodeScalarLiteral value: Builtin.Int32) { self = DeviceName("") }
    /// A copy; the literal stays known to the compiler.
    @_transparent public init(_ other: DeviceName) { self = other }
    /// The literal type is this one itself, so that no `StaticString` comes in between.
    @_transparent public init(stringLiteral value: DeviceName) { self = value }

    /// For `#assert` alone.
    @_transparent @usableFromInline var literal: LiteralText {
        LiteralText(_builtinStringLiteral: start, utf8CodeUnitCount: count, isASCII: isASCII)
    }
    @_transparent @usableFromInline var text: FlashText { FlashText(start: UnsafePointer(start), count: Int(count)) }
}

/// A device by the name that owners use: `` `$`("led").on() ``. A name that the board has not does not compile.
@_transparent @_optimize(none)
public func `$`(_ name: DeviceName) -> DeviceHandle {
    #assert(BoardDevices.answers(name.literal, ""), "this board has no device of that name")
    return DeviceHandle(name)
}
