// A database that a killed program has left in the middle of a change, where nobody may write.
import Foundation
import GRDB
import Keystore
import Testing

@Suite struct HotJournalTests {
    @Test("What was there before the change is read, and nothing is written beside it")
    func read() throws {
        let folder = FileManager.default.temporaryDirectory.path + "/ln-hot-\(UInt32.random(in: 0 ... .max))"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let live = folder + "/live.sqlite", left = folder + "/left.sqlite"
        let queue = try DatabaseQueue(path: live)
        try queue.write { database in
            try database.execute(sql: "CREATE TABLE t (n INTEGER, text TEXT)")
            for number in 0..<200 {
                try database.execute(sql: "INSERT INTO t VALUES (?, ?)", arguments: [number, String(repeating: "x", count: 500)])
            }
        }
        // A change that does not fit the cache is in the file before it is committed; its journal tells how to undo it.
        try queue.writeWithoutTransaction { database in
            try database.execute(sql: "PRAGMA cache_size = 2; BEGIN IMMEDIATE; UPDATE t SET n = n + 1000, text = upper(text)")
            for suffix in ["", "-journal"] { try FileManager.default.copyItem(atPath: live + suffix, toPath: left + suffix) }
            try database.execute(sql: "ROLLBACK")
        }
        let before = try ["", "-journal"].map { try Data(contentsOf: URL(fileURLWithPath: left + $0)) }
        #expect(before[0] != (try Data(contentsOf: URL(fileURLWithPath: live))), "a part of the change is in the file")

        let numbers = try DatabaseFile.inMemory(left).read { try Int.fetchAll($0, sql: "SELECT n FROM t ORDER BY n") }
        #expect(numbers == Array(0..<200))
        #expect(try ["", "-journal"].map { try Data(contentsOf: URL(fileURLWithPath: left + $0)) } == before)
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder).filter { $0.hasPrefix("left") }.count == 2)
    }
}
