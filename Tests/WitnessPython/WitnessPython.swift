// The Python that `make witness` prepares, with programs that nobody here wrote. A test without it fails: what was not tested is not to look
// tested.

import Foundation

/// A program of it that runs while a test does.
public struct WitnessPython {
    public let process = Process()
    private let output = Pipe()

    public init(_ arguments: [String]) throws {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let interpreter = root.appendingPathComponent("build/witness/bin/python")
        guard FileManager.default.isExecutableFile(atPath: interpreter.path) else { throw NotPrepared() }
        process.executableURL = interpreter
        process.arguments = arguments
        process.standardOutput = output
        process.standardError = FileHandle.nullDevice
        try process.run()
    }

    public struct NotPrepared: Error, CustomStringConvertible {
        public var description: String { "run `make witness` first" }
    }

    public func waitForExit() -> Int32 {
        process.waitUntilExit()
        return process.terminationStatus
    }

    public func firstLine() -> String {
        var bytes: [UInt8] = []
        while let byte = try? output.fileHandleForReading.read(upToCount: 1)?.first, byte != UInt8(ascii: "\n") {
            bytes.append(byte)
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// All that it prints until it ends.
    public func text() -> String { String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self) }
}
