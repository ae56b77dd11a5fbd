// A suite of on-target tests: its sources, its image, and the tests in it, listed from the image's symbols without running it.
import BoardFacts
import FirmwareBuild
import Foundation
import Image
import Reporting

/// One test in one image.
public struct FirmwareTest: Sendable, Hashable, Codable {
    /// Name of the suite: its folder and its image.
    public var suite: String
    /// Name of the board that its image is for.
    public var board: String
    /// The function's name: a sentence.
    public var name: String
    /// Where it is in flash.
    public var address: UInt32

    /// "Storage/a record survives a reset"
    public var path: String { "\(suite)/\(name)" }
}

/// What a suite's folder says of it; `suite.json`, optional.
struct SuiteFacts: Codable {
    /// Boards to run on; all that QEMU models when absent.
    var boards: [String]?
    /// Runs only when named.
    var hidden: Bool?
}

/// A folder of Tests/OnTarget.
public struct TestSuite: Sendable {
    /// Name of the folder, and of the image.
    public let name: String
    /// Tests/OnTarget/<name>.
    public let folder: URL
    /// Names of the boards that it runs on; nil: all that QEMU models.
    public let boards: [String]?
    /// Whether it runs on `board` under QEMU.
    public func runs(on board: Board) -> Bool { boards?.contains(board.name) ?? (board.emulator != nil) }

    /// True if it runs only when it is named.
    public let isHidden: Bool

    /// All suites of a source tree, sorted.
    /// - Throws: `Failure` when a suite.json cannot be read.
    public static func all(_ builder: FirmwareBuilder) throws -> [TestSuite] {
        try builder.suites.map { name in
            let folder = builder.catalogue.root.appendingPathComponent("Tests/OnTarget/\(name)")
            var facts = SuiteFacts()
            if let data = try? Data(contentsOf: folder.appendingPathComponent("suite.json")) {
                do { facts = try JSONDecoder().decode(SuiteFacts.self, from: data) } catch {
                    throw Failure(
                        .environment, "Tests/OnTarget/\(name)/suite.json cannot be read",
                        advice: "Correct it: {\"boards\": [\"microbit\"]}")
                }
            }
            return TestSuite(name: name, folder: folder, boards: facts.boards, isHidden: facts.hidden ?? false)
        }
    }

    /// The tests in `image`, in the order of their names.
    /// - Throws: `Failure` when a function of the sources that is named like a test is not in the image.
    public func tests(in image: ELFImage, board: Board) throws -> [FirmwareTest] {
        let listed = image.symbols.compactMap { symbol -> FirmwareTest? in
            guard symbol.isFunction, symbol.name.hasPrefix("$e"), let name = Self.testName(demangle(symbol.name), module: name)
            else {
                return nil
            }
            return FirmwareTest(suite: self.name, board: board.name, name: name, address: UInt32(symbol.value & ~1))
        }
        let names = Set(listed.map(\.name))
        for function in try functions() {
            if !function.isSentence, function.isUsed {
                throw Failure(
                    .environment, "`\(function.name)` of suite \(name) is marked @used as a test, but its name is one word",
                    advice: "Name the test by a sentence in backquotes, or take @used from a helper")
            }
            guard function.isSentence, !names.contains(function.name) else { continue }
            throw Failure(
                .environment, "the test `\(function.name)` of suite \(name) is not in the image for \(board.name)",
                advice: (function.isPrivate
                    ? "It is private: take that word away, so that the runner can see it"
                    : "Write `@used static func` before its name, inside the suite"))
        }
        return listed.sorted { $0.name < $1.name }
    }

    /// "static Storage.Storage.`a record survives a reset`() -> ()" is a test of the module Storage.
    static func testName(_ text: String, module: String) -> String? {
        guard let match = text.wholeMatch(of: /static (?:\(extension in \w+\):)?(\w+)\.\w+\.`([^`]+)`\(\) -> \(\)/),
            match.1 == module
        else { return nil }
        return match.2.contains(" ") ? String(match.2) : nil
    }

    /// A static function without parameters, as the sources have it.
    struct Function: Equatable {
        var name: String
        var isUsed = false
        var isPrivate = false
        var isSentence: Bool { name.contains(" ") }
    }

    private func functions() throws -> [Function] {
        try sources().flatMap { Self.functions(in: try String(contentsOf: $0, encoding: .utf8)) }
    }

    /// The static functions without parameters and generic ones, whatever words stand before them; comments are no source.
    static func functions(in source: String) -> [Function] {
        let code = source.split(separator: "\n", omittingEmptySubsequences: false)
            .map { $0.drop { $0 == " " || $0 == "\t" }.hasPrefix("//") ? "" : $0 }.joined(separator: "\n")
        let pattern =
            /((?:@\w+(?:\([^)\n]*\))?\s+|(?:public|internal|private|fileprivate|package)\s+)*)static func (?:`([^`\n]+)`|(\w+))\(\)/
        return code.matches(of: pattern).map { match in
            let words = match.1.split(whereSeparator: \.isWhitespace)
            return Function(
                name: String(match.2 ?? match.3 ?? ""), isUsed: words.contains("@used"),
                isPrivate: words.contains("private") || words.contains("fileprivate"))
        }
    }

    /// Whether its sources import one of these modules.
    func imports(_ modules: Set<Substring>) throws -> Bool {
        try sources().contains { file in
            try String(contentsOf: file, encoding: .utf8).matches(of: /(?m)^import (\w+)$/).contains { modules.contains($0.1) }
        }
    }

    func sources() throws -> [URL] {
        let files = try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
        return files.filter { $0.pathExtension == "swift" }
    }
}

@_silgen_name("swift_demangle")
private func swiftDemangle(
    _ name: UnsafePointer<CChar>?, _ length: Int, _ buffer: UnsafeMutablePointer<CChar>?, _ size: UnsafeMutablePointer<Int>?,
    _ flags: UInt32
) -> UnsafeMutablePointer<CChar>?

/// A symbol as it is written in Swift, or as it is.
func demangle(_ symbol: String) -> String {
    guard symbol.hasPrefix("$"), let text = swiftDemangle(symbol, symbol.utf8.count, nil, nil, 0) else { return symbol }
    defer { free(text) }
    // The space of a raw identifier is mangled, and comes back, as a no-break space.
    return String(cString: text).replacingOccurrences(of: "\u{A0}", with: " ")
}
