// QEMU from start to end with nothing attached: as cheap as QEMU itself.
import Foundation
import Programs
import Reporting

/// One run of QEMU that ends by itself, or is killed when its time is over.
public struct EmulatorRun: Sendable {
    /// How a run ended.
    public enum End: Equatable, Sendable {
        /// QEMU ended: the firmware's exit code, or QEMU's own, 0 to 255.
        case status(Int32)
        /// A signal of that number ended QEMU.
        case signal(Int32)
        /// It was killed when the time was over.
        case timeout
        /// It wrote more into the files that are watched than `mostOutput`, and was killed.
        case tooMuch
    }

    /// The program to run; that it can run the board is for the caller to check.
    public var qemu: QEMU
    /// Its command line, without the program's name.
    public var arguments: [String]
    /// File for QEMU's messages.
    public var log: String
    /// Host seconds.
    public var timeout: Double
    /// Files that the firmware writes to, by way of QEMU.
    public var watched: [String]
    /// Bytes in all of them at the most; what was written until it is noticed comes on top.
    public static let mostOutput = 4 << 20

    /// - Parameters:
    ///   - log: file for QEMU's messages, created or truncated.
    ///   - timeout: host seconds.
    ///   - watched: files whose growth is bounded; looked at ten times a second.
    public init(_ qemu: QEMU, arguments: [String], log: String, timeout: Double, watched: [String] = []) {
        self.qemu = qemu
        self.watched = watched
        self.arguments = arguments
        self.log = log
        self.timeout = timeout
    }

    /// Runs it.
    /// - Throws: `Failure` when QEMU cannot be started.
    public func callAsFunction() throws -> End {
        let child = try ChildProcess(qemu.path, arguments, output: log)
        let end = Date().addingTimeInterval(timeout)
        while true {
            let left = end.timeIntervalSinceNow
            switch child.wait(timeout: max(0, watched.isEmpty ? left : min(left, 0.1))) {
            case .status(let status): return .status(status)
            case .signal(let number): return .signal(number)
            case nil where left > 0 && Self.size(watched) <= Self.mostOutput: continue
            case nil:
                child.kill()
                return left > 0 ? .tooMuch : .timeout
            }
        }
    }

    /// Bytes in files, of which some need not exist.
    public static func size(_ files: [String]) -> Int {
        files.reduce(0) { sum, file in
            var status = stat()
            return stat(file, &status) == 0 ? sum + Int(status.st_size) : sum
        }
    }
}
