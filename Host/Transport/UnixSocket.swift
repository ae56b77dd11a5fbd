// A byte pipe to a Unix-domain socket: an emulated board's UART.
import Foundation
import Reporting

/// Connects to stream sockets in the file system.
public enum UnixSocket {
    /// Connects to the socket at `path`. `name` is what messages call it.
    /// - Throws: `Failure`, of kind `unreachable` when no program takes the connection, of kind `environment` when the path is
    ///   too long or there is no socket to be had.
    public static func connect(path: String, name: String) throws -> DescriptorPipe {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let bytes = Array(path.utf8)
        guard bytes.count < MemoryLayout.size(ofValue: address.sun_path) else {
            throw Failure(
                .environment,
                "the socket path \(path) is longer than the system allows (\(MemoryLayout.size(ofValue: address.sun_path) - 1) bytes)",
                advice: "Use a folder with a shorter name")
        }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else {
            throw Failure(
                .environment, "no socket could be made: \(String(cString: strerror(errno)))", advice: "Close other programs")
        }
        let status = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Foundation.connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        guard status == 0 else {
            let reason = String(cString: strerror(errno))
            close(descriptor)
            throw Failure(
                .unreachable, "\(name) does not take a connection: \(reason)", about: "\(name)",
                advice: "Check that it is running")
        }
        return try DescriptorPipe(descriptor: descriptor, name: name)
    }
}
