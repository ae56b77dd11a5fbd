// The text in which a DfuSe device describes a memory: "@Internal Flash  /0x08000000/04*016Kg,01*064Kg,03*128Kg" (ST UM0424, 10.3.2).
import Foundation

/// A memory of a DfuSe device: its name and its sectors.
public struct DfuSeLayout: Equatable, Sendable {
    /// Equal sectors in a row.
    public struct Run: Equatable, Sendable {
        /// Where its first sector begins.
        public var address: UInt64
        /// Sectors in it, one after the other without gaps.
        public var count: Int
        /// Bytes of one sector.
        public var size: Int
        /// Bit 0 of the letter behind the size.
        public var isReadable: Bool
        /// Bit 1 of that letter.
        public var isErasable: Bool
        /// Bit 2 of that letter.
        public var isWritable: Bool
    }

    /// "Internal Flash"; foreign text.
    public let name: String
    /// In the order of the text, which need not be that of addresses.
    public let runs: [Run]

    /// Nil when the text is no layout. What follows the last sector is ignored, slashes too: some devices send rubbish there.
    public init?(_ text: String) {
        guard text.hasPrefix("@") else { return nil }
        let parts = text.dropFirst().split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count >= 3 else { return nil }
        name = parts[0].trimmingCharacters(in: .whitespaces)
        var runs: [Run] = []
        regions: for index in stride(from: 1, to: parts.count - 1, by: 2) {
            let start = parts[index].trimmingCharacters(in: .whitespaces)
            guard start.lowercased().hasPrefix("0x"), var address = UInt64(start.dropFirst(2), radix: 16), address <= 0xFFFF_FFFF
            else { break }
            for entry in parts[index + 1].split(separator: ",") {
                // count*size, a multiplier (space, K or M), and a letter whose low three bits are readable, erasable, writable.
                guard let match = entry.prefixMatch(of: /\s*(\d{1,3})\*(\d{1,4})([ BKM])([a-g])/), let count = Int(match.1),
                    let number = Int(match.2), count > 0, number > 0, let kind = match.4.utf8.first
                else { break regions }
                let unit = match.3 == "K" ? 1024 : match.3 == "M" ? 1 << 20 : 1
                runs.append(
                    Run(
                        address: address, count: count, size: number * unit, isReadable: kind & 1 != 0, isErasable: kind & 2 != 0,
                        isWritable: kind & 4 != 0))
                address += UInt64(count * number * unit)
            }
        }
        guard !runs.isEmpty else { return nil }
        self.runs = runs
    }

    /// Sectors that can be read, erased and written, by address: ST's example names its regions in another order.
    public var sectors: [FlashSector] {
        runs.filter { $0.isReadable && $0.isErasable && $0.isWritable }.flatMap { run in
            (0..<run.count).map { FlashSector(address: run.address + UInt64($0 * run.size), size: run.size) }
        }.sorted { $0.address < $1.address }
    }
}
