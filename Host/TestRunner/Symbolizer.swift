// Names of functions, files and lines for addresses, through DWARF in the image (llvm-symbolizer or arm-none-eabi-addr2line).
import FirmwareBuild
import Foundation

/// Turns addresses of an image into "function at file:line".
struct Symbolizer: Sendable {
    let image: ELFImage
    let root: URL

    /// One text per address; the address itself when nothing is known of it.
    func names(_ addresses: [UInt32]) -> [String] {
        guard !addresses.isEmpty else { return [] }
        let words = addresses.map { "0x" + String($0, radix: 16) }
        guard
            let result = try? Tool("arm-none-eabi-addr2line", package: "binutils-arm-none-eabi").run(
                ["-f", "-e", image.url.path] + words),
            result.status == 0
        else { return words }
        let lines = result.output.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        return addresses.indices.map { index in
            guard lines.count > 2 * index + 1 else { return words[index] }
            let function = lines[2 * index] == "??" ? words[index] : demangle(lines[2 * index])
            let place = lines[2 * index + 1].split(separator: " ").first.map(String.init) ?? ""
            return place.hasPrefix("??") ? function : "\(function) at \(relative(place))"
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
            guard let code = image.contents(address - 4..<address) else { return false }
            let bytes = [UInt8](code)
            let first = UInt16(bytes[0]) | UInt16(bytes[1]) << 8, second = UInt16(bytes[2]) | UInt16(bytes[3]) << 8
            let isBL = first & 0xF800 == 0xF000 && second & 0xD000 == 0xD000
            let isBLX = second & 0xFF87 == 0x4780
            return isBL || isBLX
        }.prefix(limit).map { ($0 & ~1) - 2 }
    }
}
