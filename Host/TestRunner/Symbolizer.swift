// Names of functions, files and lines for addresses, from the image's symbols and its DWARF line table.
import FirmwareBuild
import Foundation
import Image

/// Turns addresses of an image into "function at file:line".
final class Symbolizer: Sendable {
    let image: ELFImage
    let root: URL
    /// Read when it is first needed: most runs have no backtrace.
    private let table = LazyTable()

    init(image: ELFImage, root: URL) {
        self.image = image
        self.root = root
    }

    /// One text per address; the address itself when nothing is known of it.
    func names(_ addresses: [UInt32]) -> [String] {
        let rows = table.rows(image)
        return addresses.map { address in
            let at = UInt64(address)
            let symbol = image.symbols.first {
                $0.isFunction && ($0.value & ~1..<$0.value & ~1 + UInt64(max($0.size, 1))).contains(at)
            }
            let function = symbol.map { demangle($0.name) } ?? "0x" + String(address, radix: 16)
            guard let row = rows.last(where: { $0.addresses.contains(at) }) else { return function }
            return "\(function) at \(relative(row.path)):\(row.line)"
        }
    }

    private final class LazyTable: @unchecked Sendable {
        private let lock = NSLock()
        private var kept: [LineRow]?

        func rows(_ image: ELFImage) -> [LineRow] {
            lock.withLock {
                if kept == nil { kept = (try? image.lineTable()) ?? [] }
                return kept ?? []
            }
        }
    }

    private func relative(_ path: String) -> String {
        path.hasPrefix(root.path + "/") ? String(path.dropFirst(root.path.count + 1)) : path
    }

    /// Return addresses on a stack: words that point behind a call. Finds callers without unwind tables; a stale word may show
    /// a call that has returned already.
    func callers(stack: [UInt32], limit: Int = 12) -> [UInt32] {
        stack.filter { word in
            guard word & 1 == 1, word > 4 else { return false }
            let address = UInt64(word & ~1)
            guard let code = image.file.contents(address - 4..<address) else { return false }
            let bytes = [UInt8](code)
            let first = UInt16(bytes[0]) | UInt16(bytes[1]) << 8, second = UInt16(bytes[2]) | UInt16(bytes[3]) << 8
            let isBL = first & 0xF800 == 0xF000 && second & 0xD000 == 0xD000
            let isBLX = second & 0xFF87 == 0x4780
            return isBL || isBLX
        }.prefix(limit).map { ($0 & ~1) - 2 }
    }
}
