// Bytes at an address: what every format of an image comes down to.
import Foundation
import Reporting

/// Bytes at an address.
public struct Segment: Equatable, Sendable {
    /// Where its first byte goes.
    public var address: UInt64
    /// Without gaps; may be empty.
    public var bytes: Data

    /// - Parameter address: at most 32 bits, where it is written as Intel HEX or ELF.
    public init(address: UInt64, bytes: Data) { (self.address, self.bytes) = (address, bytes) }

    /// Its addresses, the end excluded.
    public var range: Range<UInt64> { address..<address + UInt64(bytes.count) }
}

extension [Segment] {
    /// What lies in `range`: from its start to the end of the last segment that begins or ends there, gaps as erased flash (0xFF). A segment
    /// may reach beyond the range's end, not before its start. Empty when none lies there.
    public func flat(in range: Range<UInt64>) -> Data {
        let inside = filter { range.overlaps($0.range) && $0.address >= range.lowerBound }
        guard let end = inside.map(\.range.upperBound).max() else { return Data() }
        var flat = Data(repeating: 0xFF, count: Int(end - range.lowerBound))
        for segment in inside {
            let at = Int(segment.address - range.lowerBound)
            flat.replaceSubrange(at..<at + segment.bytes.count, with: segment.bytes)
        }
        return flat
    }
}

extension Failure {
    /// The file is no image for the board: nothing was touched.
    static func unfit(_ what: String, about subject: String? = nil, advice: String) -> Failure {
        unfit(what, about: subject, remedy: .advice(advice))
    }

    /// The file is no image for the board: nothing was touched.
    static func unfit(_ what: String, about subject: String? = nil, remedy: Remedy) -> Failure {
        Failure(.unfitImage, what, about: subject, remedy: remedy)
    }
}

/// An address as messages and reports show it, "0x08004000".
public func hexadecimal(_ address: UInt64) -> String {
    let digits = String(address, radix: 16, uppercase: true)
    return "0x" + String(repeating: "0", count: Swift.max(0, 8 - digits.count)) + digits
}
