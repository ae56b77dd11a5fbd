// Natural numbers of any size, bit by bit: an independent model of field and scalar arithmetic. Slow and plain on purpose.

struct BigNatural: Comparable, CustomStringConvertible {
    /// Bytes, least significant first, without zeros on top.
    private(set) var bytes: [UInt8]

    init(_ bytes: [UInt8]) {
        self.bytes = bytes
        while self.bytes.last == 0 { self.bytes.removeLast() }
    }

    init(_ value: Int) { self.init(withUnsafeBytes(of: value.littleEndian) { Array($0) }) }

    init(words: [UInt32]) { self.init(words.flatMap { word in (0..<4).map { UInt8(truncatingIfNeeded: word >> (8 * $0)) } }) }

    static func power(_ exponent: Int) -> BigNatural {
        BigNatural([UInt8](repeating: 0, count: exponent / 8) + [1 << UInt8(exponent % 8)])
    }

    /// p = 2^255 - 19
    static let fieldOrder = power(255) - BigNatural(19)
    /// L, from RFC 8032's decimal digits.
    static let groupOrder = power(252) + decimal("27742317777372353535851937790883648493")

    static func decimal(_ digits: String) -> BigNatural {
        digits.reduce(BigNatural(0)) { $0 * BigNatural(10) + BigNatural($1.wholeNumberValue!) }
    }

    var description: String { "0x" + bytes.reversed().map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined() }

    static func < (a: BigNatural, b: BigNatural) -> Bool {
        if a.bytes.count != b.bytes.count { return a.bytes.count < b.bytes.count }
        return a.bytes.reversed().lexicographicallyPrecedes(b.bytes.reversed())
    }

    static func + (a: BigNatural, b: BigNatural) -> BigNatural {
        var sum: [UInt8] = []
        var carry = 0
        for i in 0..<max(a.bytes.count, b.bytes.count) + 1 {
            carry += (i < a.bytes.count ? Int(a.bytes[i]) : 0) + (i < b.bytes.count ? Int(b.bytes[i]) : 0)
            sum.append(UInt8(carry & 255))
            carry >>= 8
        }
        return BigNatural(sum)
    }

    /// a >= b
    static func - (a: BigNatural, b: BigNatural) -> BigNatural {
        precondition(a >= b)
        var difference: [UInt8] = []
        var borrow = 0
        for i in 0..<a.bytes.count {
            borrow += Int(a.bytes[i]) - (i < b.bytes.count ? Int(b.bytes[i]) : 0)
            difference.append(UInt8(borrow & 255))
            borrow >>= 8
        }
        return BigNatural(difference)
    }

    static func * (a: BigNatural, b: BigNatural) -> BigNatural {
        var product = [UInt8](repeating: 0, count: a.bytes.count + b.bytes.count + 1)
        for i in a.bytes.indices {
            var carry = 0
            for j in b.bytes.indices {
                carry += Int(product[i + j]) + Int(a.bytes[i]) * Int(b.bytes[j])
                product[i + j] = UInt8(carry & 255)
                carry >>= 8
            }
            product[i + b.bytes.count] = UInt8(carry)
        }
        return BigNatural(product)
    }

    static func % (a: BigNatural, modulus: BigNatural) -> BigNatural {
        var rest = BigNatural(0)
        for byte in a.bytes.reversed() {
            rest = BigNatural([byte] + rest.bytes)
            // rest < 256 modulus: subtract 128, 64, … times the modulus.
            for shift in (0..<8).reversed() {
                let multiple = modulus * BigNatural(1 << shift)
                if rest >= multiple { rest = rest - multiple }
            }
        }
        return rest
    }
}
