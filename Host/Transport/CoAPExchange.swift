// Requests and responses as values, and their bytes (RFC 7252); the portable CoAP module does the encoding.
import CoAP

/// A request to a device.
public struct Request: Sendable, Hashable {
    public enum Method: Sendable { case get, post }

    public var method: Method
    /// Without a leading slash: "status", ".well-known/core".
    public var path: String
    /// `name=value` each.
    public var query: [String]
    /// Content-Format of the payload (RFC 7252, section 12.3).
    public var contentFormat: UInt16?
    public var payload: [UInt8]

    public static func get(_ path: String, query: [String] = []) -> Request {
        Request(method: .get, path: path, query: query, contentFormat: nil, payload: [])
    }

    public static func post(_ path: String, _ payload: [UInt8], contentFormat: UInt16) -> Request {
        Request(method: .post, path: path, query: [], contentFormat: contentFormat, payload: payload)
    }
}

extension Request: CustomStringConvertible {
    public var description: String {
        "\(method == .get ? "GET" : "POST") /\(path)\(query.isEmpty ? "" : "?" + query.joined(separator: "&"))"
    }
}

/// A device's answer, put together when it came in blocks.
public struct Response: Sendable, Hashable {
    /// Class in the upper three bits, detail in the lower five: 0x45 is 2.05.
    public let code: UInt8
    public let contentFormat: UInt16?
    public let payload: [UInt8]

    public init(code: UInt8, contentFormat: UInt16?, payload: [UInt8]) {
        self.code = code
        self.contentFormat = contentFormat
        self.payload = payload
    }

    /// True for the codes 2.xx.
    public var isSuccess: Bool { code >> 5 == 2 }

    /// As it is written: "4.03".
    public var codeText: String { "\(code >> 5).\(code & 31 < 10 ? "0" : "")\(code & 31)" }
}

/// One CoAP message on the wire, taken apart.
struct WireMessage: Sendable {
    var type: CoAPType
    var code: CoAPCode
    var id: UInt16
    /// Ours have four bytes; nil for any other.
    var token: UInt32?
    var contentFormat: UInt16?
    var observe: UInt32?
    var block2: CoAPBlock?
    var entityTag: [UInt8]?
    var payload: [UInt8]
    /// A critical option that is not understood makes a response unusable (RFC 7252, section 5.4.1).
    var isUnusable = false

    init(_ bytes: [UInt8]) throws(CoAPError) {
        let message = try CoAPMessage(bytes.span.bytes)
        type = message.type
        code = message.code
        id = message.id
        payload = message.payload.withUnsafeBytes { Array($0) }
        if message.token.count == 4 {
            token = (0..<4).reduce(0) { $0 << 8 | UInt32(message.token[$1]) }
        }
        var options = message.options
        while options.next() {
            switch options.number {
            case CoAPOptionNumber.contentFormat: contentFormat = options.uintValue.flatMap(UInt16.init(exactly:))
            case CoAPOptionNumber.observe: observe = options.uintValue
            case CoAPOptionNumber.block2: block2 = options.uintValue.flatMap { CoAPBlock(optionValue: $0) }
            case CoAPOptionNumber.entityTag: entityTag = options.value.withUnsafeBytes { Array($0) }
            case let number where number & 1 == 1: isUnusable = true
            default: break
            }
        }
    }

    /// As the answer to a request, when it came in one piece.
    var response: Response { Response(code: code.rawValue, contentFormat: contentFormat, payload: payload) }

    /// An empty acknowledgement or reset of the message `id`.
    static func empty(_ type: CoAPType, id: UInt16) -> [UInt8] {
        var buffer = [UInt8](repeating: 0, count: 4)
        let writer = CoAPWriter(buffer.mutableSpan, type: type, code: .empty, id: id)
        guard let count = try? writer.finish() else { preconditionFailure("an empty message has four bytes") }
        return Array(buffer.prefix(count))
    }
}

extension Request {
    /// The confirmable message of this request.
    func encoded(id: UInt16, token: UInt32, observe: UInt32? = nil, block2: CoAPBlock? = nil) throws(CoAPError) -> [UInt8] {
        let room = 64 + path.utf8.count * 2 + query.reduce(0) { $0 + $1.utf8.count + 4 } + payload.count
        var buffer = [UInt8](repeating: 0, count: room)
        var writer = CoAPWriter(
            buffer.mutableSpan, type: .confirmable, code: method == .get ? .get : .post, id: id,
            token: CoAPToken(UInt64(token), count: 4))
        if let observe { writer.option(CoAPOptionNumber.observe, uint: observe) }
        for segment in path.split(separator: "/") {
            let bytes = Array(segment.utf8)
            writer.option(CoAPOptionNumber.uriPath, bytes.span.bytes)
        }
        if let contentFormat { writer.contentFormat(contentFormat) }
        for item in query {
            let bytes = Array(item.utf8)
            writer.option(CoAPOptionNumber.uriQuery, bytes.span.bytes)
        }
        if let block2 { writer.option(CoAPOptionNumber.block2, block: block2) }
        writer.payload(payload.span.bytes)
        let count = try writer.finish()
        return Array(buffer.prefix(count))
    }
}
