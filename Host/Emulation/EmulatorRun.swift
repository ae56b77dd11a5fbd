// QEMU from start to end with nothing attached: as cheap as QEMU itself.
import Foundation

/// One run of QEMU that ends by itself, or is killed when its time is over.
public struct EmulatorRun: Sendable {
    public enum End: Equatable, Sendable {
        case status(Int32)
        case signal(Int32)
        case timeout
    }

    public var qemu: QEMU
    public var arguments: [String]
    /// File for QEMU's messages.
    public var log: String
    /// Host seconds.
    public var timeout: Double

    public init(_ qemu: QEMU, arguments: [String], log: String, timeout: Double) {
        self.qemu = qemu
        self.arguments = arguments
        self.log = log
        self.timeout = timeout
    }

    /// Runs it.
    /// - Throws: `EmulationError` when QEMU cannot be started.
    public func callAsFunction() throws -> End {
        let child = try ChildProcess(qemu.path, arguments, output: log)
        switch child.wait(timeout: timeout) {
        case .status(let status): return .status(status)
        case .signal(let number): return .signal(number)
        case nil:
            child.kill()
            return .timeout
        }
    }
}
