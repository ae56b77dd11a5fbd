// A device model on the virtual bus, exported by usbredir, and programs that are run with it plugged in.
import Foundation
import VirtualUSB

/// A device with its host controller and its usbredir socket. All are gone with the object.
public final class ExportedDevice: @unchecked Sendable {
    public struct Result: Sendable {
        public let status: Int32
        public let output: String
        public let error: String
    }

    public let controller: VirtualHostController
    public let socket: String
    private let server: RedirectionServer
    private let folder: URL

    public init(_ device: any VirtualUSBDevice) throws {
        folder = URL(fileURLWithPath: "/tmp/ln-usb-\(String(UInt32.random(in: 0 ... .max), radix: 36))")
        try FileManager.default.createDirectory(
            at: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o755])
        socket = folder.path + "/usbredir"
        controller = VirtualHostController(device)
        server = try RedirectionServer(path: socket, controller: controller)
    }

    deinit {
        server.close()
        controller.close()
        try? FileManager.default.removeItem(at: folder)
    }

    static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    /// Starts `command` on a system whose only USB devices are this one and `others`.
    /// - Parameter denied: opening them is not permitted.
    public func start(
        _ command: [String], others: [ExportedDevice] = [], denied: Bool = false, environment: [String: String] = [:]
    ) throws -> Running {
        let process = Process()
        process.executableURL = Self.root.appendingPathComponent("Tools/with-usb")
        process.arguments = (denied ? ["--deny"] : []) + [socket] + others.map(\.socket) + ["--"] + command
        process.currentDirectoryURL = Self.root
        process.environment = ["PATH": "/usr/bin:/bin:/usr/sbin:/sbin", "HOME": folder.path, "TMPDIR": "/tmp"].merging(
            environment
        ) { $1 }
        let output = folder.appendingPathComponent("output-\(UInt32.random(in: 0 ... .max))")
        let error = output.appendingPathExtension("error")
        for file in [output, error] { try Data().write(to: file) }
        process.standardOutput = try FileHandle(forWritingTo: output)
        process.standardError = try FileHandle(forWritingTo: error)
        process.standardInput = FileHandle.nullDevice
        try process.run()
        return Running(process: process, output: output, error: error)
    }

    /// As `start`, to the end.
    public func run(
        _ command: [String], others: [ExportedDevice] = [], denied: Bool = false, environment: [String: String] = [:]
    ) throws -> Result {
        try start(command, others: others, denied: denied, environment: environment).result()
    }

    /// A command under way.
    public struct Running: @unchecked Sendable {
        public let process: Process
        let output: URL
        let error: URL

        /// Waits for its end.
        public func result() throws -> Result {
            process.waitUntilExit()
            return Result(
                status: process.terminationStatus, output: try String(contentsOf: output, encoding: .utf8),
                error: try String(contentsOf: error, encoding: .utf8))
        }

        /// What it has printed so far.
        public var printed: String { (try? String(contentsOf: output, encoding: .utf8)) ?? "" }
    }
}
