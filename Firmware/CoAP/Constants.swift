// The numbers of CoAP: codes and options.

/// The type of a message (RFC 7252 section 3).
public enum CoAPType: UInt8, Sendable {
    /// CON: wants an acknowledgement.
    case confirmable = 0
    /// NON: wants none.
    case nonConfirmable = 1
    /// ACK: empty, or with the response piggybacked.
    case acknowledgement = 2
    /// RST: the message could not be processed.
    case reset = 3
}

/// A request method or a response code (RFC 7252 section 12.1): class in the upper three bits, detail in the lower five.
public struct CoAPCode: RawRepresentable, Equatable, Sendable {
    /// The byte on the wire, of any value: reserved classes are the parser's to refuse.
    public var rawValue: UInt8
    /// From the byte on the wire, unchecked.
    public init(rawValue: UInt8) { self.rawValue = rawValue }
    /// `CoAPCode(4, 4)` is 4.04.
    public init(_ class: UInt8, _ detail: UInt8) { rawValue = `class` << 5 | detail & 31 }

    /// 0 request or empty, 2 success, 4 client error, 5 server error.
    public var `class`: UInt8 { rawValue >> 5 }
    /// 0…31, the two digits behind the point.
    public var detail: UInt8 { rawValue & 31 }
    /// True for 0.01 to 0.31, methods that RFC 7252 does not define among them.
    public var isRequest: Bool { `class` == 0 && rawValue != 0 }
    /// True from 2.00 on, thus also in the reserved classes 3, 6 and 7, which no parsed message has.
    public var isResponse: Bool { `class` >= 2 }

    /// 0.00: a message of a header alone: ping, acknowledgement or reset (RFC 7252 section 4.1).
    public static let empty = CoAPCode(0, 0)
    /// 0.01: asks for a representation and changes nothing (RFC 7252 section 5.8.1).
    public static let get = CoAPCode(0, 1)
    /// 0.02: hands over a payload to be processed (RFC 7252 section 5.8.2).
    public static let post = CoAPCode(0, 2)
    /// 0.03: creates or replaces the resource (RFC 7252 section 5.8.3).
    public static let put = CoAPCode(0, 3)
    /// 0.04: removes the resource (RFC 7252 section 5.8.4).
    public static let delete = CoAPCode(0, 4)

    /// 2.01: a resource came into being (RFC 7252 section 5.9.1.1).
    public static let created = CoAPCode(2, 1)
    /// 2.02: the resource is gone (RFC 7252 section 5.9.1.2).
    public static let deleted = CoAPCode(2, 2)
    /// 2.03: the copy that the client named by an ETag is still right; no payload (RFC 7252 section 5.9.1.3).
    public static let valid = CoAPCode(2, 3)
    /// 2.04: a POST or PUT changed the resource (RFC 7252 section 5.9.1.4).
    public static let changed = CoAPCode(2, 4)
    /// 2.05: the payload is the representation asked for (RFC 7252 section 5.9.1.5).
    public static let content = CoAPCode(2, 5)
    /// RFC 7959: the next block, please.
    public static let continue_ = CoAPCode(2, 31)

    /// 4.00: the server cannot make sense of the request (RFC 7252 section 5.9.2.1).
    public static let badRequest = CoAPCode(4, 0)
    /// 4.01: the client is not permitted, and must show more before it tries again (RFC 7252 section 5.9.2.2).
    public static let unauthorized = CoAPCode(4, 1)
    /// 4.02: a critical option was not understood or malformed (RFC 7252 sections 5.4.1 and 5.9.2.3).
    public static let badOption = CoAPCode(4, 2)
    /// 4.03: the server understands and refuses to act (RFC 7252 section 5.9.2.4).
    public static let forbidden = CoAPCode(4, 3)
    /// 4.04: there is no such resource (RFC 7252 section 5.9.2.5).
    public static let notFound = CoAPCode(4, 4)
    /// 4.05: the resource does not take this method (RFC 7252 section 5.9.2.6).
    public static let methodNotAllowed = CoAPCode(4, 5)
    /// 4.06: not to be had in the format of the Accept option (RFC 7252 section 5.9.2.7).
    public static let notAcceptable = CoAPCode(4, 6)
    /// RFC 7959.
    public static let requestEntityIncomplete = CoAPCode(4, 8)
    /// RFC 8132.
    public static let conflict = CoAPCode(4, 9)
    /// 4.12: an If-Match or If-None-Match does not hold (RFC 7252 section 5.9.2.8).
    public static let preconditionFailed = CoAPCode(4, 12)
    /// 4.13: the payload is longer than the server takes (RFC 7252 section 5.9.2.9).
    public static let requestEntityTooLarge = CoAPCode(4, 13)
    /// 4.15: the payload is in a format that the resource does not take (RFC 7252 section 5.9.2.10).
    public static let unsupportedContentFormat = CoAPCode(4, 15)
    /// RFC 8132: understood, but not to be done as asked.
    public static let unprocessableEntity = CoAPCode(4, 22)
    /// RFC 8516.
    public static let tooManyRequests = CoAPCode(4, 29)

    /// 5.00: the server failed in a way that no other code describes (RFC 7252 section 5.9.3.1).
    public static let internalServerError = CoAPCode(5, 0)
    /// 5.01: the server lacks what the request needs, such as its method (RFC 7252 section 5.9.3.2).
    public static let notImplemented = CoAPCode(5, 1)
    /// 5.03: not now; Max-Age says after how many seconds to try again (RFC 7252 section 5.9.3.4).
    public static let serviceUnavailable = CoAPCode(5, 3)
}

/// Option numbers (RFC 7252 section 5.10, RFC 7641, RFC 7959).
public enum CoAPOptionNumber {
    /// Critical: 0 to 8 bytes, an ETag that the resource must have; empty: it must exist (RFC 7252 section 5.10.8.1).
    public static let ifMatch: UInt16 = 1
    /// Critical: 1 to 255 bytes of UTF-8 (RFC 7252 section 5.10.1).
    public static let uriHost: UInt16 = 3
    /// Elective: 1 to 8 bytes that tell versions of a representation apart (RFC 7252 section 5.10.6).
    public static let entityTag: UInt16 = 4
    /// Critical: no value; the resource must not exist (RFC 7252 section 5.10.8.2).
    public static let ifNoneMatch: UInt16 = 5
    /// Elective: in a request 0 to register, 1 to deregister; in a notification a number of 24 bits (RFC 7641 section 2).
    public static let observe: UInt16 = 6
    /// Critical: an integer of at most 2 bytes (RFC 7252 section 5.10.1).
    public static let uriPort: UInt16 = 7
    /// Elective: a segment of where a POST created a resource (RFC 7252 section 5.10.7).
    public static let locationPath: UInt16 = 8
    /// Critical: a segment of the path, 0 to 255 bytes of UTF-8 (RFC 7252 section 5.10.1).
    public static let uriPath: UInt16 = 11
    /// Elective: the payload's format, a number of `CoAPContentFormat` (RFC 7252 section 5.10.3).
    public static let contentFormat: UInt16 = 12
    /// Elective: seconds for which the answer may be cached; 60 when it is absent (RFC 7252 section 5.10.5).
    public static let maxAge: UInt16 = 14
    /// Critical: one argument `name=value`, 0 to 255 bytes of UTF-8 (RFC 7252 section 5.10.1).
    public static let uriQuery: UInt16 = 15
    /// Critical: the format that the client wants, a number of `CoAPContentFormat` (RFC 7252 section 5.10.4).
    public static let accept: UInt16 = 17
    /// Elective: an argument of where a POST created a resource (RFC 7252 section 5.10.7).
    public static let locationQuery: UInt16 = 20
    /// Critical: the block of the response, a `CoAPBlock` (RFC 7959 section 2.1).
    public static let block2: UInt16 = 23
    /// Critical: the block of the request's payload, a `CoAPBlock` (RFC 7959 section 2.1).
    public static let block1: UInt16 = 27
    /// Elective: bytes of the whole response; 0 in a request asks for that (RFC 7959 section 4).
    public static let size2: UInt16 = 28
    /// Critical: an absolute URI for a proxy to fetch (RFC 7252 section 5.10.2).
    public static let proxyURI: UInt16 = 35
    /// Critical: the scheme of the URI that a proxy is to put together from the Uri options (RFC 7252 section 5.10.2).
    public static let proxyScheme: UInt16 = 39
    /// Elective: bytes of the request's whole payload, or in a 4.13 the most that would be taken (RFC 7252 section 5.10.9).
    public static let size1: UInt16 = 60
    /// RFC 9175: repeated by a client, it shows that answers to its address reach it.
    public static let echo: UInt16 = 252
}
