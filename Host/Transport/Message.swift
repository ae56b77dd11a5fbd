// A CoAP message as a value (RFC 7252, section 3); the portable CoAP module reads and writes the bytes.
import CoAP

/// One CoAP message: header, token, options and payload.
public struct Message: Sendable, Equatable {
    /// An option: its number and its value.
    public struct Option: Sendable, Hashable {
        /// As registered (RFC 7252, section 12.2); odd numbers are critical.
        public let number: UInt16
        /// As on the wire, without its length; empty is allowed.
        public let value: [UInt8]

        /// - Parameter value: bytes as they go over the wire.
        public init(_ number: UInt16, _ value: [UInt8]) {
            self.number = number
            self.value = value
        }

        /// An unsigned integer in as few bytes as it needs, none for 0 (RFC 7252, section 3.2).
        public init(_ number: UInt16, uint value: UInt32) {
            self.init(number, (0..<4).reversed().map { UInt8(value >> ($0 * 8) & 0xff) }.drop { $0 == 0 }.map { $0 })
        }

        /// A text in UTF-8 (RFC 7252, section 3.2), without a terminator.
        public init(_ number: UInt16, _ text: some StringProtocol) { self.init(number, Array(text.utf8)) }

        /// The value as an unsigned integer; nil if it is longer than four bytes.
        public var uint: UInt32? { value.count > 4 ? nil : value.reduce(0) { $0 << 8 | UInt32($1) } }
        /// Names a resource or a host: compared and passed on, not shown.
        public var text: String { String(decoding: value, as: UTF8.self) }  // foreign: not shown

        /// A receiver that does not know it must refuse the message (RFC 7252, section 5.4.1).
        public var isCritical: Bool { number & 1 == 1 }
        /// A proxy that does not know it must not pass it on (RFC 7252, section 5.4.2).
        public var isUnsafe: Bool { number & 2 == 2 }
    }

    /// Confirmable, non-confirmable, acknowledgement or reset (RFC 7252, section 3).
    public var type: CoAPType
    /// Method of a request, code of a response, or empty.
    public var code: CoAPCode
    /// The Message ID: joins a message and its acknowledgement or reset, and finds duplicates.
    public var id: UInt16
    /// 0 to 8 bytes.
    public var token: [UInt8]
    /// In any order; written in ascending order of their numbers, those of one number as they stand.
    public var options: [Option]
    /// What follows the marker 0xFF; empty when there is none.
    public var payload: [UInt8]

    /// Nothing is checked before `encoded`.
    /// - Parameter token: at most 8 bytes.
    public init(
        _ type: CoAPType, _ code: CoAPCode, id: UInt16, token: [UInt8] = [], options: [Option] = [], payload: [UInt8] = []
    ) {
        self.type = type
        self.code = code
        self.id = id
        self.token = token
        self.options = options
        self.payload = payload
    }

    /// Takes a datagram apart; throws for anything that RFC 7252 does not call a message.
    public init(_ bytes: [UInt8]) throws(CoAPError) {
        let message = try CoAPMessage(bytes.span.bytes)
        type = message.type
        code = message.code
        id = message.id
        token = (0..<message.token.count).map { message.token[$0] }
        payload = message.payload.withUnsafeBytes { Array($0) }
        options = []
        var found = message.options
        while found.next() { options.append(Option(found.number, found.value.withUnsafeBytes { Array($0) })) }
    }

    /// The datagram.
    /// - Throws: `CoAPError` for a token, an option or a payload that the format has no room for.
    public func encoded() throws(CoAPError) -> [UInt8] {
        var buffer = [UInt8](repeating: 0, count: 16 + options.reduce(0) { $0 + $1.value.count + 5 } + payload.count)
        var writer = CoAPWriter(buffer.mutableSpan, type: type, code: code, id: id, token: CoAPToken(token.span.bytes))
        for option in options.enumerated().sorted(by: { ($0.element.number, $0.offset) < ($1.element.number, $1.offset) }) {
            writer.option(option.element.number, option.element.value.span.bytes)
        }
        writer.payload(payload.span.bytes)
        let count = try writer.finish()
        return Array(buffer.prefix(count))
    }

    /// An empty acknowledgement or reset of the message `id`.
    public static func empty(_ type: CoAPType, id: UInt16) -> Message { Message(type, .empty, id: id) }

    // MARK: Options by name

    /// The first option of that number, in the order of `options`; nil when there is none.
    public subscript(number: UInt16) -> Option? { options.first { $0.number == number } }

    /// All options of that number, in the order of `options`: a path has one for each segment.
    public func all(_ number: UInt16) -> [Option] { options.filter { $0.number == number } }

    /// Nil when there is none, or none that 16 bits hold.
    public var contentFormat: UInt16? { self[CoAPOptionNumber.contentFormat]?.uint.flatMap(UInt16.init(exactly:)) }
    /// The number of a notification, or the wish to be told (RFC 7641).
    public var observe: UInt32? { self[CoAPOptionNumber.observe]?.uint }
    /// The block of the request's payload (RFC 7959, section 2.1); nil when there is none or it is malformed.
    public var block1: CoAPBlock? { self[CoAPOptionNumber.block1]?.uint.flatMap { CoAPBlock(optionValue: $0) } }
    /// The block of the answer's payload (RFC 7959, section 2.1); nil when there is none or it is malformed.
    public var block2: CoAPBlock? { self[CoAPOptionNumber.block2]?.uint.flatMap { CoAPBlock(optionValue: $0) } }
    /// Names the representation, so that blocks of two are not put together (RFC 7252, section 5.10.6); nil when there is none.
    public var entityTag: [UInt8]? { self[CoAPOptionNumber.entityTag]?.value }
    /// Seconds for which a response is fresh: 60 unless it says otherwise (RFC 7252, section 5.10.5).
    public var maxAge: UInt32 { self[CoAPOptionNumber.maxAge]?.uint ?? 60 }

    /// True if a client that knows the options named here must not use this response.
    var isUnusable: Bool {
        let understood = [CoAPOptionNumber.block1, CoAPOptionNumber.block2]
        return options.contains { $0.isCritical && !understood.contains($0.number) }
    }

    /// As the answer to a request, when it came in one piece.
    var response: Response { Response(code: code.rawValue, contentFormat: contentFormat, payload: payload, maxAge: maxAge) }
}
