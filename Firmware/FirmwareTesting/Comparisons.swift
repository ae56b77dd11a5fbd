// Comparisons that remember both values.
//
// Inside `expect(a == b)` these win over the standard operators, because the `expect` that takes a Bool is disfavoured. They are
// written out per type: the type checker does not try a generic operator once a concrete one fits.

@inlinable func isEqual<Value: Equatable>(_ left: Value, _ right: Value) -> Bool { left == right }
@inlinable func isLess<Value: Comparable>(_ left: Value, _ right: Value) -> Bool { left < right }

/// Compares as the operator of the standard library does, and keeps both values for the report; so do all of this file.
public func == (l: Int, r: Int) -> Comparison<Int> { Comparison(left: l, right: r, holds: isEqual(l, r)) }
public func != (l: Int, r: Int) -> Comparison<Int> { Comparison(left: l, right: r, holds: !isEqual(l, r)) }
public func < (l: Int, r: Int) -> Comparison<Int> { Comparison(left: l, right: r, holds: isLess(l, r)) }
public func <= (l: Int, r: Int) -> Comparison<Int> { Comparison(left: l, right: r, holds: !isLess(r, l)) }
public func > (l: Int, r: Int) -> Comparison<Int> { Comparison(left: l, right: r, holds: isLess(r, l)) }
public func >= (l: Int, r: Int) -> Comparison<Int> { Comparison(left: l, right: r, holds: !isLess(l, r)) }

public func == (l: Int8, r: Int8) -> Comparison<Int8> { Comparison(left: l, right: r, holds: isEqual(l, r)) }
public func != (l: Int8, r: Int8) -> Comparison<Int8> { Comparison(left: l, right: r, holds: !isEqual(l, r)) }
public func < (l: Int8, r: Int8) -> Comparison<Int8> { Comparison(left: l, right: r, holds: isLess(l, r)) }
public func <= (l: Int8, r: Int8) -> Comparison<Int8> { Comparison(left: l, right: r, holds: !isLess(r, l)) }
public func > (l: Int8, r: Int8) -> Comparison<Int8> { Comparison(left: l, right: r, holds: isLess(r, l)) }
public func >= (l: Int8, r: Int8) -> Comparison<Int8> { Comparison(left: l, right: r, holds: !isLess(l, r)) }

public func == (l: Int16, r: Int16) -> Comparison<Int16> { Comparison(left: l, right: r, holds: isEqual(l, r)) }
public func != (l: Int16, r: Int16) -> Comparison<Int16> { Comparison(left: l, right: r, holds: !isEqual(l, r)) }
public func < (l: Int16, r: Int16) -> Comparison<Int16> { Comparison(left: l, right: r, holds: isLess(l, r)) }
public func <= (l: Int16, r: Int16) -> Comparison<Int16> { Comparison(left: l, right: r, holds: !isLess(r, l)) }
public func > (l: Int16, r: Int16) -> Comparison<Int16> { Comparison(left: l, right: r, holds: isLess(r, l)) }
public func >= (l: Int16, r: Int16) -> Comparison<Int16> { Comparison(left: l, right: r, holds: !isLess(l, r)) }

public func == (l: Int32, r: Int32) -> Comparison<Int32> { Comparison(left: l, right: r, holds: isEqual(l, r)) }
public func != (l: Int32, r: Int32) -> Comparison<Int32> { Comparison(left: l, right: r, holds: !isEqual(l, r)) }
public func < (l: Int32, r: Int32) -> Comparison<Int32> { Comparison(left: l, right: r, holds: isLess(l, r)) }
public func <= (l: Int32, r: Int32) -> Comparison<Int32> { Comparison(left: l, right: r, holds: !isLess(r, l)) }
public func > (l: Int32, r: Int32) -> Comparison<Int32> { Comparison(left: l, right: r, holds: isLess(r, l)) }
public func >= (l: Int32, r: Int32) -> Comparison<Int32> { Comparison(left: l, right: r, holds: !isLess(l, r)) }

public func == (l: Int64, r: Int64) -> Comparison<Int64> { Comparison(left: l, right: r, holds: isEqual(l, r)) }
public func != (l: Int64, r: Int64) -> Comparison<Int64> { Comparison(left: l, right: r, holds: !isEqual(l, r)) }
public func < (l: Int64, r: Int64) -> Comparison<Int64> { Comparison(left: l, right: r, holds: isLess(l, r)) }
public func <= (l: Int64, r: Int64) -> Comparison<Int64> { Comparison(left: l, right: r, holds: !isLess(r, l)) }
public func > (l: Int64, r: Int64) -> Comparison<Int64> { Comparison(left: l, right: r, holds: isLess(r, l)) }
public func >= (l: Int64, r: Int64) -> Comparison<Int64> { Comparison(left: l, right: r, holds: !isLess(l, r)) }

public func == (l: UInt, r: UInt) -> Comparison<UInt> { Comparison(left: l, right: r, holds: isEqual(l, r)) }
public func != (l: UInt, r: UInt) -> Comparison<UInt> { Comparison(left: l, right: r, holds: !isEqual(l, r)) }
public func < (l: UInt, r: UInt) -> Comparison<UInt> { Comparison(left: l, right: r, holds: isLess(l, r)) }
public func <= (l: UInt, r: UInt) -> Comparison<UInt> { Comparison(left: l, right: r, holds: !isLess(r, l)) }
public func > (l: UInt, r: UInt) -> Comparison<UInt> { Comparison(left: l, right: r, holds: isLess(r, l)) }
public func >= (l: UInt, r: UInt) -> Comparison<UInt> { Comparison(left: l, right: r, holds: !isLess(l, r)) }

public func == (l: UInt8, r: UInt8) -> Comparison<UInt8> { Comparison(left: l, right: r, holds: isEqual(l, r)) }
public func != (l: UInt8, r: UInt8) -> Comparison<UInt8> { Comparison(left: l, right: r, holds: !isEqual(l, r)) }
public func < (l: UInt8, r: UInt8) -> Comparison<UInt8> { Comparison(left: l, right: r, holds: isLess(l, r)) }
public func <= (l: UInt8, r: UInt8) -> Comparison<UInt8> { Comparison(left: l, right: r, holds: !isLess(r, l)) }
public func > (l: UInt8, r: UInt8) -> Comparison<UInt8> { Comparison(left: l, right: r, holds: isLess(r, l)) }
public func >= (l: UInt8, r: UInt8) -> Comparison<UInt8> { Comparison(left: l, right: r, holds: !isLess(l, r)) }

public func == (l: UInt16, r: UInt16) -> Comparison<UInt16> { Comparison(left: l, right: r, holds: isEqual(l, r)) }
public func != (l: UInt16, r: UInt16) -> Comparison<UInt16> { Comparison(left: l, right: r, holds: !isEqual(l, r)) }
public func < (l: UInt16, r: UInt16) -> Comparison<UInt16> { Comparison(left: l, right: r, holds: isLess(l, r)) }
public func <= (l: UInt16, r: UInt16) -> Comparison<UInt16> { Comparison(left: l, right: r, holds: !isLess(r, l)) }
public func > (l: UInt16, r: UInt16) -> Comparison<UInt16> { Comparison(left: l, right: r, holds: isLess(r, l)) }
public func >= (l: UInt16, r: UInt16) -> Comparison<UInt16> { Comparison(left: l, right: r, holds: !isLess(l, r)) }

public func == (l: UInt32, r: UInt32) -> Comparison<UInt32> { Comparison(left: l, right: r, holds: isEqual(l, r)) }
public func != (l: UInt32, r: UInt32) -> Comparison<UInt32> { Comparison(left: l, right: r, holds: !isEqual(l, r)) }
public func < (l: UInt32, r: UInt32) -> Comparison<UInt32> { Comparison(left: l, right: r, holds: isLess(l, r)) }
public func <= (l: UInt32, r: UInt32) -> Comparison<UInt32> { Comparison(left: l, right: r, holds: !isLess(r, l)) }
public func > (l: UInt32, r: UInt32) -> Comparison<UInt32> { Comparison(left: l, right: r, holds: isLess(r, l)) }
public func >= (l: UInt32, r: UInt32) -> Comparison<UInt32> { Comparison(left: l, right: r, holds: !isLess(l, r)) }

public func == (l: UInt64, r: UInt64) -> Comparison<UInt64> { Comparison(left: l, right: r, holds: isEqual(l, r)) }
public func != (l: UInt64, r: UInt64) -> Comparison<UInt64> { Comparison(left: l, right: r, holds: !isEqual(l, r)) }
public func < (l: UInt64, r: UInt64) -> Comparison<UInt64> { Comparison(left: l, right: r, holds: isLess(l, r)) }
public func <= (l: UInt64, r: UInt64) -> Comparison<UInt64> { Comparison(left: l, right: r, holds: !isLess(r, l)) }
public func > (l: UInt64, r: UInt64) -> Comparison<UInt64> { Comparison(left: l, right: r, holds: isLess(r, l)) }
public func >= (l: UInt64, r: UInt64) -> Comparison<UInt64> { Comparison(left: l, right: r, holds: !isLess(l, r)) }

public func == (l: Bool, r: Bool) -> Comparison<Bool> { Comparison(left: l, right: r, holds: isEqual(l, r)) }
public func != (l: Bool, r: Bool) -> Comparison<Bool> { Comparison(left: l, right: r, holds: !isEqual(l, r)) }

/// Compares all bytes, and keeps both sides for the report, where they are hexadecimal.
public func == <let n: Int>(l: TestBytes<n>, r: TestBytes<n>) -> Comparison<TestBytes<n>> {
    Comparison(left: l, right: r, holds: isEqual(l, r))
}
/// Compares two optional values; nil is equal to nil alone.
public func == <Value: TestValue & Equatable>(l: Value?, r: Value?) -> Comparison<Value?> {
    Comparison(left: l, right: r, holds: isEqual(l, r))
}
