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

    /// A board in Boards/, with the wiring of `model`, another board of the same chip, to begin with; and its on-target test.
    /// - Throws: `Failure` also when `model` does not exist or lacks a file.
    public static func board(_ text: String, like model: String, in catalogue: BoardCatalogue) throws -> Skeleton {
        let name = try Name(text, of: "a board")
        let board = try catalogue.board(model)
        let folder = catalogue.root.appendingPathComponent("Boards/\(model)")
        let manager = FileManager.default
        guard let entries = try? manager.contentsOfDirectory(atPath: folder.path) else {
            throw Failure(.environment, "Boards/\(model) cannot be read", advice: "Check the folder's permissions")
        }
        var skeleton = Skeleton()
        for entry in entries.sorted() where entry != "README.md" {
            guard let text = try? String(contentsOfFile: folder.path + "/" + entry, encoding: .utf8) else { continue }
            // QEMU's machine may have the model's name as well: only the board's own name changes.
            let own =
                entry == "board.json"
                ? text.replacingOccurrences(of: "\"name\": \"\(model)\"", with: "\"name\": \"\(name.hyphened)\"")
                    .replacingOccurrences(of: board.title, with: "\(name.type) (like \(model))")
                : text.replacingOccurrences(of: "\"\(model)\"", with: "\"\(name.hyphened)\"")
            skeleton.files.append(("Boards/\(name.hyphened)/\(entry)", own))
        }
        skeleton.files.append(("Boards/\(name.hyphened)/README.md", Template.boardReadme(name, like: board)))
        let suite = "\(name.type)Board"
        skeleton.files.append(("Tests/OnTarget/\(suite)/\(suite).swift", Template.boardTest(name)))
        skeleton.files.append(("Tests/OnTarget/\(suite)/suite.json", "{ \"boards\": [\"\(name.hyphened)\"] }\n"))
        skeleton.next = [
            ("lightnode layout --board \(name.hyphened)", "the wiring to change in Boards/\(name.hyphened)/board.json"),
            ("lightnode build --board \(name.hyphened)", "its light node"),
        ]
        if board.emulator != nil { skeleton.next.append(("lightnode test \(suite)", "its test under QEMU")) }
        return skeleton
    }
}
