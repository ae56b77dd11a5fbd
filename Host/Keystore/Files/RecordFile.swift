// A JSON file of what is known, which says what it is: replaced as a whole under a lock, so that several programs may use it at once.
import Foundation
import Reporting

/// What such a file holds.
protocol RecordFileContents: Codable {
    /// What the file says that it is.
    static var format: String { get }
    /// What it is to a person: "no file of …".
    static var what: String { get }
    var format: String { get }
    /// 1: there are no others yet.
    var version: Int { get }
    /// What a file holds that is not there yet.
    init()
}

/// The file of one kind of contents.
struct RecordFile<Contents: RecordFileContents>: Sendable {
    let file: PrivateFile

    /// - Throws: `Failure` when the file is there and cannot be read, is of another kind, or has another version.
    func contents() throws -> Contents {
        guard file.exists else { return Contents() }
        let decoder = JSONDecoder()
        decoder.dateDecodingStrategy = .iso8601
        let bytes = try file.read()
        guard let contents = try? decoder.decode(Contents.self, from: Data(bytes)), contents.format == Contents.format else {
            throw Failure(
                .environment, "\(file.path) is no file of \(Contents.what)", about: "\(file.path)",
                advice: "Restore it from a copy")
        }
        guard contents.version == 1 else {
            throw Failure(
                .environment, "\(file.path) has version \(contents.version), which is unknown here", about: "\(file.path)",
                advice: "Use a newer lightnode")
        }
        return contents
    }

    /// - Throws: `Failure`, or what `body` throws; the file is then as it was.
    func change(_ body: (inout Contents) throws -> Void) throws {
        try withFileLock(file.path + ".lock") {
            var contents = try contents()
            try body(&contents)
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
            encoder.dateEncodingStrategy = .iso8601
            try file.write(Array(try encoder.encode(contents)) + [UInt8(ascii: "\n")])
        }
    }
}
