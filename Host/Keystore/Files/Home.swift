// Where a control node keeps its things: one folder that only its owner may enter.
import Foundation
import Reporting

/// Makes a folder that only its owner may enter, with those above it; one that is there stays as it is.
package func makePrivateFolder(_ path: String, purpose: String = "", advice: String) throws {
    do {
        try FileManager.default.createDirectory(
            atPath: path, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    } catch {
        throw Failure(
            .environment, "the folder \(path)\(purpose) could not be made: \(error.localizedDescription)", advice: advice)
    }
}

/// The folder of keys, known nodes and records.
public struct Home: Sendable {
    /// The folder, as it was given to `init`.
    public let path: String

    /// Creates the folder (mode 0700) if need be. One that others may enter is closed to them as long as it holds no key, and refused
    /// afterwards: they may have read it.
    /// - Throws: `Failure` of kind `environment` when the folder cannot be made, is none, or holds keys and is open to others.
    public init(_ path: String) throws {
        self.path = path
        try makePrivateFolder(path, advice: "Set LIGHTNODE_HOME to a folder that you may write")
        var status = stat()
        guard stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFDIR else {
            throw Failure(.environment, "\(path) is no folder", about: "\(path)", advice: "Set LIGHTNODE_HOME to a folder")
        }
        if status.st_uid == geteuid(), status.st_mode & 0o077 == 0 { return }
        let names = (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? ["?.key"]
        guard status.st_uid == geteuid(), !names.contains(where: { $0.hasSuffix(".key") }), chmod(path, 0o700) == 0 else {
            throw Failure(
                .environment, "the folder \(path) holds keys, yet other users may enter it",
                advice: "Run: chmod 700 '\(path)'")
        }
    }

    /// `$LIGHTNODE_HOME`, else `$XDG_CONFIG_HOME/lightnode`, else `~/.config/lightnode`.
    /// - Throws: `Failure` of kind `environment` when there is no home folder, or `init` refuses it.
    public static func standard(environment: [String: String] = ProcessInfo.processInfo.environment) throws -> Home {
        if let path = environment["LIGHTNODE_HOME"], !path.isEmpty { return try Home(path) }
        // The XDG base directory specification ignores relative paths.
        if let path = environment["XDG_CONFIG_HOME"], path.hasPrefix("/") { return try Home(path + "/lightnode") }
        guard let home = environment["HOME"], !home.isEmpty else {
            throw Failure(.environment, "there is no home folder", advice: "Set LIGHTNODE_HOME to a folder for keys")
        }
        return try Home(home + "/.config/lightnode")
    }

    /// A file of that name in the folder; it need not be there.
    public func file(_ name: String) -> PrivateFile { PrivateFile(path + "/" + name) }

    /// The controller's key unless another file is named.
    public var controllerKey: PrivateFile { file("controller.key") }
    /// What `NodeBook` keeps: the nodes that are owned.
    public var nodeBook: PrivateFile { file("devices.json") }
}
