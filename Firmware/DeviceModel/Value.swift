// What goes into a device's method and what comes out of it.

/// A result or a device's state: nothing, a truth value, or a number in the unit that the interface names.
public struct Value: Equatable, Sendable {
    /// What a value holds. `EventRing` packs its raw value into eight bits.
    public enum Kind: UInt8, Sendable {
        case none
        case boolean
        case integer
    }
    /// Tells a missing value from 0 and false, which are 0 in `integer` as well.
    public let kind: Kind
    /// The number; 0 or 1 for a truth value.
    public let integer: Int32

    @inline(__always) init(kind: Kind, integer: Int32) {
        self.kind = kind
        self.integer = integer
    }

    /// The result of a method that returns nothing, and the state of a device that has none.
    public static var none: Value { Value(kind: .none, integer: 0) }
    /// A truth value, with 0 or 1 as its number.
    @inline(__always) public static func boolean(_ value: Bool) -> Value { Value(kind: .boolean, integer: value ? 1 : 0) }
    /// A number in the unit that the interface names for this result or state.
    @inline(__always) public static func integer(_ value: Int32) -> Value { Value(kind: .integer, integer: value) }
    /// True for any number other than 0, whatever the kind; false for `none`.
    public var isTrue: Bool { integer != 0 }
}

/// The arguments of one call, by position: at most four, of which one may be a text of at most 32 bytes.
public struct Arguments: Sendable {
    /// What an argument is. The raw values are those of `ArgumentSignature.Kind`, with which they are compared.
    public enum Kind: UInt8, Sendable {
        case integer
        case boolean
        case text
    }
    /// Arguments in one call at most.
    public static let capacity = 4
    /// Bytes in a text argument at most.
    public static let textCapacity = 32

    /// Arguments so far, 0…4.
    public private(set) var count = 0
    var kinds = InlineArray<4, Kind>(repeating: .integer)
    /// For a text: its length.
    var integers = InlineArray<4, Int32>(repeating: 0)
    /// The bytes of the text argument; its length is that argument's number.
    public private(set) var text = InlineArray<32, UInt8>(repeating: 0)
    private var hasText = false

    /// No arguments yet; `append` adds them in the order of the method's signature.
    @inline(__always) public init() {}

    /// False when there is no room: the call has more arguments than any method takes.
    @discardableResult
    public mutating func append(_ value: Int32) -> Bool { append(.integer, value) }

    /// False when there is no room: the call has more arguments than any method takes.
    @discardableResult
    public mutating func append(_ value: Bool) -> Bool { append(.boolean, value ? 1 : 0) }

    /// False when there is no room, the text is too long, or there is one already.
    @discardableResult
    public mutating func append(text bytes: RawSpan) -> Bool {
        if hasText || bytes.byteCount > Arguments.textCapacity { return false }
        for index in 0..<bytes.byteCount { text[index] = bytes.unsafeLoad(fromByteOffset: index, as: UInt8.self) }
        hasText = true
        return append(.text, Int32(bytes.byteCount))
    }

    @inline(never)
    private mutating func append(_ kind: Kind, _ value: Int32) -> Bool {
        if count == Arguments.capacity { return false }
        kinds[count] = kind
        integers[count] = value
        count += 1
        return true
    }

    /// Argument `index` as a number or truth value. Drivers are called with checked arguments only, so it is there.
    public subscript(index: Int) -> Int32 { integers[index] }

    /// True when argument `index` is a text.
    public func isText(_ index: Int) -> Bool { kinds[index] == .text }

    /// Checks against `method` and fills in what was left out.
    @inline(never)
    mutating func complete(for method: MethodSignature) -> CallRefusal? {
        var index = 0
        while let expected = method.argument(index) {
            if index == count {
                guard let standard = expected.standard, append(.integer, standard) else {
                    return .argument(ArgumentRefusal(position: UInt8(index), expected: expected))
                }
            } else if kinds[index].rawValue != expected.kind.rawValue
                || integers[index] < expected.minimum || integers[index] > expected.maximum
            {
                return .argument(ArgumentRefusal(position: UInt8(index), expected: expected))
            }
            index += 1
        }
        return index < count ? .tooManyArguments(most: UInt8(index)) : nil
    }
}

/// Argument `position` (from 0) is missing, of another type or out of range; `expected` says what was wanted.
public struct ArgumentRefusal: Sendable {
    /// Index among the method's arguments, 0…3.
    public let position: UInt8
    /// Name, type, range and default of that argument in the device's interface.
    public let expected: ArgumentSignature
}

/// Why a method did not do what it was told.
public enum CallRefusal: Sendable {
    /// No device of that name. Ask for the list.
    case unknownDevice
    /// The device has no method of that name. Ask for its interface.
    case unknownMethod
    /// An argument is missing, of another type or out of range. Nothing moved.
    case argument(ArgumentRefusal)
    /// The method takes `most` arguments, and the call had more. Nothing moved.
    case tooManyArguments(most: UInt8)
    /// The device was told rightly and failed.
    case fault(DeviceFault)
}

/// What went wrong in a device.
public enum DeviceFault: UInt8, Error, Sendable {
    /// The part does not answer: check its wiring and supply.
    case notResponding = 1
    /// It answers with something impossible: the part is broken or another one.
    case implausible
    /// Refused for now to protect the hardware: try again later.
    case tooSoon
    /// A write did not last: the part is worn out or write-protected.
    case notStored
}

/// What a method did.
public enum CallResult: Sendable {
    /// It did what it was told. The value is `none` for a method without a result.
    case done(Value)
    /// It did not. Only after a `fault` may the device have moved at all.
    case refused(CallRefusal)

    /// The result; nil after a refusal.
    public var value: Value? { if case .done(let value) = self { value } else { nil } }
    /// The reason; nil when the method was carried out.
    public var refusal: CallRefusal? { if case .refused(let refusal) = self { refusal } else { nil } }
}
