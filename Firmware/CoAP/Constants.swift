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
    public var rawValue: UInt8
    public init(rawValue: UInt8) { self.rawValue = rawValue }
    /// `CoAPCode(4, 4)` is 4.04.
    public init(_ class: UInt8, _ detail: UInt8) { rawValue = `class` << 5 | detail & 31 }

    /// 0 request or empty, 2 success, 4 client error, 5 server error.
    public var `class`: UInt8 { rawValue >> 5 }
    public var detail: UInt8 { rawValue & 31 }
    public var isRequest: Bool { `class` == 0 && rawValue != 0 }
    public var isResponse: Bool { `class` >= 2 }

    public static let empty = CoAPCode(0, 0)
    public static let get = CoAPCode(0, 1)
    public static let post = CoAPCode(0, 2)
    public static let put = CoAPCode(0, 3)
    public static let delete = CoAPCode(0, 4)

    public static let created = CoAPCode(2, 1)
    public static let deleted = CoAPCode(2, 2)
    public static let valid = CoAPCode(2, 3)
    public static let changed = CoAPCode(2, 4)
    public static let content = CoAPCode(2, 5)
    /// RFC 7959: the next block, please.
    public static let continue_ = CoAPCode(2, 31)

    public static let badRequest = CoAPCode(4, 0)
    public static let unauthorized = CoAPCode(4, 1)
    public static let badOption = CoAPCode(4, 2)
    public static let forbidden = CoAPCode(4, 3)
    public static let notFound = CoAPCode(4, 4)
    public static let methodNotAllowed = CoAPCode(4, 5)
    public static let notAcceptable = CoAPCode(4, 6)
    /// RFC 7959.
    public static let requestEntityIncomplete = CoAPCode(4, 8)
    /// RFC 8132.
    public static let conflict = CoAPCode(4, 9)
    public static let preconditionFailed = CoAPCode(4, 12)
    public static let requestEntityTooLarge = CoAPCode(4, 13)
    public static let unsupportedContentFormat = CoAPCode(4, 15)
    /// RFC 8132: understood, but not to be done as asked.
    public static let unprocessableEntity = CoAPCode(4, 22)
    /// RFC 8516.
    public static let tooManyRequests = CoAPCode(4, 29)

    public static let internalServerError = CoAPCode(5, 0)
    public static let notImplemented = CoAPCode(5, 1)
    public static let serviceUnavailable = CoAPCode(5, 3)
}

/// Option numbers (RFC 7252 section 5.10, RFC 7641, RFC 7959).
public enum CoAPOptionNumber {
    public static let ifMatch: UInt16 = 1
    public static let uriHost: UInt16 = 3
    public static let entityTag: UInt16 = 4
    public static let ifNoneMatch: UInt16 = 5
    public static let observe: UInt16 = 6
    public static let uriPort: UInt16 = 7
    public static let locationPath: UInt16 = 8
    public static let uriPath: UInt16 = 11
    public static let contentFormat: UInt16 = 12
    public static let maxAge: UInt16 = 14
    public static let uriQuery: UInt16 = 15
    public static let accept: UInt16 = 17
    public static let locationQuery: UInt16 = 20
    public static let block2: UInt16 = 23
    public static let block1: UInt16 = 27
    public static let size2: UInt16 = 28
    public static let proxyURI: UInt16 = 35
    public static let proxyScheme: UInt16 = 39
    public static let size1: UInt16 = 60
    /// RFC 9175: repeated by a client, it shows that answers to its address reach it.
    public static let echo: UInt16 = 252
}
