// What must hold for any bytes whatever: one function for each decoder, and one for the executor as a whole. libFuzzer calls them, and so does the replay of the corpus.
import Bech32
import CBOR
import COSE
import CoAP
import CodecSupport
import Slipmux

/// A property that does not hold for some input.
public struct Violation: Error, CustomStringConvertible {
    public let description: String
    init(_ what: String, _ input: [UInt8]) { description = "\(what): \(hexString(input))" }
}

/// A decoder under test: the name of its corpus folder and fuzz target, and its property.
public struct FuzzProperty: Sendable, CustomStringConvertible {
    public let name: String
    public let check: @Sendable ([UInt8]) throws -> Void
    /// Signs and verifies for each input: too slow to try every variant of every one.
    public var isSlow = false
    public var description: String { name }

    public static let all = [
        FuzzProperty(name: "cbor", check: checkCBOR), FuzzProperty(name: "cose", check: checkCOSE),
        FuzzProperty(name: "coap", check: checkCoAP), FuzzProperty(name: "slipmux", check: checkSlipmux),
        FuzzProperty(name: "bech32", check: checkBech32), FuzzProperty(name: "executor", check: checkExecutor, isSlow: true),
    ]
}

/// What is accepted is deterministic: written again from its values it is the same. `validate` accepts no more than that.
@Sendable func checkCBOR(_ input: [UInt8]) throws {
    let isValid = (try? CBOR.validate(input.span.bytes)) != nil
    do {
        let again = try transcode(input)
        if again != input { throw Violation("came back as \(hexString(again))", input) }
    } catch is CBORError {
        if isValid { throw Violation("validated, but cannot be read", input) }
    }
    var reader = CBORReader(input.span.bytes)
    while !reader.isAtEnd {
        let position = reader.position
        guard let item = try? reader.item() else { break }
        if reader.position <= position || item.byteCount != reader.position - position {
            throw Violation("did not advance", input)
        }
    }
}

/// A COSE_Sign1 that is taken apart can be put together from its parts, and is deterministic CBOR; so is what is signed.
@Sendable func checkCOSE(_ input: [UInt8]) throws {
    var keyReader = CBORReader(input.span.bytes)
    let key = try? COSE.readKey(&keyReader)
    if let key {
        let bytes = key.array
        let again = CBOR.encode { COSE.writeKey(bytes.span.bytes, to: &$0) }
        if again != Array(input.prefix(again.count)) { throw Violation("key came back as \(hexString(again))", input) }
    }
    let parsed = try? COSESign1(input.span.bytes)
    guard let parsed else { return }
    var buffer = [UInt8](repeating: 0, count: input.count)
    var writer = COSESign1Writer(buffer.mutableSpan)
    writer.payload.raw(parsed.payload)
    writer.endPayload()
    let count = try writer.finish(signature: parsed.signature)
    if count != input.count || buffer != input { throw Violation("came back as \(hexString(buffer))", input) }
    try CBOR.validate(input.span.bytes)
    var signed: [UInt8] = []
    parsed.signedPieces(in: COSEContext(network: 1, type: "command")) { signed += $0.array }
    try CBOR.validate(signed.span.bytes)
}

/// A message that is taken apart can be written again byte for byte; looking at its options fails in no way.
@Sendable func checkCoAP(_ input: [UInt8]) throws {
    _ = try? CoAPProblemView(input.span.bytes)
    let parsed = try? CoAPMessage(input.span.bytes)
    guard let parsed else { return }
    let request = CoAPRequest(parsed)
    if let block = request.block1, block.offset % block.size != 0 { throw Violation("a block between blocks", input) }
    _ = parsed.hasPath(".well-known/core")
    _ = parsed.queryNumber("from")
    var buffer = [UInt8](repeating: 0, count: input.count)
    var writer = CoAPWriter(buffer.mutableSpan, type: parsed.type, code: parsed.code, id: parsed.id, token: parsed.token)
    var options = parsed.options
    while options.next() { writer.option(options.number, options.value) }
    if parsed.payload.byteCount > 0 { writer.payload(parsed.payload) }
    let count = try writer.finish()
    if count != input.count || buffer != input { throw Violation("came back as \(hexString(buffer))", input) }
}

/// A message found in a stream comes out of its own frame again, behind whatever the stream was.
@Sendable func checkSlipmux(_ input: [UInt8]) throws {
    var decoder = SlipmuxDecoder<48>()
    var found: [[UInt8]] = []
    var events = 0
    for byte in input {
        switch decoder.receive(byte) {
        case .none: break
        case .dropped: events += 1
        case .diagnostic:
            events += 1
            if decoder.content.byteCount > 48 { throw Violation("longer than the buffer", input) }
        case .coap:
            events += 1
            found.append(decoder.content.array)
        }
    }
    if events > input.count { throw Violation("more frames than bytes", input) }
    for message in found + [Array(input.prefix(48))] {
        var wire: [UInt8] = [0xc0]
        Slipmux.sendCoAP(message.span.bytes) { wire.append($0) }
        var again: [UInt8]?
        for byte in wire {
            if case .coap = decoder.receive(byte) { again = decoder.content.array }
        }
        if again != message { throw Violation("lost \(hexString(message))", input) }
    }
}

/// A text with a good checksum decodes to bytes that encode to the same text.
@Sendable func checkBech32(_ input: [UInt8]) throws {
    var data = [UInt8](repeating: 0, count: 64)
    for prefix in ["node", "claim"] as [StaticString] {
        var span = data.mutableSpan
        let count = try? Bech32.decode(prefix: prefix, input.span.bytes, into: &span)
        guard let count else { continue }
        let isUpper = input.contains { $0 >= UInt8(ascii: "A") && $0 <= UInt8(ascii: "Z") }
        let again = try Bech32.encode(prefix: prefix, Array(data.prefix(count)), uppercase: isUpper)
        if Array(again.utf8) != input { throw Violation("came back as \(again)", input) }
    }
    if input.count <= 48 {
        let text = try Bech32.encode(prefix: "node", input)
        if try Bech32.decode(prefix: "node", text) != input { throw Violation("lost on the way through \(text)", input) }
    }
}
