// The line table that coverage rests on, against a reader of DWARF that nobody here wrote.
import BoardFacts
import FirmwareBuild
import Foundation
import Image
import Programs
import Reporting
import Testing

@testable import TestRunner

@Suite struct LineTableTests {
    @Test("every line that LLVM's symbolizer names is in the table", arguments: ["microbit", "mps2-an386"])
    func witness(board: String) throws {
        var options = Runner.Options()
        options.filters = ["Store"]
        options.boards = [board]
        let runner = Runner(builder: FirmwareBuilder(catalogue: try BoardCatalogue(root: root)), options: options)
        let image = try #require(try runner.plan().items.first).prepared.linked
        let rows = try image.lineTable()
        #expect(rows.contains { $0.path.hasSuffix("Firmware/FlashStore/Journal.swift") })
        let addresses = Set(rows.enumerated().filter { $0.offset.isMultiple(of: 7) }.map { $0.element.addresses.lowerBound })
        #expect(addresses.count > 200)
        let words = addresses.sorted().map { "0x" + String($0, radix: 16) }
        let answer = try Tool("llvm-symbolizer", package: "llvm").run(
            ["--obj=\(image.file.url.path)", "--output-style=GNU", "--no-inlines", "-a"] + words)
        let lines = answer.output.split(separator: "\n")
        var compared = 0
        // Three lines each: the address, the function, the place.
        for index in stride(from: 0, to: lines.count - 2, by: 3) {
            let address = try #require(UInt64(lines[index].dropFirst(2), radix: 16))
            let place = lines[index + 2].split(separator: " ")[0].split(separator: ":")
            guard place.count >= 2, let line = Int(place[1]), line > 0 else { continue }
            compared += 1
            let file = place[0].split(separator: "/").last
            let found = rows.contains {
                $0.addresses.contains(address) && $0.line == line && $0.path.split(separator: "/").last == file
            }
            #expect(found, "\(lines[index]) is \(lines[index + 2])")
        }
        #expect(compared > 150)
    }

    @Test("a table that is cut off or of an unknown version is an error, not a crash")
    func damaged() throws {
        var options = Runner.Options()
        options.filters = ["Store"]
        options.boards = ["microbit"]
        let runner = Runner(builder: FirmwareBuilder(catalogue: try BoardCatalogue(root: root)), options: options)
        let image = try #require(try runner.plan().items.first).prepared.linked
        let section = try #require(image.sections.first { $0.name == ".debug_line" })
        let file = FileManager.default.temporaryDirectory.appendingPathComponent("damaged-\(UUID().uuidString.prefix(8)).elf")
        defer { try? FileManager.default.removeItem(at: file) }
        for (offset, value) in [(0, UInt8(0xFF)), (4, 0x63), (1, 0xFF), (6, 0xFF)] {
            var bytes = image.file.bytes
            bytes[section.fileOffset + offset] = value
            try bytes.write(to: file)
            let damaged = try ELFImage(contentsOf: file)
            _ = try? damaged.lineTable()
        }
        var bytes = image.file.bytes
        bytes[section.fileOffset + 4] = 0x63
        try bytes.write(to: file)
        #expect(throws: Failure.self) { _ = try ELFImage(contentsOf: file).lineTable() }
    }
}
