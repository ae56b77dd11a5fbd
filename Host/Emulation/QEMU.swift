// The installed QEMU: where it is, whether it is new enough, and what it can run.
import BoardFacts
import Foundation
import Programs
import Reporting
import Synchronization

/// `qemu-system-arm` as found in PATH, or named by LIGHTNODE_QEMU; for a board that this one is too old for, the newer one that
/// Tools/install-newer-qemu keeps in build/qemu.
public struct QEMU: Sendable {
    /// Where the program is.
    public let path: String
    /// Major and minor version, [7, 2].
    public let version: [Int]

    /// Major and minor version, "7.2".
    public var versionText: String { version.map(String.init).joined(separator: ".") }

    /// Finds it and asks its version; the answer is kept for the process's life.
    /// - Throws: `Failure` naming the package to install.
    public static func installed() throws -> QEMU { try cache.value { try QEMU(path: try installedPath()) } }

    /// The one to run `board` with: the installed one, or a newer one in build/qemu when that alone is new enough.
    /// - Throws: `Failure` when there is none at all; `obstacle` and `require` tell whether it is good enough.
    public static func installed(for board: Board) throws -> QEMU {
        let usual = try installed()
        guard usual.obstacle(to: board) != nil, named == nil, let newer = try? newer(), newer.obstacle(to: board) == nil else {
            return usual
        }
        return newer
    }

    private static func newer() throws -> QEMU {
        try newerCache.value {
            try QEMU(path: try BoardCatalogue().root.appendingPathComponent("build/qemu/bin/qemu-system-arm").path)
        }
    }

    private static let cache = Cache(), newerCache = Cache()
    private static var named: String? { ProcessInfo.processInfo.environment["LIGHTNODE_QEMU"] }

    private static func installedPath() throws -> String {
        if let named {
            guard FileManager.default.isExecutableFile(atPath: named) else {
                throw Failure(.environment, "LIGHTNODE_QEMU names \(named), which is no program", advice: "Correct or unset it")
            }
            return named
        }
        return try Tool("qemu-system-arm", package: "qemu-system-arm").path()
    }

    private init(path: String) throws {
        self.path = path
        let output = FileManager.default.temporaryDirectory.appendingPathComponent("lightnode-qemu-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: output) }
        let process = try ChildProcess(path, ["--version"], output: output.path)
        let exit = process.wait(timeout: 20)
        process.kill()
        guard exit != nil else {
            throw Failure(
                .environment, "\(path) does not say its version within 20 s", about: "\(path)",
                advice: "Name another QEMU in LIGHTNODE_QEMU")
        }
        let text = String(decoding: (try? FileHandle(forReadingFrom: output).read(upToCount: 1 << 16)) ?? Data(), as: UTF8.self)
        guard let match = text.firstMatch(of: /version (\d+)\.(\d+)/), let major = Int(match.1), let minor = Int(match.2) else {
            throw Failure(
                .environment, "\(path) tells no version: it does not seem to be QEMU", about: "\(path)",
                advice: "Install it: apt-get install qemu-system-arm")
        }
        version = [major, minor]
    }

    /// Why this QEMU cannot run `board`, nil when it can.
    public func obstacle(to board: Board) -> String? {
        guard let emulator = board.emulator else { return "QEMU has no model of \(board.name)" }
        let needed = emulator.minimumVersion.split(separator: ".").compactMap { Int($0) }
        guard version.lexicographicallyPrecedes(needed) else { return nil }
        return "\(board.name) needs QEMU \(emulator.minimumVersion) or newer, installed is \(versionText)"
    }

    /// - Throws: `Failure` when this QEMU cannot run `board`.
    public func require(_ board: Board) throws {
        if let obstacle = obstacle(to: board) {
            throw Failure(
                .environment, "\(obstacle)",
                advice: "Run Tools/install-newer-qemu, or name a newer one in LIGHTNODE_QEMU, or use another board")
        }
    }

    private final class Cache: Sendable {
        private let found = Mutex<QEMU?>(nil)

        func value(_ make: () throws -> QEMU) throws -> QEMU {
            try found.withLock { found in
                if found == nil { found = try make() }
                return found!
            }
        }
    }
}
