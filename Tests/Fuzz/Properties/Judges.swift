// Judges: what the specifications say of some bytes, decided here a second time and without any of the code under test.

/// Deterministic CBOR (RFC 8949, sections 3 and 4.2.1) as this project takes it.
struct CBORJudge {
    let bytes: [UInt8]
    private(set) var at = 0
    /// Floating-point numbers are taken, in their shortest form.
    var takesFloats = false
    /// Whether an item may stand at a depth, and whether one with others inside may.
    var allows: (_ depth: Int, _ isContainer: Bool) -> Bool = { depth, isContainer in !isContainer || depth < 8 }

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    /// True if `bytes` are one item and nothing else.
    static func isItem(_ bytes: [UInt8]) -> Bool {
        var judge = CBORJudge(bytes)
        return judge.item(0) && judge.at == bytes.count
    }

    /// Passes a head: nil unless its argument is there, and as short as it can be.
    mutating func head() -> (major: UInt8, width: Int, argument: UInt64)? {
        guard at < bytes.count else { return nil }
        let major = bytes[at] >> 5, low = bytes[at] & 31
        at += 1
        if low < 24 { return (major, 0, UInt64(low)) }
        guard low < 28 else { return nil }
        let width = 1 << Int(low - 24)
        guard bytes.count - at >= width else { return nil }
        let argument = bytes[at..<at + width].reduce(0) { $0 << 8 | UInt64($1) }
        at += width
        if major == 7 { return width > 1 || argument >= 32 ? (major, width, argument) : nil }
        let least: [Int: UInt64] = [1: 24, 2: 1 << 8, 4: 1 << 16, 8: 1 << 32]
        return argument >= least[width]! ? (major, width, argument) : nil
    }

    /// The next bytes, which are known to be there.
    mutating func take(_ count: Int) -> [UInt8] {
        defer { at += count }
        return Array(bytes[at..<at + count])
    }

    /// Passes an item; false if it is none.
    mutating func item(_ depth: Int) -> Bool {
        guard let (major, width, argument) = head(), allows(depth, (4...6).contains(major)) else { return false }
        switch major {
        case 0, 1: return true
        case 2, 3:
            guard argument <= UInt64(bytes.count - at) else { return false }
            let content = bytes[at..<at + Int(argument)]
            at += content.count
            return major == 2 || String(validating: content, as: UTF8.self) != nil
        case 4: return argument <= UInt64(bytes.count) && (0..<argument).allSatisfy { _ in item(depth + 1) }
        case 5: return argument <= UInt64(bytes.count) && map(Int(argument), depth + 1)
        case 6: return item(depth + 1)
        default: return width < 2 || takesFloats && isShortest(width, argument)
        }
    }

    private mutating func map(_ count: Int, _ depth: Int) -> Bool {
        var last: ArraySlice<UInt8> = []
        for _ in 0..<count {
            let start = at
            // A key is looked at for itself, as strictly as anything that is passed over.
            var key = CBORJudge(Array(bytes[start...]))
            guard key.item(0), item(depth), last.lexicographicallyPrecedes(bytes[start..<at]), item(depth) else { return false }
            last = key.bytes[..<key.at]
        }
        return true
    }

    private func isShortest(_ width: Int, _ bits: UInt64) -> Bool {
        switch width {
        case 2:
            let value = Float16(bitPattern: UInt16(bits))
            return !value.isNaN || bits == 0x7e00
        case 4:
            let value = Float(bitPattern: UInt32(bits))
            return !value.isNaN && Float(Float16(value)) != value
        default:
            let value = Double(bitPattern: bits)
            return !value.isNaN && Double(Float(value)) != value
        }
    }
}

/// A CoAP message by RFC 7252, section 3, taken apart; nil if it has to be refused.
package struct CoAPJudge: Equatable {
    package var type: UInt8, code: UInt8, id: UInt16
    package var token: [UInt8] = []
    package var options: [Option] = []
    package var payload: [UInt8] = []

    package struct Option: Equatable {
        package var number: Int
        package var value: [UInt8]
    }

    init(type: UInt8, code: UInt8, id: UInt16) { (self.type, self.code, self.id) = (type, code, id) }

    package init?(_ bytes: [UInt8]) {
        guard bytes.count >= 4, bytes[0] >> 6 == 1 else { return nil }
        self.init(type: bytes[0] >> 4 & 3, code: bytes[1], id: UInt16(bytes[2]) << 8 | UInt16(bytes[3]))
        let tokenLength = Int(bytes[0] & 15)
        guard tokenLength <= 8, bytes.count >= 4 + tokenLength, Self.mayBe(type, code) else { return nil }
        if code == 0 {
            // Section 4.1: an empty message is its header.
            guard bytes.count == 4 else { return nil }
            return
        }
        token = Array(bytes[4..<4 + tokenLength])
        var rest = bytes[(4 + tokenLength)...]
        guard takeOptions(&rest) else { return nil }
        payload = Array(rest)
    }

    /// Table 1 of section 4.3, and the classes of section 12.1.
    private static func mayBe(_ type: UInt8, _ code: UInt8) -> Bool {
        switch code >> 5 {
        case 0: code == 0 || type < 2
        case 2, 4, 5: type < 3
        default: false
        }
    }

    private mutating func takeOptions(_ rest: inout ArraySlice<UInt8>) -> Bool {
        var number = 0
        while let first = rest.popFirst() {
            if first == 0xff { return !rest.isEmpty }
            guard let delta = Self.extended(first >> 4, &rest), let length = Self.extended(first & 15, &rest) else {
                return false
            }
            number += delta
            guard number <= 65535, rest.count >= length else { return false }
            options.append(Option(number: number, value: Array(rest.prefix(length))))
            rest = rest.dropFirst(length)
        }
        return true
    }

    private static func extended(_ nibble: UInt8, _ rest: inout ArraySlice<UInt8>) -> Int? {
        switch nibble {
        case 13: return rest.popFirst().map { Int($0) + 13 }
        case 14:
            guard let high = rest.popFirst(), let low = rest.popFirst() else { return nil }
            return Int(high) * 256 + Int(low) + 269
        case 15: return nil
        default: return Int(nibble)
        }
    }
}

/// Frames of a Slipmux stream, each whole one by itself.
package enum SlipmuxJudge: Equatable {
    case coap([UInt8])
    case diagnostic([UInt8])
    case dropped

    /// What a decoder for `capacity` bytes has to tell of a stream; what no END has finished yet is told of nothing.
    package static func frames(_ stream: [UInt8], capacity: Int) -> [SlipmuxJudge] {
        stream.split(separator: 0xc0, omittingEmptySubsequences: false).dropLast().compactMap { frame in
            frame.isEmpty ? nil : Self.frame(Array(frame), capacity)
        }
    }

    private static func frame(_ wire: [UInt8], _ capacity: Int) -> SlipmuxJudge {
        var content: [UInt8] = [], rest = wire[...]
        while let byte = rest.popFirst() {
            guard byte == 0xdb else {
                content.append(byte)
                continue
            }
            switch rest.popFirst() {
            case 0xdc: content.append(0xc0)
            case 0xdd: content.append(0xdb)
            default: return .dropped
            }
        }
        if content[0] == 0x0a, content.count - 1 <= capacity { return .diagnostic(Array(content.dropFirst())) }
        guard content[0] == 0xa9, content.count >= 3, content.count - 3 <= capacity else { return .dropped }
        let check = fcs(content.dropLast(2)), sent = UInt16(content[content.count - 1]) << 8 | UInt16(content[content.count - 2])
        return check == sent ? .coap(Array(content.dropFirst().dropLast(2))) : .dropped
    }

    /// The check sequence of RFC 1662, bit by bit.
    private static func fcs(_ bytes: some Sequence<UInt8>) -> UInt16 {
        var register: UInt16 = 0xffff
        for byte in bytes {
            register ^= UInt16(byte)
            for _ in 0..<8 { register = register & 1 == 1 ? register >> 1 ^ 0x8408 : register >> 1 }
        }
        return ~register
    }
}

/// bech32m by BIP 173 and BIP 350: the reference algorithm on lists of values.
enum Bech32Judge {
    static let constant: UInt32 = 0x2bc8_30a3
    static let alphabet = Array("qpzry9x8gf2tvdw0s3jn54khce6mua7l".utf8)

    /// The text of 5-bit `values` behind `prefix`, both in lower case, with the right checksum.
    static func text(_ prefix: String, _ values: [UInt8], constant: UInt32 = Bech32Judge.constant) -> [UInt8] {
        let check = polymod(expand(prefix) + values + [0, 0, 0, 0, 0, 0]) ^ constant
        let checksum = (0..<6).map { UInt8(check >> (5 * (5 - UInt32($0))) & 31) }
        return Array(prefix.utf8) + [UInt8(ascii: "1")] + (values + checksum).map { alphabet[Int($0)] }
    }

    /// The bytes in such values; nil where bits are left that are no padding.
    static func bytes(_ values: [UInt8]) -> [UInt8]? {
        let bits = values.flatMap { value in (0..<5).map { value >> (4 - $0) & 1 } }
        let rest = bits.suffix(bits.count % 8)
        guard rest.count < 5, !rest.contains(1) else { return nil }
        return (0..<bits.count / 8).map { byte in bits[byte * 8..<byte * 8 + 8].reduce(0) { $0 << 1 | $1 } }
    }

    private static func expand(_ prefix: String) -> [UInt8] {
        prefix.utf8.map { $0 >> 5 } + [0] + prefix.utf8.map { $0 & 31 }
    }

    private static func polymod(_ values: [UInt8]) -> UInt32 {
        let generator: [UInt32] = [0x3b6a_57b2, 0x2650_8e6d, 0x1ea1_19fa, 0x3d42_33dd, 0x2a14_62b3]
        var check: UInt32 = 1
        for value in values {
            let top = check >> 25
            check = (check & 0x1ff_ffff) << 5 ^ UInt32(value)
            for bit in 0..<5 where top >> UInt32(bit) & 1 == 1 { check ^= generator[bit] }
        }
        return check
    }
}
