import Foundation
import Programs
import Testing

@testable import FirmwareBuild

@Suite("A tree that was moved") struct MovedTreeTests {
    @Test("What was built in another place is removed, what was built here stays")
    func moved() throws {
        let root = FileManager.default.temporaryDirectory.appendingPathComponent(
            "lightnode-moved-\(UInt32.random(in: 0 ... .max))"
        )
        .resolvingSymlinksInPath()
        defer { try? FileManager.default.removeItem(at: root) }
        let sources = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        func make(_ folder: String, plannedIn place: String) throws {
            let folder = root.appendingPathComponent(folder)
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
            let plan = "nodes:\n  \"\(place)/Firmware/CBOR/\":\n    is-directory-structure: true\n"
            try plan.write(to: folder.appendingPathComponent("release.yaml"), atomically: true, encoding: .utf8)
        }
        try FileManager.default.createDirectory(
            at: root.appendingPathComponent("Tools"), withIntermediateDirectories: true)
        try FileManager.default.copyItem(
            at: sources.appendingPathComponent("Tools/same-place"), to: root.appendingPathComponent("Tools/same-place"))
        try make(".build", plannedIn: "/where/it/was")
        try make(".build-here", plannedIn: root.path)
        // A folder beside it whose name only begins alike is another place.
        try make(".build-beside", plannedIn: root.path + "-2")
        let result = try Tool.bash.run(["Tools/same-place"], in: root)
        #expect(result.status == 0 && result.errors.split(separator: "\n").count == 2, "\(result)")
        let left = try FileManager.default.contentsOfDirectory(atPath: root.path).filter { $0.hasPrefix(".build") }
        #expect(left == [".build-here"])
    }
}
