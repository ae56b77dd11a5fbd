// What `lightnode new` writes, and what it refuses. That it builds and passes its own tests, Tools/test-skeletons shows.
import BoardFacts
import Foundation
import Reporting
import Testing

@testable import FirmwareBuild

@Suite("Skeletons")
struct SkeletonTests {
    private func emptyTree() throws -> BoardCatalogue {
        let root = FileManager.default.temporaryDirectory.appendingPathComponent("ln-skeleton-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: root, withIntermediateDirectories: true)
        return try BoardCatalogue(root: root)
    }

    @Test(
        "Either form of a name gives both",
        arguments: [
            ("garden-gate", "garden-gate", "GardenGate"), ("GardenGate", "garden-gate", "GardenGate"),
            ("siren", "siren", "Siren"), ("rgb2", "rgb2", "Rgb2"),
        ])
    func names(given: String, hyphened: String, type: String) throws {
        let name = try Skeleton.Name(given, of: "a thing")
        #expect(name.hyphened == hyphened && name.type == type)
    }

    @Test(
        "A name that no file or type can have is refused",
        arguments: ["", "9lives", "a b", "../up", "gate-", "türe", "a-very-long-name-indeed-it-is-too-long"])
    func badNames(given: String) {
        #expect(throws: Failure.self) { try Skeleton.Name(given, of: "a thing") }
    }

    @Test("What exists is not overwritten, and then nothing is written at all")
    func keepsWhatIs() throws {
        let catalogue = try emptyTree()
        let skeleton = try Skeleton.driver("siren")
        let last = catalogue.root.appendingPathComponent(skeleton.files.last!.path)
        try FileManager.default.createDirectory(at: last.deletingLastPathComponent(), withIntermediateDirectories: true)
        try Data("mine".utf8).write(to: last)
        let error = #expect(throws: Failure.self) { try skeleton.write(into: catalogue) }
        #expect(error?.description.contains(skeleton.files.last!.path) == true)
        #expect(try String(contentsOf: last, encoding: .utf8) == "mine")
        #expect(!FileManager.default.fileExists(atPath: catalogue.root.path + "/" + skeleton.files[0].path))
    }

    @Test("A board like one that does not exist is refused with those that do")
    func unknownModel() throws {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let catalogue = try BoardCatalogue(root: root)
        let error = #expect(throws: Failure.self) { try Skeleton.board("porch", like: "nonesuch", in: catalogue) }
        #expect(error?.description.contains("microbit") == true)
    }
}
