// The address of a Unix socket, as the system's calls take it.
import Foundation
import Reporting

/// Calls `body` with the address of the Unix socket at `path`.
/// - Throws: `Failure` when the path is longer than the system allows (107 bytes on Linux).
package func withUnixAddress<Result>(
    _ path: String, advice: String, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Result
) throws -> Result {
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    let room = MemoryLayout.size(ofValue: address.sun_path)
    guard path.utf8.count < room else {
        throw Failure(.environment, "the socket path \(path) is longer than \(room - 1) bytes", advice: advice)
    }
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
    return withUnsafePointer(to: &address) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, socklen_t(MemoryLayout<sockaddr_un>.size)) }
    }
}
