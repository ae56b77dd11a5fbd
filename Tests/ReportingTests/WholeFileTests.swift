import Foundation
import Reporting
import Testing

@Suite("Files that are replaced whole") struct WholeFileTests {
    private func withFolder(_ body: (String) throws -> Void) throws {
        let folder = FileManager.default.temporaryDirectory.path + "/ln-whole-\(UInt32.random(in: 0 ... .max))"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try body(folder)
    }

    private func text(_ path: String) -> String? { try? String(contentsOfFile: path, encoding: .utf8) }

    @Test("an older file is replaced as a whole, keeps its permissions, and its other names keep its contents")
    func replaces() throws {
        try withFolder { folder throws in
            let path = folder + "/report"
            try WholeFile.write("old".utf8, to: path)
            try FileManager.default.setAttributes([.posixPermissions: 0o640], ofItemAtPath: path)
            try FileManager.default.linkItem(atPath: path, toPath: folder + "/other")
            try WholeFile.write("new".utf8, to: path)
            #expect(text(path) == "new" && text(folder + "/other") == "old")
            #expect(try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int == 0o640)
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder).sorted() == ["other", "report"])
        }
    }

    @Test("a link is followed; a device and a pipe get the bytes and stay what they are")
    func others() throws {
        try withFolder { folder throws in
            let path = folder + "/report", link = folder + "/link", pipe = folder + "/pipe"
            try WholeFile.write("old".utf8, to: path)
            try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: "report")
            try WholeFile.write("new".utf8, to: link)
            #expect(text(path) == "new" && (try? FileManager.default.destinationOfSymbolicLink(atPath: link)) == "report")
            #expect(WholeFile.areOne(path, link) && !WholeFile.areOne(path, pipe) && !WholeFile.areOne("/dev/null", "/dev/null"))
            try WholeFile.write("gone".utf8, to: "/dev/null")
            #expect(mkfifo(pipe, 0o600) == 0)
            let reader = open(pipe, O_RDONLY | O_NONBLOCK)
            defer { close(reader) }
            try WholeFile.write("piped".utf8, to: pipe)
            var bytes = [UInt8](repeating: 0, count: 16)
            #expect(read(reader, &bytes, bytes.count) == 5)
            for device in [pipe, "/dev/null"] {
                var status = stat()
                #expect(stat(device, &status) == 0 && status.st_mode & S_IFMT != S_IFREG)
            }
        }
    }

    @Test("what cannot be written is told, and nothing is left of the attempt")
    func failures() throws {
        #expect(throws: Failure.self) { try WholeFile.write("x".utf8, to: "/dev/full") }
        try withFolder { folder throws in
            #expect(throws: Failure.self) { try WholeFile.write("x".utf8, to: folder + "/no/report") }
            #expect(throws: Failure.self) { try WholeFile.write("x".utf8, to: folder) }
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder).isEmpty)
        }
    }

    @Test("a file that goes on without end is not read without end; a pipe is read to its end")
    func reads() throws {
        #expect { try WholeFile.read("/dev/zero", limit: 1 << 20, advice: "Name another") } throws: {
            let failure = $0 as? Failure
            return failure?.kind == .usage && failure?.what == "/dev/zero has more than the 1 MB that are read of such a file"
        }
        #expect { try WholeFile.read("/nothing/here", advice: "Name another") } throws: { ($0 as? Failure)?.kind == .environment }
        let pipe = Pipe()
        try pipe.fileHandleForWriting.write(contentsOf: Data("all of it".utf8))
        try pipe.fileHandleForWriting.close()
        #expect(try WholeFile.read("/dev/fd/\(pipe.fileHandleForReading.fileDescriptor)", advice: "") == Array("all of it".utf8))
    }

    @Test("what an earlier run wrote is forgotten, through a link too; what is no plain file stays")
    func forgets() throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("ln-forget-\(UInt32.random(in: 0 ... .max))")
            .path
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try Data("old".utf8).write(to: URL(fileURLWithPath: folder + "/report"))
        try FileManager.default.createSymbolicLink(atPath: folder + "/link", withDestinationPath: "report")
        for path in [folder + "/link", folder, "/dev/null", folder + "/nothing"] { WholeFile.forget(path) }
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == ["link"])
        #expect(FileManager.default.fileExists(atPath: "/dev/null"))
    }
}
