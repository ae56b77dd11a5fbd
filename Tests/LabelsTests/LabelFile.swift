import Foundation
import HostCrypto
import Testing

/// A label's file for other programs to read.
enum LabelFile {
    /// Runs a shell command on a file with these bytes, `$f`.
    static func run(_ bytes: [UInt8], _ command: String) throws -> String {
        let folder = FileManager.default.temporaryDirectory.path + "/ln-label-\(randomBytes(6).hex)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try Data(bytes).write(to: URL(fileURLWithPath: folder + "/label"))
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/bin/sh")
        process.arguments = ["-c", "f='\(folder)/label'; \(command)"]
        let output = Pipe()
        process.standardOutput = output
        try process.run()
        let data = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        #expect(process.terminationStatus == 0, "\(command)")
        return String(decoding: data, as: UTF8.self)
    }
}
