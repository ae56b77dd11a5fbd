// What a person is shown of a build that failed.
import Foundation
import Programs
import Testing

@testable import FirmwareBuild

@Suite("What the compiler said") struct CompilerMessagesTests {
    /// What the compiler itself says of a source.
    private func messages(_ source: String, _ options: String...) throws -> CompilerMessages {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("lightnode-said-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let file = folder.appendingPathComponent("Board.swift")
        try Data(source.utf8).write(to: file)
        let result = try Tool("swiftc", package: nil).run(["-typecheck"] + options + [file.path])
        #expect(result.status != 0)
        return CompilerMessages(result.output + result.errors, root: folder.path)
    }

    private static let source = """
        enum Name { case led, beep }
        func reach(_ name: Name) -> Int {
            switch name {
            case .led: 1
            }
        }
        """

    @Test("An error keeps the note that names what is missing, in both forms that the compiler has for notes", arguments: [0, 1])
    func notes(form: Int) throws {
        let said = form == 0 ? try messages(Self.source) : try messages(Self.source, "-diagnostic-style", "llvm")
        #expect(said.errors == ["Board.swift:3:5: error: switch must be exhaustive"])
        #expect(said.text.contains("note: add missing case: '.beep'"), "\(said.text)")
    }

    @Test("An error that is said twice is shown once, with what it says of other lines")
    func once() throws {
        let text = """
            [3/9] Compiling Board
            /tree/Boards/porch/A.swift:1:2: warning: never used
            /tree/Boards/porch/A.swift:7:2: error: cannot find 'x' in scope
            /tree/Boards/porch/B.swift:4:1: note: 'x' declared here
            /tree/Boards/porch/A.swift:7:2: error: cannot find 'x' in scope
            error: emit-module command failed with exit code 1 (use -v to see invocation)
            """
        #expect(
            CompilerMessages(text, root: "/tree").text == """
                  Boards/porch/A.swift:7:2: error: cannot find 'x' in scope
                    Boards/porch/B.swift:4:1: note: 'x' declared here
                """)
        #expect(CompilerMessages("killed", root: "/tree").text == "  killed")
    }
}
