import Foundation
import Keystore
import Reporting
import Testing

@Suite("Books of newer and of other programs") struct BookTests {
    /// What reading a file with this text as a book fails with.
    private func failure(_ text: String, _ read: (PrivateFile) throws -> Void) throws -> Failure? {
        let path = FileManager.default.temporaryDirectory.path + "/ln-book-\(UInt32.random(in: 0 ... .max))"
        defer { try? FileManager.default.removeItem(atPath: path) }
        let file = PrivateFile(path)
        try file.write(Array(text.utf8))
        do { try read(file) } catch { return error as? Failure }
        return nil
    }

    private func nodes(_ file: PrivateFile) throws { _ = try NodeBook(file).nodes() }
    private func grants(_ file: PrivateFile) throws { _ = try GrantBook(file).grants() }

    @Test("A book of a newer version is told as that, and a file of another kind as none")
    func kinds() throws {
        for (format, key, read) in [("lightnode-devices", "devices", nodes), ("lightnode-grants", "grants", grants)] {
            func text(_ format: String, _ version: Int) -> String {
                "{\"format\": \"\(format)\", \"version\": \(version), \"\(key)\": []}"
            }
            #expect(try failure(text(format, 1), read) == nil)
            let newer = try failure(text(format, 2), read)
            #expect(newer?.what.contains("has version 2") == true && newer?.advice == "Use a newer lightnode")
            let other = try failure(text("something", 1), read)
            #expect(other?.what.contains("is no file of") == true && other?.advice == "Restore it from a copy")
        }
    }
}
