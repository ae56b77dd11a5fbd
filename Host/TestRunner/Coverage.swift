// Coverage of firmware code: the instructions that QEMU translated, because it translates what it is about to execute, mapped to
// source lines through the image's DWARF line table.
import FirmwareBuild
import Foundation

/// Lines of source that were executed, of those that have code.
public struct Coverage: Sendable, Codable, CustomStringConvertible {
    public struct File: Sendable, Codable {
        /// Path from the root of the source tree.
        public var path: String
        /// Line number to whether it was executed.
        public var lines: [Int: Bool]

        public var covered: Int { lines.values.filter { $0 }.count }
    }

    public private(set) var files: [String: File] = [:]

    public init() {}

    /// Adds a run of `image` whose log QEMU wrote with `-d in_asm`.
    mutating func add(_ image: ELFImage, executed: Set<UInt64>, root: URL) throws {
        let addresses = executed.sorted()
        for row in try Self.lineTable(image, root: root) {
            let first = addresses.partitioningIndex { $0 >= row.start }
            let hit = first < addresses.count && addresses[first] < row.end
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

    private struct Row {
        var path: String
        var line: Int
        var start: UInt64
        var end: UInt64
    }

    /// The image's line table, restricted to files below `root` that are firmware.
    private static func lineTable(_ image: ELFImage, root: URL) throws -> [Row] {
        let tool = Tool("llvm-dwarfdump", package: "llvm")
        let result = try tool.run(["--debug-line", image.url.path])
        guard result.status == 0 else { throw FirmwareError("llvm-dwarfdump cannot read \(image.url.path): \(result.errors)") }
        var rows: [Row] = []
        var names: [Int: (folder: Int, name: String)] = [:], folders: [Int: String] = [:]
        var pending: (address: UInt64, line: Int, file: Int)?
        var index = 0
        func path(_ file: Int) -> String? {
            guard let entry = names[file] else { return nil }
            let whole = entry.name.hasPrefix("/") ? entry.name : (folders[entry.folder] ?? "") + "/" + entry.name
            // Absolute, or relative to where the compiler ran, which is the root.
            let relative = whole.hasPrefix(root.path + "/") ? String(whole.dropFirst(root.path.count + 1)) : whole
            return relative.hasPrefix("Firmware/") ? relative : nil
        }
        for line in result.output.split(separator: "\n") {
            if line.hasPrefix("debug_line[") {
                (names, folders, pending) = ([:], [:], nil)
            } else if let match = line.firstMatch(of: /include_directories\[\s*(\d+)\] = "(.*)"/) {
                folders[Int(match.1)!] = String(match.2)
            } else if let match = line.firstMatch(of: /file_names\[\s*(\d+)\]/) {
                index = Int(match.1)!
            } else if let match = line.firstMatch(of: /^\s+name: "(.*)"/) {
                names[index] = (0, String(match.1))
            } else if let match = line.firstMatch(of: /dir_index: (\d+)/) {
                names[index]?.folder = Int(match.1)!
            } else if line.hasPrefix("0x") {
                let words = line.split(separator: " ")
                guard words.count >= 4, let address = UInt64(words[0].dropFirst(2), radix: 16), let number = Int(words[1]),
                    let file = Int(words[3])
                else { continue }
                if let before = pending, before.line > 0, address > before.address, let path = path(before.file) {
                    rows.append(Row(path: path, line: before.line, start: before.address, end: address))
                }
                pending = words.last == "end_sequence" ? nil : (address, number, file)
            }
        }
        // Code that the linker dropped is left at address 0 or below the vectors.
        return rows.filter { $0.start >= 0x240 }
    }

    /// lcov's tracefile format (geninfo manual page).
    public var lcov: String {
        sorted.map { file in
            let lines = file.lines.sorted { $0.key < $1.key }.map { "DA:\($0.key),\($0.value ? 1 : 0)" }
            return (["TN:", "SF:\(file.path)"] + lines + ["LF:\(file.lines.count)", "LH:\(file.covered)", "end_of_record"])
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
