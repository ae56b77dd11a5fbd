// Something that listens in a server's place, on a port of the loopback network: what a client sends it is kept.
import Foundation
import Synchronization

/// Takes connections one after the other and lets a closure talk with each.
public final class Listener: Sendable {
    /// One connection, as the one who listens sees it.
    public final class Peer {
        private let descriptor: Int32
        public private(set) var received: [UInt8] = []

        init(_ descriptor: Int32) { self.descriptor = descriptor }

        /// Waits for more bytes, at most two seconds; empty when the other side has gone or says nothing.
        @discardableResult
        public func read() -> [UInt8] {
            var buffer = [UInt8](repeating: 0, count: 4096)
            let count = recv(descriptor, &buffer, buffer.count, 0)
            guard count > 0 else { return [] }
            received += buffer[..<count]
            return Array(buffer[..<count])
        }

        public func write(_ bytes: [UInt8]) { _ = send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL)) }
    }

    public let port: UInt16
    private let descriptor: Int32
    private let heard = Mutex<[UInt8]>([])

    /// All that was received, of all connections that have ended.
    public var received: [UInt8] { heard.withLock { $0 } }

    public init(_ talk: @escaping @Sendable (Peer) -> Void) {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = in_addr_t(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                guard bind(descriptor, address, length) == 0, listen(descriptor, 4) == 0 else {
                    preconditionFailure("no port is free")
                }
                getsockname(descriptor, address, &length)
            }
        }
        self.descriptor = descriptor
        port = UInt16(bigEndian: address.sin_port)
        let thread = Thread { [weak self] in
            while true {
                let accepted = accept(descriptor, nil, nil)
                guard accepted >= 0 else { return }
                var patience = timeval(tv_sec: 2, tv_usec: 0)
                setsockopt(accepted, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
                let peer = Peer(accepted)
                talk(peer)
                self?.heard.withLock { $0 += peer.received }
                Foundation.close(accepted)
            }
        }
        thread.start()
    }

    /// Takes no more connections. Once only.
    public func close() {
        // Wakes the thread that accepts.
        shutdown(descriptor, Int32(SHUT_RDWR))
        Foundation.close(descriptor)
    }
}
