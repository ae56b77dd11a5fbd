// CoAP over UDP (RFC 7252): a node, or a gateway to several, named by a coap: URL.
import CoAP
import Foundation
import Reporting

/// A link to `coap://host[:port][/prefix]`.
///
/// The prefix goes before every path: behind a gateway it names the node. A host that is a name, not an address, is sent along as
/// Uri-Host (RFC 7252, section 6.4).
public final class UDPLink: CoAPLink {
    /// Where CoAP is served unless the URL says otherwise (RFC 7252, section 6.1).
    public static let defaultPort: UInt16 = 5683

    /// Datagrams as they come, whatever is in them; a consumer that is slow loses some, as in any network.
    public let incoming: AsyncThrowingStream<SlipmuxFrames.Frame, any Error>
    /// The segments of the URL's path, and before them the host if it is a name.
    public let base: [Message.Option]
    /// RFC 7252, section 4.6.
    public var capacity: Int { 1152 }
    private let socket: UDPSocket
    private let reader: Task<Void, Never>

    /// Opens a socket for the host of `url`, which is looked up now: that may block. Nothing is sent, so a host that is not there
    /// is found later.
    /// - Throws: `Failure`; of kind `usage` when `url` is no such URL or has a query, a fragment or a user.
    public init(url: String) throws {
        guard let parts = URLComponents(string: url), parts.scheme?.lowercased() == "coap", let found = parts.host,
            !found.isEmpty,
            parts.query == nil, parts.fragment == nil, parts.user == nil, (1...65535).contains(parts.port ?? 1)
        else {
            throw Failure(.usage, "“\(url)” is no address of a node", advice: "Write it like coap://192.0.2.7:5683/porch")
        }
        let host = found.trimmingCharacters(in: ["[", "]"])
        let socket = try UDPSocket(
            connectedTo: try SocketAddress(host: host, port: parts.port.map { UInt16($0) } ?? Self.defaultPort))
        self.socket = socket
        var base = parts.path.split(separator: "/").map { Message.Option(CoAPOptionNumber.uriPath, $0) }
        if !Self.isAddress(host) { base.insert(.init(CoAPOptionNumber.uriHost, host.lowercased()), at: 0) }
        self.base = base
        let (stream, continuation) = AsyncThrowingStream<SlipmuxFrames.Frame, any Error>.makeStream()
        incoming = stream
        reader = Task {
            do {
                for try await datagram in socket.incoming { continuation.yield(.coap(datagram.bytes)) }
                continuation.finish()
            } catch {
                continuation.finish(throwing: error)
            }
        }
    }

    private static func isAddress(_ host: String) -> Bool {
        var buffer = [UInt8](repeating: 0, count: 16)
        let plain = host.prefix { $0 != "%" }
        return inet_pton(AF_INET, String(plain), &buffer) == 1 || inet_pton(AF_INET6, String(plain), &buffer) == 1
    }

    /// Never throws: what the network does not take is lost, and CoAP sends it again.
    public func send(_ message: [UInt8]) async throws { socket.send(message) }

    /// Closes the socket as well.
    public func close() {
        reader.cancel()
        socket.close()
    }

    deinit { close() }
}

/// Nodes on the network. None is found by itself: a `coap:` URL names it.
public struct NetworkSource: NodeSource {
    /// Opens nothing.
    public init() {}

    /// Always empty.
    public func candidates() throws -> [NodeCandidate] { [] }

    /// Always nil: datagrams need no pipe.
    public func open(_ locator: NodeLocator) async throws -> (any BytePipe)? { nil }

    /// A `UDPLink` of its own for each call; nil for any other locator.
    public func connect(_ locator: NodeLocator) async throws -> (any CoAPLink)? {
        guard case .coap(let url) = locator else { return nil }
        return try UDPLink(url: url)
    }
}
