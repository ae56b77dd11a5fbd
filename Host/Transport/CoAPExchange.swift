// Requests and responses as a caller thinks of them: a path and a body, a code and a body.
import CoAP

/// A request to a node.
public struct Request: Sendable, Hashable {
    /// What a node is asked: GET reads, POST acts.
    public enum Method: Sendable { case get, post }

    /// Never anything but GET or POST: light nodes know no other method.
    public var method: Method
    /// Without a leading slash: "status", ".well-known/core".
    public var path: String
    /// `name=value` each.
    public var query: [String]
    /// Content-Format of the payload (RFC 7252, section 12.3).
    public var contentFormat: UInt16?
    /// Empty for GET; formatted as `contentFormat` says.
    public var payload: [UInt8]
    /// Bytes that the answer may have, however many blocks it comes in; one that is longer is refused.
    public var longestAnswer = 1 << 13

    /// A request without payload.
    /// - Parameters:
    ///   - path: without a leading slash.
    ///   - query: `name=value` each.
    public static func get(_ path: String, query: [String] = []) -> Request {
        Request(method: .get, path: path, query: query, contentFormat: nil, payload: [])
    }

    /// A request with payload and without query.
    /// - Parameters:
    ///   - path: without a leading slash.
    ///   - contentFormat: Content-Format of `payload` (RFC 7252, section 12.3).
    public static func post(_ path: String, _ payload: [UInt8], contentFormat: UInt16) -> Request {
        Request(method: .post, path: path, query: [], contentFormat: contentFormat, payload: payload)
    }

    var code: CoAPCode { method == .get ? .get : .post }

    var options: [Message.Option] {
        path.split(separator: "/").map { .init(CoAPOptionNumber.uriPath, $0) }
            + (contentFormat.map { [.init(CoAPOptionNumber.contentFormat, uint: UInt32($0))] } ?? [])
            + query.map { .init(CoAPOptionNumber.uriQuery, $0) }
    }
}

extension Request: CustomStringConvertible {
    public var description: String {
        "\(method == .get ? "GET" : "POST") /\(path)\(query.isEmpty ? "" : "?" + query.joined(separator: "&"))"
    }
}

/// A node's answer, put together when it came in blocks.
public struct Response: Sendable, Hashable {
    /// Class in the upper three bits, detail in the lower five: 0x45 is 2.05.
    public let code: UInt8
    /// Content-Format of the payload (RFC 7252, section 12.3); nil when the node does not say.
    public let contentFormat: UInt16?
    /// All blocks together, at most `Request.longestAnswer` bytes.
    public let payload: [UInt8]
    /// Seconds for which it is fresh (RFC 7252, section 5.10.5).
    public let maxAge: UInt32

    /// - Parameters:
    ///   - code: class in the upper three bits, detail in the lower five.
    ///   - maxAge: seconds for which it is fresh; 60 is RFC 7252's default.
    public init(code: UInt8, contentFormat: UInt16?, payload: [UInt8], maxAge: UInt32 = 60) {
        self.code = code
        self.contentFormat = contentFormat
        self.payload = payload
        self.maxAge = maxAge
    }

    /// True for the codes 2.xx.
    public var isSuccess: Bool { code >> 5 == 2 }

    /// As it is written: "4.03".
    public var codeText: String { "\(code >> 5).\(code & 31 < 10 ? "0" : "")\(code & 31)" }
}
