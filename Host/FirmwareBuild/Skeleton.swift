// A new board, driver or application: the few files it takes, ready to build and with a test of its own.
import BoardFacts
import Foundation
import Reporting

/// Files to be written into a source tree.
public struct Skeleton: Sendable {
    /// Path below the tree's root, and contents.
    public internal(set) var files: [(path: String, text: String)] = []
    /// What to run next, and why.
    public internal(set) var next: [(command: String, purpose: String)] = []

    /// Writes all files, or none.
    /// - Throws: `Failure` when one is there already, or when the tree cannot be written to.
    public func write(into catalogue: BoardCatalogue) throws {
        let manager = FileManager.default
        for file in files where manager.fileExists(atPath: catalogue.root.path + "/" + file.path) {
            throw Failure(
                .environment, "\(file.path) exists already, and nothing was written", about: "\(file.path)",
                advice: "Choose another name, or remove it")
        }
        var written: [URL] = []
        do {
            for file in files {
                let url = catalogue.root.appendingPathComponent(file.path)
                try manager.createDirectory(at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
                try Data(file.text.utf8).write(to: url, options: .withoutOverwriting)
                written.append(url)
            }
        } catch {
            for url in written { try? manager.removeItem(at: url) }
            throw Failure(
                .environment, "the skeleton cannot be written: \(error.localizedDescription)",
                advice: "Check the folder's permissions and space")
        }
    }

    /// A name in the two forms that files and Swift want.
    struct Name {
        /// "garden-gate"
        let hyphened: String
        /// "GardenGate"
        let type: String

        /// Takes either form.
        /// - Throws: `Failure` for anything but letters, digits and hyphens that begins with a letter.
        init(_ text: String, of what: String, atMost length: Int = 32) throws {
            var words: [String] = []
            for character in text {
                if character == "-" || words.isEmpty || character.isUppercase && words.last?.last?.isUppercase == false {
                    words.append("")
                }
                if character != "-" { words[words.count - 1].append(character) }
            }
            hyphened = words.joined(separator: "-").lowercased()
            type = words.map { $0.prefix(1).uppercased() + $0.dropFirst() }.joined()
            let isClean = text.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "-") }
            guard isClean, text.first?.isLetter == true, !words.contains(""), hyphened.count <= length else {
                throw Failure(
                    .environment, "\"\(text)\" cannot be the name of \(what)",
                    advice: "Use at most \(length) letters, digits and hyphens, a letter first, as in garden-gate")
            }
        }
    }

    /// A driver of one pin in Firmware/Drivers, and its host test on a simulated pin.
    /// - Throws: `Failure` when `text` cannot be the name of a driver.
    public static func driver(_ text: String) throws -> Skeleton {
        let name = try Name(text, of: "a driver", atMost: 16)
        return Skeleton(
            files: [
                ("Firmware/Drivers/\(name.type).swift", Template.driver(name)),
                ("Tests/DevicesTests/\(name.type)Tests.swift", Template.driverTest(name)),
            ],
            next: [
                (
                    "LIGHTNODE_TESTS=DevicesTests swift test --build-system native -c release -Xswiftc -enable-testing --filter \(name.type)Tests",
                    "its test on a simulated pin"
                ),
                (
                    "edit Boards/<board>/board.json",
                    "give it a row in devices: { \"name\": \"\(name.hyphened)\", \"driver\": \"\(name.type)\", \"output\": \"<pin>\" }"
                ),
            ])
    }

    /// An application in Firmware/Apps, and its story under QEMU.
    /// - Throws: `Failure` when `text` cannot be the name of an application.
    public static func application(_ text: String, boards: [String]) throws -> Skeleton {
        let name = try Name(text, of: "an application")
        return Skeleton(
            files: [
                ("Firmware/Apps/\(name.hyphened)/main.swift", Template.application(name)),
                ("Tests/EndToEndTests/\(name.type)Tests.swift", Template.applicationTest(name, boards: boards)),
            ],
            next: [
                ("lightnode build --board \(boards.first ?? "microbit") \(name.hyphened)", "its image"),
                (
                    "LIGHTNODE_TESTS=EndToEndTests swift test --build-system native -c release -Xswiftc -enable-testing --filter \(name.type)Tests",
                    "its story under QEMU"
                ),
            ])
    }

    /// A board in Boards/, with what board.json says of `model`, another board of the same chip, to begin with; and its on-target test.
    /// What only `model` itself has, because its folder has Swift for it, is left out.
    /// - Throws: `Failure` also when `model` does not exist or cannot be read.
    public static func board(_ text: String, like model: String, in catalogue: BoardCatalogue) throws -> Skeleton {
        let name = try Name(text, of: "a board")
        let board = try catalogue.board(model)
        let folder = catalogue.root.appendingPathComponent("Boards/\(model)")
        let facts: String, own: Set<String>
        do {
            facts = try String(contentsOf: folder.appendingPathComponent("board.json"), encoding: .utf8)
            own = try ownTypes(in: folder)
        } catch {
            throw Failure(.environment, "Boards/\(model) cannot be read", advice: "Check the folder's permissions")
        }
        var skeleton = Skeleton()
        // QEMU's machine may have the model's name as well: only the board's own name changes.
        let renamed = facts.replacingOccurrences(of: "\"name\": \"\(model)\"", with: "\"name\": \"\(name.hyphened)\"")
            .replacingOccurrences(of: board.title, with: "\(name.type) (like \(model))")
        skeleton.files.append(("Boards/\(name.hyphened)/board.json", without(own, in: renamed)))
        skeleton.files.append(("Boards/\(name.hyphened)/README.md", Template.boardReadme(name, like: board)))
        let suite = "\(name.type)Board"
        let output = board.devices?.first { ["LED", "Relay"].contains($0.driver) && $0.output != nil }
        if let device = output?.name {
            skeleton.files.append(("Tests/OnTarget/\(suite)/\(suite).swift", Template.boardTest(name, device: device)))
            skeleton.files.append(("Tests/OnTarget/\(suite)/suite.json", "{ \"boards\": [\"\(name.hyphened)\"] }\n"))
        }
        skeleton.next = [
            ("lightnode layout --board \(name.hyphened)", "the wiring to change in Boards/\(name.hyphened)/board.json"),
            ("lightnode build --board \(name.hyphened)", "its light node"),
        ]
        if board.emulator != nil, output != nil { skeleton.next.append(("lightnode test \(suite)", "its test under QEMU")) }
        return skeleton
    }

    /// Types that a board's own Swift declares: all but what is made from its board.json.
    private static func ownTypes(in folder: URL) throws -> Set<String> {
        var found: Set<String> = []
        for file in try FileManager.default.contentsOfDirectory(atPath: folder.path)
        where file.hasSuffix(".swift") && file != "Devices.swift" {
            let text = try String(contentsOf: folder.appendingPathComponent(file), encoding: .utf8)
            for match in text.matches(of: /\b(?:struct|enum)\s+(\w+)/) { found.insert(String(match.1)) }
        }
        return found
    }

    /// A board.json without the devices that are made of these types, and without a matrix of lights, which such a type shows.
    private static func without(_ types: Set<String>, in facts: String) -> String {
        guard !types.isEmpty else { return facts }
        let bytes = Array(facts.utf8)
        let rows = RowLines(bytes)
        var dropped = (rows.rows["devices"] ?? []).map(\.bytes).filter { row in
            let text = String(decoding: bytes[row], as: UTF8.self)
            return text.split { !$0.isLetter && !$0.isNumber }.contains { types.contains(String($0)) }
        }
        if let matrix = rows.values["matrix"] { dropped.append(matrix) }
        var kept = bytes
        for range in dropped.sorted(by: { $0.lowerBound > $1.lowerBound }) {
            // With the comma behind it and the spaces before it; the last of a list takes the comma before it.
            var (start, end) = (range.lowerBound, range.upperBound)
            while start > 0, kept[start - 1] <= UInt8(ascii: " ") { start -= 1 }
            if end < kept.count, kept[end] == UInt8(ascii: ",") {
                end += 1
            } else if start > 0, kept[start - 1] == UInt8(ascii: ",") {
                start -= 1
            }
            kept.removeSubrange(start..<end)
        }
        return String(decoding: kept, as: UTF8.self)
    }
}
