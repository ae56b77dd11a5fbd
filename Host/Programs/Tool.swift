// Programs of others: found in PATH, run to their end, or named with their package when they are missing.
import Foundation
import Reporting

/// A program of another package, such as the compiler.
public struct Tool: Sendable {
    /// Name in PATH.
    public var name: String
    /// Debian's package that has it; nil when it is none of Debian's.
    public var package: String?

    /// Names a program without looking for it: `path()` does that.
    public init(_ name: String, package: String?) {
        self.name = name
        self.package = package
    }

    /// Asked for the run-time library of a core; never compiles.
    public static let armGCC = Tool("arm-none-eabi-gcc", package: "gcc-arm-none-eabi")
    /// The compiler's driver, for `swift build`.
    public static let swift = Tool("swift", package: nil)
    /// For the scripts in Tools.
    public static let bash = Tool("bash", package: "bash")
    /// Asked for the commit that an image is built from.
    public static let git = Tool("git", package: "git")

    /// What a program that ran to its end left.
    public struct Result: Sendable {
        /// Its exit status, or the number of the signal that ended it; 0 is success by custom.
        public var status: Int32
        /// All of its standard output, wrong UTF-8 shown as U+FFFD.
        public var output: String
        /// All of its error output, wrong UTF-8 shown as U+FFFD.
        public var errors: String
    }

    /// Full path of the program.
    /// - Throws: `Failure` naming the package to install.
    public func path() throws -> String {
        let folders = (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":").map(String.init)
        for folder in folders where FileManager.default.isExecutableFile(atPath: "\(folder)/\(name)") {
            return "\(folder)/\(name)"
        }
        let advice = package.map { "Install it: apt-get install \($0)" } ?? "Install Swift 6.3 from swift.org and put it in PATH"
        throw Failure(.environment, "the program \(name) is not in PATH", advice: "\(advice)")
    }

    /// Runs it to its end.
    /// - Parameters:
    ///   - live: lines go to our own error output while it runs, too.
    ///   - heard: takes each line of either output when it is whole, from any thread.
    /// - Throws: `Failure` when it is missing or cannot be started.
    public func run(
        _ arguments: [String], in folder: URL? = nil, environment: [String: String] = [:], live: Bool = false,
        heard: (@Sendable (String) -> Void)? = nil
    ) throws -> Result {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: try path())
        process.arguments = arguments
        process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        if let folder { process.currentDirectoryURL = folder }
        process.standardInput = FileHandle.nullDevice
        let output = Pipe(), errors = Pipe()
        process.standardOutput = output
        process.standardError = errors
        do { try process.run() } catch {
            throw Failure(
                .environment, "\(name) cannot be started: \(error.localizedDescription)", about: "\(name)",
                advice: "Check that the program is installed and may be run")
        }
        let collected = Collected()
        let drain = Thread {
            var told = Lines()
            while case let data = errors.fileHandleForReading.availableData, !data.isEmpty {
                if live { StandardError.write(bytes: Array(data)) }
                collected.data.append(data)
                told.tell(data, heard)
            }
            collected.done.signal()
        }
        drain.start()
        var text = Data(), heardOfOutput = Lines()
        while case let data = output.fileHandleForReading.availableData, !data.isEmpty {
            if live { StandardError.write(bytes: Array(data)) }
            text.append(data)
            heardOfOutput.tell(data, heard)
        }
        collected.done.wait()
        process.waitUntilExit()
        return Result(
            status: process.terminationStatus, output: String(decoding: text, as: UTF8.self),
            errors: String(decoding: collected.data, as: UTF8.self))
    }

    /// Cuts what comes into lines.
    private struct Lines {
        private var rest = Data()

        mutating func tell(_ data: Data, _ heard: (@Sendable (String) -> Void)?) {
            guard let heard else { return }
            rest.append(data)
            while let end = rest.firstIndex(of: 0x0A) {
                heard(String(decoding: rest[..<end], as: UTF8.self))
                rest = Data(rest[(end + 1)...])
            }
        }
    }

    /// Written by the draining thread alone until `done`.
    private final class Collected: @unchecked Sendable {
        var data = Data()
        let done = DispatchSemaphore(value: 0)
    }
}
