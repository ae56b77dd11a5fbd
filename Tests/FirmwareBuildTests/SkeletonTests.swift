// What `lightnode new` writes, and what it refuses. That it builds and passes its own tests, Tools/test-skeletons shows.
import BoardFacts
import Foundation
import Reporting
import Testing

@testable import FirmwareBuild

private let sourceRoot = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent()

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

    @Test(
        "A board of a known chip takes no Swift, and its board.json has no more than the new name",
        arguments: ["mps2-an386", "blackpill-f411"])
    func board(model: String) throws {
        let catalogue = try BoardCatalogue(root: sourceRoot)
        let files = try Skeleton.board("porch", like: model, in: catalogue).files
        #expect(files.map(\.path).filter { $0.hasPrefix("Boards/") } == ["Boards/porch/board.json", "Boards/porch/README.md"])
        let made = files[0].text.components(separatedBy: "\n")
        let ours = try String(contentsOf: sourceRoot.appendingPathComponent("Boards/\(model)/board.json"), encoding: .utf8)
        #expect(zip(made, ours.components(separatedBy: "\n")).filter { $0 != $1 }.map(\.0).allSatisfy { $0.contains("orch") })
    }

    @Test("What a board has Swift of its own for is left out of another one like it, and the rest is sound")
    func withoutOwn() throws {
        let catalogue = try tree(like: "microbit", [])
        let own = "Boards/microbit/Display.swift"
        try FileManager.default.copyItem(
            at: sourceRoot.appendingPathComponent(own), to: catalogue.root.appendingPathComponent(own))
        try Skeleton.board("porch", like: "microbit", in: catalogue).write(into: catalogue)
        let board = try catalogue.board("porch")
        #expect(board.devices?.map(\.name) == ["lock", "relay", "button-a", "button-b", "thermometer"])
        #expect(board.matrix == nil && board.wires?.count == 2)
        try BoardWiring(board, in: catalogue).check()
        #expect(try !DeviceSource(board, in: catalogue).text.contains("showReset"))
    }

    @Test("A board like one that does not exist is refused with those that do")
    func unknownModel() throws {
        let catalogue = try BoardCatalogue(root: sourceRoot)
        let error = #expect(throws: Failure.self) { try Skeleton.board("porch", like: "nonesuch", in: catalogue) }
        #expect(error?.description.contains("microbit") == true)
    }
}
