// Coverage of firmware code: the instructions that QEMU translated, because it translates what it is about to execute, mapped to
// source lines through the image's DWARF line table.
import FirmwareBuild
import Foundation
import Image
import Reporting

/// Lines of source that were executed, of those that have code.
public struct Coverage: Sendable, Codable, CustomStringConvertible {
    /// A file of source that has code in one of the images.
    public struct File: Sendable, Codable {
        /// Path from the root of the source tree.
        public var path: String
        /// Line number to whether it was executed.
        public var lines: [Int: Bool]

        /// How many of its lines were executed.
        public var covered: Int { lines.values.filter { $0 }.count }
    }

    /// By path, as far as images that ran have code of them; files outside of Firmware/ are left out.
    public private(set) var files: [String: File] = [:]

    /// No file.
    public init() {}

    /// Adds a run of `image` whose log QEMU wrote with `-d in_asm`.
    mutating func add(_ image: ELFImage, executed: Set<UInt64>, root: URL) throws {
        let addresses = executed.sorted()
        for row in try Self.lineTable(image, root: root) {
            let first = addresses.partitioningIndex { $0 >= row.addresses.lowerBound }
            let hit = first < addresses.count && addresses[first] < row.addresses.upperBound
            files[row.path, default: File(path: row.path, lines: [:])].lines[row.line, default: false] =
                hit || files[row.path]?.lines[row.line] == true
        }
    }

    /// The addresses in a log of `-d in_asm`: "0x00000240:  e7fe  b #0x240".
    static func executed(log: URL) throws -> Set<UInt64> {
        guard let data = try? Data(contentsOf: log) else { return [] }
        var addresses: Set<UInt64> = []
        for line in data.split(separator: 0x0A) where line.starts(with: [0x30, 0x78]) {
            let digits = line.dropFirst(2).prefix { $0 != 0x3A }
            if let address = UInt64(String(decoding: digits, as: UTF8.self), radix: 16) { addresses.insert(address) }
        }
        return addresses
    }

    /// The image's line table, restricted to files below `root` that are firmware.
    private static func lineTable(_ image: ELFImage, root: URL) throws -> [LineRow] {
        try image.lineTable().compactMap { row in
            // Absolute, or relative to where the compiler ran, which is the root.
            let path = row.path.hasPrefix(root.path + "/") ? String(row.path.dropFirst(root.path.count + 1)) : row.path
            guard path.hasPrefix("Firmware/") else { return nil }
            var firmware = row
            firmware.path = path
            return firmware
        }
    }

    /// lcov's tracefile format (geninfo manual page).
    public var lcov: String {
        sorted.map { file in
            let lines = file.lines.sorted { $0.key < $1.key }.map { "DA:\($0.key),\($0.value ? 1 : 0)" }
            return
                (["TN:", "SF:\(Quoted.line(file.path))"] + lines + [
                    "LF:\(file.lines.count)", "LH:\(file.covered)", "end_of_record",
                ])
                .joined(separator: "\n")
        }.joined(separator: "\n") + "\n"
    }

    private var sorted: [File] { files.values.sorted { $0.path < $1.path } }

    public var description: String {
        sorted.map { file in
            let percent = file.lines.isEmpty ? 0 : 100 * file.covered / file.lines.count
            return String(format: "%3d %%  %4d of %4d lines  %@", percent, file.covered, file.lines.count, file.path)
        }.joined(separator: "\n")
    }
}

extension Array where Element: Comparable {
    /// Index of the first element for which `belongs` holds, the array being sorted so that it holds for a tail.
    func partitioningIndex(_ belongs: (Element) -> Bool) -> Int {
        var low = 0, high = count
        while low < high {
            let middle = (low + high) / 2
            if belongs(self[middle]) { high = middle } else { low = middle + 1 }
        }
        return low
    }
}
