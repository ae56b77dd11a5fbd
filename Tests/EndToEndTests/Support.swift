// The real images on real QEMU: where they are, a node made of one, and the program as a user runs it.
import BoardFacts
import ControlNode
import Emulation
import Foundation
import Image
import Keystore
import NodeEmulation
import NodeProtocol
import Provisioning
import Testing

/// Boards that run the light node in QEMU.
let emulatedBoards = ["microbit", "mps2-an386"]

let sourceRoot = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent()

func board(_ name: String) throws -> Board { try BoardCatalogue(root: sourceRoot).board(name) }

/// The image that `make firmware` built. A test without it fails: what was not tested is not to look tested.
func lightNodeImage(_ board: String) throws -> URL {
    let image = sourceRoot.appendingPathComponent("build/\(board)/light-node.elf")
    try #require(
        FileManager.default.fileExists(atPath: image.path),
        "build/\(board)/light-node.elf is not there: run `make firmware` before the tests")
    return image
}

/// That image, known to fit its board.
func checkedImage(_ name: String) throws -> CheckedImage {
    try CheckedImage(contentsOf: try lightNodeImage(name), for: try board(name))
}

/// A folder with a short name, because sockets' paths are limited; gone with the object.
final class Scratch: Sendable {
    let url: URL

    init() throws {
        url = URL(fileURLWithPath: "/tmp/ln-e2e-\(String(UInt32.random(in: 0 ... .max), radix: 36))")
        try FileManager.default.createDirectory(
            at: url, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    }

    deinit { try? FileManager.default.removeItem(at: url) }

    func home(_ name: String) throws -> Home { try Home(url.appendingPathComponent(name).path) }
}

/// A blank node, powered on; its flash is gone with the scratch folder.
func blankNode(_ name: String, _ scratch: Scratch) async throws -> EmulatedNode {
    let node = try EmulatedNode(
        image: try checkedImage(name), flashFile: scratch.url.appendingPathComponent("flash.bin"))
    try await node.powerOn()
    return node
}

/// A node with an owner, and the label that made it so.
func ownedNode(_ name: String, _ scratch: Scratch) async throws -> (node: EmulatedNode, owner: RemoteNode, label: ClaimLabel) {
    let node = try await blankNode(name, scratch)
    let label = try await Station(home: try scratch.home("factory")).provisionAndFinish(node.client).label
    let owner = try node.seen(from: try scratch.home("owner"))
    try await owner.bind(label: label)
    return (node, owner, label)
}

/// The reason with which `body` is refused, by the answer or by its receipt; nil when it is not.
func reasonOfRefusal(_ body: () async throws -> Void) async throws -> String? {
    do {
        try await body()
    } catch let refusal as Refusal {
        return refusal.reason
    } catch let notDone as NotDone {
        return "\(notDone.receipt.outcome)"
    }
    return nil
}

/// A home of its own for `lightnode`; its named boards are stopped when it goes.
final class Workbench: Sendable {
    let scratch: Scratch
    let lightnode: Program

    init() throws {
        scratch = try Scratch()
        lightnode = Program(home: scratch.url.path)
    }

    deinit {
        let boards = EmulatedBoards(home: scratch.url)
        for record in boards.running where (try? boards.stop(record.name)) == nil { kill(record.supervisor, SIGKILL) }
    }

    /// Turns on a light node under `name`; returns the options that address it.
    func emulate(_ board: String, _ name: String) throws -> [String] {
        let started = try lightnode(
            "emulate", "start", "--board", board, "--name", name, "--image", try lightNodeImage(board).path, "--detach")
        try #require(started.status == 0, "\(started.error)")
        return ["--node", "emulated:\(name)"]
    }
}

/// A suite that runs `lightnode` in a home of its own.
protocol WorkbenchSuite {
    var bench: Workbench { get }
}

extension WorkbenchSuite {
    var scratch: Scratch { bench.scratch }
    var lightnode: Program { bench.lightnode }
}

/// `lightnode` as a user runs it.
struct Program: Sendable {
    struct Result {
        let status: Int32
        let output: String
        let error: String

        /// What it printed as JSON.
        func json() throws -> [String: Any] {
            try #require(try JSONSerialization.jsonObject(with: Data(output.utf8)) as? [String: Any], "\(output)\(error)")
        }

        /// The error that it printed as JSON.
        func failure() throws -> [String: Any] {
            try #require(try JSONSerialization.jsonObject(with: Data(error.utf8)) as? [String: Any], "\(output)\(error)")
        }
    }

    let home: String

    /// A program that is built beside the tests.
    static func beside(_ name: String) -> URL {
        var folder = URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent()
        while !FileManager.default.isExecutableFile(atPath: folder.appendingPathComponent(name).path), folder.path != "/" {
            folder.deleteLastPathComponent()
        }
        return folder.appendingPathComponent(name)
    }

    func callAsFunction(
        _ arguments: String..., environment: [String: String] = [:], program: URL = Self.beside("lightnode")
    ) throws -> Result {
        try run(arguments, environment: environment, program: program)
    }

    func run(_ arguments: [String], environment: [String: String] = [:], program: URL = Self.beside("lightnode")) throws -> Result
    {
        let process = Process()
        process.executableURL = program
        process.arguments = arguments
        process.currentDirectoryURL = sourceRoot
        process.environment = ["LIGHTNODE_HOME": home, "PATH": "/usr/bin:/bin", "TMPDIR": "/tmp"].merging(environment) { $1 }
        let output = URL(fileURLWithPath: home).appendingPathComponent("output-\(UInt32.random(in: 0 ... .max))")
        let error = output.appendingPathExtension("error")
        defer { for file in [output, error] { try? FileManager.default.removeItem(at: file) } }
        // Files rather than pipes: a board that stays on in the background would keep a pipe open.
        for file in [output, error] { try Data().write(to: file) }
        process.standardOutput = try FileHandle(forWritingTo: output)
        process.standardError = try FileHandle(forWritingTo: error)
        process.standardInput = FileHandle.nullDevice
        try process.run()
        process.waitUntilExit()
        return Result(
            status: process.terminationStatus, output: try String(contentsOf: output, encoding: .utf8),
            error: try String(contentsOf: error, encoding: .utf8))
    }
}
