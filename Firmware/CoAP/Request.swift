// What a server wants to know of a request's options, gathered in one pass.

import Bytes

/// The options of a request that a server here understands.
///
/// An option of a wrong length, or one that comes twice but may not, counts as not understood (RFC 7252 sections 5.4.3 and 5.4.5): if it
/// is critical the request is refused with 4.02, otherwise the option is ignored.
public struct CoAPRequest: Sendable {
    /// Format of the payload.
    public private(set) var contentFormat: UInt16?
    /// Format that the client wants.
    public private(set) var accept: UInt16?
    /// 0 registers an observer, 1 deregisters it (RFC 7641 section 2).
    public private(set) var observe: UInt32?
    /// The block that the payload is (RFC 7959).
    public private(set) var block1: CoAPBlock?
    /// The block of the response that the client wants (RFC 7959).
    public private(set) var block2: CoAPBlock?
    /// The size of the whole payload, in bytes.
    public private(set) var size1: UInt32?
    /// 0 if the client wants to know the size of the whole response.
    public private(set) var size2: UInt32?
    /// The first critical option that is not understood: answer 4.02 (Bad Option), or drop a non-confirmable request.
    public private(set) var badOption: UInt16?

    /// Never fails: what was not understood is in `badOption`, or ignored.
    public init(_ message: borrowing CoAPMessage) {
        var options = message.options
        while options.next() {
            if !take(options), options.number & 1 == 1, badOption == nil { badOption = options.number }
        }
    }

    /// False if the option is not understood.
    @inline(never)
    private mutating func take(_ option: borrowing CoAPOptions) -> Bool {
        let count = option.value.byteCount
        switch option.number {
        case CoAPOptionNumber.uriPath, CoAPOptionNumber.uriQuery: return count <= 255
        // There is one host and one port here.
        case CoAPOptionNumber.uriHost: return count >= 1 && count <= 255
        case CoAPOptionNumber.uriPort: return count <= 2
        default:
            guard let value = option.uintValue else { return false }
            return take(option.number, value, size: count)
        }
    }

    @inline(never)
    private mutating func take(_ number: UInt16, _ value: UInt32, size: Int) -> Bool {
        let short = UInt16(truncatingIfNeeded: value)
        switch number {
        case CoAPOptionNumber.contentFormat:
            guard size <= 2, contentFormat == nil else { return false }
            contentFormat = short
        case CoAPOptionNumber.accept:
            guard size <= 2, accept == nil else { return false }
            accept = short
        case CoAPOptionNumber.observe:
            guard size <= 3, observe == nil else { return false }
            observe = value
        case CoAPOptionNumber.block1:
            guard block1 == nil, let block = CoAPBlock(optionValue: value) else { return false }
            block1 = block
        case CoAPOptionNumber.block2:
            guard block2 == nil, let block = CoAPBlock(optionValue: value) else { return false }
            block2 = block
        case CoAPOptionNumber.size1:
            guard size1 == nil else { return false }
            size1 = value
        case CoAPOptionNumber.size2:
            guard size2 == nil else { return false }
            size2 = value
        default: return false
        }
        return true
    }
}

/// The value of a Block1 or Block2 option (RFC 7959 section 2.2).
public struct CoAPBlock: Equatable, Sendable {
    /// Number of the block, from 0; 20 bits.
    public var number: UInt32
    /// True if blocks follow.
    public var more: Bool
    /// 0 to 6, for blocks of 16 to 1024 bytes.
    public var sizeExponent: UInt8

    /// The number must fit 20 bits, the exponent be at most 6.
    public init(number: UInt32, more: Bool, sizeExponent: UInt8) {
        precondition(number < 1 << 20 && sizeExponent < 7)
        self.number = number
        self.more = more
        self.sizeExponent = sizeExponent
    }

    /// Nil if the number has more than 20 bits or the size exponent is 7, which is reserved over datagrams.
    public init?(optionValue: UInt32) {
        guard optionValue < 1 << 24, optionValue & 7 != 7 else { return nil }
        number = optionValue >> 4
        more = optionValue & 8 != 0
        sizeExponent = UInt8(truncatingIfNeeded: optionValue & 7)
    }

    /// Number, more and exponent as they are on the wire: 24 bits at most, for `CoAPWriter.option`.
    public var optionValue: UInt32 { number << 4 | (more ? 8 : 0) | UInt32(sizeExponent) }

    /// Bytes in a full block.
    public var size: Int { 16 << Int(sizeExponent) }

    /// Offset of the block's first byte in the whole body, in bytes: below 2^30.
    public var offset: Int { Int(number) << Int(sizeExponent &+ 4) }
}

extension CoAPMessage {
    /// True if the Uri-Path options are exactly the segments of `path`: "status", ".well-known/core"; "" is the root.
    public func hasPath(_ path: StaticString) -> Bool {
        hasPath(RawSpan(_unsafeStart: path.utf8Start, byteCount: path.utf8CodeUnitCount))
    }

    /// True if the Uri-Path options are exactly the segments of `path`, here UTF-8 in memory; empty is the root.
    @inline(never)
    public func hasPath(_ path: RawSpan) -> Bool {
        var options = options
        var offset = 0
        let end = path.byteCount
        while options.next() {
            guard options.number == CoAPOptionNumber.uriPath else { continue }
            if offset > 0 {
                guard offset < end else { return false }
                offset &+= 1
            }
            let segment = options.value
            var segmentEnd = offset
            while segmentEnd < end && byte(path, segmentEnd) != UInt8(ascii: "/") { segmentEnd &+= 1 }
            guard segment.byteCount > 0, equal(segment, path.part(offset, segmentEnd)) else { return false }
            offset = segmentEnd
        }
        return offset == end
    }

    /// The last of exactly two Uri-Path segments, when the first is `first`.
    @inline(never)
    @_lifetime(copy self)
    public func segment(behind first: StaticString) -> RawSpan? {
        var options = options
        var found: RawSpan?
        var count = 0
        while options.next() {
            guard options.number == CoAPOptionNumber.uriPath else { continue }
            count &+= 1
            if count == 2 { found = options.value }
            guard count == 1 else { continue }
            let name = options.value
            guard name.byteCount == first.utf8CodeUnitCount, begins(name, with: first.utf8Start, count: name.byteCount) else {
                return nil
            }
        }
        return count == 2 ? found : nil
    }

    /// The value of a request's one parameter, the Uri-Query option `name=value`; nil if it has none. `name` is given with the sign behind it.
    ///
    /// Throws `option` when it has another parameter, or two: what cannot be understood is not taken for absent.
    @inline(never)
    @_lifetime(copy self)
    func parameter(_ name: StaticString) throws(CoAPError) -> RawSpan? {
        var options = options
        var value: RawSpan?
        while options.next() {
            guard options.number == CoAPOptionNumber.uriQuery else { continue }
            let query = options.value
            let length = name.utf8CodeUnitCount
            guard value == nil, query.byteCount >= length, begins(query, with: name.utf8Start, count: length) else {
                throw .option
            }
            value = query.part(length, query.byteCount)
        }
        return value
    }

    /// A request's one parameter as a decimal number, `absent` if it has none. `name` is given as "from=". Nil for any other parameter, two, or
    /// no number of 32 bits.
    @inline(never)
    public func queryNumber(_ name: StaticString, or absent: UInt32) -> UInt32? {
        let found: RawSpan?
        do throws(CoAPError) { found = try parameter(name) } catch { return nil }
        guard let digits = found else { return absent }
        var value: UInt32 = 0
        guard digits.byteCount > 0 else { return nil }
        for index in 0..<digits.byteCount {
            let digit = byte(digits, index) &- UInt8(ascii: "0")
            // Above a tenth of 2^32 a further digit does not fit.
            let (sum, carry) = (value &* 10).addingReportingOverflow(UInt32(digit))
            if digit > 9 || value > 429_496_729 || carry { return nil }
            value = sum
        }
        return value
    }
}

extension CoAPMessage {
    /// A request's one parameter, `name` given as "for=", as 8 bytes in 16 lower-case hexadecimal digits, the first byte lowest; nil if it has none, or it is anything else.
    @inline(never)
    public func queryBytes(_ name: StaticString) -> UInt64? {
        guard let digits = try? parameter(name), digits.byteCount == 16 else { return nil }
        var value: UInt64 = 0
        for index in 0..<16 {
            // From the last byte on; the high digit of a byte comes first.
            let character = byte(digits, (15 &- index) ^ 1)
            let digit: UInt8
            switch character {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): digit = character &- UInt8(ascii: "0")
            case UInt8(ascii: "a")...UInt8(ascii: "f"): digit = character &- UInt8(ascii: "a") &+ 10
            default: return nil
            }
            value = value << 4 | UInt64(digit)
        }
        return value
    }
}

/// True if the first `count` of `bytes`, which has as many, are those at `characters`.
@inline(never)
private func begins(_ bytes: RawSpan, with characters: UnsafePointer<UInt8>, count: Int) -> Bool {
    for index in 0..<count where byte(bytes, index) != characters[index] { return false }
    return true
}
