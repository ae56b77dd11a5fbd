// UDP sockets: datagrams in with the address of their sender, datagrams out.
import Foundation
import Reporting

/// The address of a UDP endpoint: an IPv4 or IPv6 address and a port.
public struct SocketAddress: Hashable, Sendable {
    /// A `sockaddr_in` or `sockaddr_in6`.
    let bytes: [UInt8]

    init(bytes: [UInt8]) { self.bytes = bytes }

    /// Looks `host` up: an address such as `127.0.0.1` or `::1`, or a name.
    /// May block as long as the name service takes.
    /// - Throws: `Failure` of kind `unreachable` when the name is not known.
    public init(host: String, port: UInt16) throws {
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_DGRAM.rawValue)
        hints.ai_flags = Int32(AI_NUMERICSERV)
        var found: UnsafeMutablePointer<addrinfo>?
        let status = getaddrinfo(host, "\(port)", &hints, &found)
        guard status == 0, let first = found else {
            throw Failure(
                .unreachable, "“\(host)” is not known here: \(String(cString: gai_strerror(status)))",
                advice: "Check the name, or use the address itself")
        }
        defer { freeaddrinfo(first) }
        bytes = Array(UnsafeRawBufferPointer(start: first.pointee.ai_addr, count: Int(first.pointee.ai_addrlen)))
    }

    var family: Int32 { withPointer { address, _ in Int32(address.pointee.sa_family) } }

    func withPointer<R>(_ body: (UnsafePointer<sockaddr>, socklen_t) -> R) -> R {
        bytes.withUnsafeBytes { bytes in
            body(bytes.baseAddress!.assumingMemoryBound(to: sockaddr.self), socklen_t(bytes.count))
        }
    }

    /// Address and port as text.
    public var parts: (host: String, port: UInt16) {
        var host = [CChar](repeating: 0, count: Int(NI_MAXHOST))
        var port = [CChar](repeating: 0, count: Int(NI_MAXSERV))
        let status = withPointer {
            getnameinfo(
                $0, $1, &host, socklen_t(host.count), &port, socklen_t(port.count), Int32(NI_NUMERICHOST | NI_NUMERICSERV))
        }
        guard status == 0 else { return ("?", 0) }
        func text(_ chars: [CChar]) -> String { PrintableText(utf8: chars.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }).text }
        return (text(host), UInt16(text(port)) ?? 0)
    }

    /// The address alone, numeric, an IPv6 one without brackets; "?" when it cannot be told.
    public var host: String { parts.host }
    /// From 1 on; 0 when it cannot be told, or before a socket is bound.
    public var port: UInt16 { parts.port }
}

extension SocketAddress: CustomStringConvertible {
    public var description: String {
        let (host, port) = parts
        return host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
    }
}

/// A UDP socket, bound to an address of this computer or connected to one peer.
public final class UDPSocket: Sendable {
    /// What came in one piece.
    public struct Datagram: Sendable {
        /// At most 4096 bytes; longer datagrams are dropped. May be empty.
        public let bytes: [UInt8]
        /// Where an answer goes.
        public let sender: SocketAddress
    }

    /// What arrives. It has one consumer, and ends when the socket is closed; a connected socket whose peer is not there throws.
    public let incoming: AsyncThrowingStream<Datagram, any Error>
    private let descriptor: SharedDescriptor

    /// A datagram may have so many bytes at most; a longer one is dropped.
    static let maximumSize = 4096
    /// So many may wait for the consumer; further ones are lost, as in any network.
    private static let backlog = 256

    /// A socket that receives what is sent to `address`; port 0 takes any free one.
    /// - Throws: `Failure` of kind `environment` when the address is taken, not this computer's, or may not be used.
    public convenience init(boundTo address: SocketAddress) throws {
        try self.init(family: address.family, name: "\(address)") { descriptor in address.withPointer { bind(descriptor, $0, $1) }
        }
    }

    /// A socket for one peer.
    /// Nothing is sent: that the peer is there is not known.
    /// - Throws: `Failure` when the system has no way to that address.
    public convenience init(connectedTo address: SocketAddress) throws {
        try self.init(family: address.family, name: "\(address)") { descriptor in
            address.withPointer { connect(descriptor, $0, $1) }
        }
    }

    private init(family: Int32, name: String, _ attach: (Int32) -> Int32) throws {
        let descriptor = socket(
            family, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue) | Int32(SOCK_NONBLOCK.rawValue), 0)
        var ends: [Int32] = [-1, -1]
        guard descriptor >= 0, attach(descriptor) == 0, pipe(&ends) == 0 else {
            let code = errno
            if descriptor >= 0 { Foundation.close(descriptor) }
            throw Failure(
                code == EADDRINUSE || code == EACCES || code == EADDRNOTAVAIL ? .environment : .unreachable,
                "\(name) cannot be used: \(String(cString: strerror(code)))",
                advice: code == EADDRINUSE
                    ? "Stop the program that uses it, or choose another port" : "Check the address and the port")
        }
        let shared = SharedDescriptor(descriptor, pipe: ends)
        self.descriptor = shared
        let (stream, continuation) = AsyncThrowingStream<Datagram, any Error>.makeStream(
            bufferingPolicy: .bufferingOldest(Self.backlog))
        incoming = stream
        let thread = Thread { Self.readLoop(shared, name: name, into: continuation) }
        thread.name = "lightnode-udp"
        thread.start()
    }

    /// Runs on its own thread, which closes the descriptor at the end.
    private static func readLoop(
        _ shared: SharedDescriptor, name: String,
        into continuation: AsyncThrowingStream<Datagram, any Error>.Continuation
    ) {
        defer {
            shared.close()
            continuation.finish()
        }
        let descriptor = shared.number
        var buffer = [UInt8](repeating: 0, count: maximumSize + 1)
        while shared.waitForInput() {
            var sender = [UInt8](repeating: 0, count: MemoryLayout<sockaddr_storage>.size)
            var length = socklen_t(sender.count)
            let count = sender.withUnsafeMutableBytes {
                recvfrom(
                    descriptor, &buffer, buffer.count, 0, $0.baseAddress!.assumingMemoryBound(to: sockaddr.self), &length)
            }
            if count >= 0, count <= maximumSize {
                let address = SocketAddress(bytes: Array(sender.prefix(Int(length))))
                continuation.yield(Datagram(bytes: Array(buffer[..<count]), sender: address))
            } else if count < 0, errno == ECONNREFUSED {
                continuation.finish(
                    throwing: Failure(
                        .unreachable, "nobody takes CoAP at \(name)",
                        advice: "Check the address and port, and that the gateway runs"))
                return
            }
        }
    }

    /// Sends a datagram; what the network cannot take now is lost, as in any network.
    /// - Parameter address: nil for the peer of a connected socket.
    public func send(_ bytes: [UInt8], to address: SocketAddress? = nil) {
        descriptor.write { descriptor in
            if let address {
                _ = address.withPointer { sendto(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL), $0, $1) }
            } else {
                _ = Foundation.send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL))
            }
        }
    }

    /// The address that it is bound to, with the port that it got.
    public var localAddress: SocketAddress {
        var bytes = [UInt8](repeating: 0, count: MemoryLayout<sockaddr_storage>.size)
        var length = socklen_t(bytes.count)
        _ = bytes.withUnsafeMutableBytes {
            getsockname(descriptor.number, $0.baseAddress!.assumingMemoryBound(to: sockaddr.self), &length)
        }
        return SocketAddress(bytes: Array(bytes.prefix(Int(length))))
    }

    /// Closing twice is harmless.
    public func close() { descriptor.hangUp() }

    deinit { close() }
}
