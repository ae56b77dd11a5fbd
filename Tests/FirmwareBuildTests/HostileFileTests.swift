import BoardFacts
import FirmwareBuild
import Foundation
import Image
import Testing

/// Images and board files whose numbers lie: each ends in a sentence, and soon.
@Suite("Images and boards that lie") struct HostileFileTests {
    private func words(_ body: () throws -> Void) -> String {
        do { try body() } catch { return "\(error)" }
        return ""
    }

    private func withFile(_ bytes: [UInt8], _ body: (URL) throws -> Void) throws {
        let file = FileManager.default.temporaryDirectory.appendingPathComponent("ln-elf-\(UInt32.random(in: 0 ... .max)).elf")
        try Data(bytes).write(to: file)
        defer { try? FileManager.default.removeItem(at: file) }
        try body(file)
    }

    private func word(_ value: Int) -> [UInt8] { (0..<4).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) } }
    private func half(_ value: Int) -> [UInt8] { [UInt8(value & 0xFF), UInt8(value >> 8)] }

    /// An ELF header for Arm with section headers of `size` bytes at `at`.
    private func header(at: Int, size: Int = 40, count: Int, names: Int) -> [UInt8] {
        var bytes: [UInt8] = [0x7F, 0x45, 0x4C, 0x46, 1, 1, 1] + [UInt8](repeating: 0, count: 9)
        bytes += half(2) + half(40) + word(1) + word(0) + word(0)
        bytes += word(at) + word(0) + half(52) + half(0)
        return bytes + half(0) + half(size) + half(count) + half(names)
    }

    private func section(name: Int = 0, type: Int, offset: Int, size: Int, link: Int = 0) -> [UInt8] {
        [name, type, 0, 0, offset, size, link, 0, 0, 0].flatMap { word($0) }
    }

    @Test("a symbol table that names a section that is not there")
    func link() throws {
        for link in [1, 7, 0xFFFF_FFFF] {
            try withFile(header(at: 52, count: 1, names: 0) + section(type: 2, offset: 0, size: 0, link: link)) { file throws in
                #expect(words { _ = try ELFImage(contentsOf: file) }.contains("truncated or damaged"))
            }
        }
    }

    @Test("sections that go beyond the file")
    func bounds() throws {
        let names = Array("\0.debug_line\0".utf8)
        for (offset, size) in [(92, 0x7FFF_FFFF), (0xFFFF_FFFF, 1), (0xFFFF_FFFF, 0xFFFF_FFFF), (140, 1)] {
            var bytes: [UInt8] = header(at: 52, count: 2, names: 1)
            bytes += section(name: 1, type: 1, offset: offset, size: size)
            bytes += section(name: 0, type: 3, offset: 132, size: names.count) + names
            try withFile(bytes) { file throws in
                let found = words { _ = try ELFImage(contentsOf: file).lineTable() }
                #expect(found.contains("damaged") || offset == 140, "\(found)")
            }
        }
    }

    @Test("40,000 symbols that all name one text of 1 MB, and 65,535 sections in one place, are refused within seconds")
    func quadratic() throws {
        let text = [UInt8](repeating: 0x61, count: 1 << 20) + [0]
        let symbol: [UInt8] = word(0) + word(0x1000) + word(4) + [2, 0, 0, 0]
        let symbols = [UInt8](repeatElement(symbol, count: 40_000).joined())
        let strings = 52 + 120, table = strings + text.count
        var many: [UInt8] = header(at: 52, count: 3, names: 0)
        many += section(type: 3, offset: strings + text.count - 1, size: 1)
        many += section(name: 0, type: 3, offset: strings, size: text.count)
        many += section(name: 0, type: 2, offset: table, size: symbols.count, link: 1)
        many += text + symbols
        // Headers of no size are all in one place, and have all the name that begins there.
        let one = header(at: 52, size: 0, count: 65_535, names: 0) + section(name: 1, type: 3, offset: 92, size: 8 << 20)
        for bytes in [many, one + [UInt8](repeating: 0x61, count: 8 << 20)] {
            try withFile(bytes) { file throws in
                let began = threadSeconds()
                #expect(words { _ = try ELFImage(contentsOf: file) }.contains("truncated or damaged"))
                #expect(threadSeconds() - began < 5)
            }
        }
    }

    @Test("an address or a size beyond 32 bits in a board.json is refused; the largest that fits overflows nothing")
    func board() throws {
        func memory(_ address: String, _ size: String) throws -> Board.Memory {
            try JSONDecoder().decode(Board.Memory.self, from: Data("{\"address\": \(address), \"size\": \(size)}".utf8))
        }
        for wrong in ["\"0xFFFFFFFFFFFFFFFF\"", "18446744073709551615", "\"0x100000000\"", "-1", "\"0x\"", "\"12\"", "1.5"] {
            #expect(throws: DecodingError.self) { try memory("\"0x1000\"", wrong) }
            #expect(throws: DecodingError.self) { try memory(wrong, "\"0x1000\"") }
        }
        let largest = try memory("\"0xFFFFFFFF\"", "4294967295")
        #expect(largest.range.count == 0xFFFF_FFFF && largest.size.int == 0xFFFF_FFFF)
    }
}

/// Seconds that this thread has computed: no other program's work counts.
private func threadSeconds() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
}
