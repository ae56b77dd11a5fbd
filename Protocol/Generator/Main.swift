// Makes the vocabulary of firmware and host and the tables of the documents from Protocol/lightnode.json. With --check it writes nothing
// and fails with the names of the files that are not what the table says.

import Foundation

@main struct ProtocolTables {
    static func main() {
        do {
            let isCheck = CommandLine.arguments.dropFirst() == ["--check"]
            guard isCheck || CommandLine.arguments.count == 1 else { throw TableError("usage: Tools/protocol-tables [--check]") }
            let table = try Table(try Data(contentsOf: URL(fileURLWithPath: "Protocol/lightnode.json")))
            try table.check()
            var stale = 0
            for file in try files(of: table) where try isStale(file) {
                stale += 1
                if isCheck {
                    report("\(file.path) is not what Protocol/lightnode.json says: run Tools/protocol-tables")
                } else {
                    try write(file)
                }
            }
            if isCheck && stale > 0 { exit(1) }
        } catch {
            report("\(error)")
            exit(2)
        }
    }

    private static func files(of table: Table) throws -> [GeneratedFile] {
        try table.firmwareFiles() + table.hostFiles() + documents(of: table)
    }

    private static func isStale(_ file: GeneratedFile) throws -> Bool {
        (try? String(contentsOfFile: file.path, encoding: .utf8)) != file.text
    }

    private static func write(_ file: GeneratedFile) throws {
        let folder = URL(fileURLWithPath: file.path).deletingLastPathComponent()
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        try file.text.write(toFile: file.path, atomically: true, encoding: .utf8)
        print(file.path)
    }

    private static func report(_ line: String) { FileHandle.standardError.write(Data("protocol-tables: \(line)\n".utf8)) }
}

struct GeneratedFile {
    var path: String
    var text: String
}
