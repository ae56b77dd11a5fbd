// What must hold for any bytes whatever, one function for each decoder. libFuzzer calls them, and so does the replay of the corpus.
import Bech32
import CBOR
import COSE
import CoAP
import CodecSupport
import Slipmux

/// A property that does not hold for some input.
public struct Violation: Error, CustomStringConvertible {
    public let description: String
    /// - Parameter input: what it does not hold for.
    public init(_ what: String, _ input: [UInt8]) { description = "\(what): \(hexString(input))" }
}

/// A decoder under test: the name of its corpus folder and fuzz target, and its property.
public struct FuzzProperty: Sendable, CustomStringConvertible {
    public let name: String
    public let check: @Sendable ([UInt8]) throws -> Void
    /// Signs and verifies for each input: too slow to try every variant of every one.
    public var isSlow = false
    public var description: String { name }

    /// A property that a folder of the corpus is called after.
    public init(name: String, isSlow: Bool = false, check: @escaping @Sendable ([UInt8]) throws -> Void) {
        (self.name, self.check, self.isSlow) = (name, check, isSlow)
    }

    public static let all = [
        FuzzProperty(name: "cbor", check: checkCBOR), FuzzProperty(name: "cose", check: checkCOSE),
        FuzzProperty(name: "coap", check: checkCoAP), FuzzProperty(name: "slipmux", check: checkSlipmux),
        FuzzProperty(name: "bech32", check: checkBech32), FuzzProperty(name: "executor", isSlow: true, check: checkExecutor),
    ]
}

/// What the reader accepts is what the judge accepts, no more and no less; written again from its values it is the same.
@Sendable func checkCBOR(_ input: [UInt8]) throws {
    if ((try? CBOR.validate(input.span.bytes)) != nil) != CBORJudge.isItem(input) {
        throw Violation("validate and the judge of CBOR disagree", input)
    }
    var judge = CBORJudge(input)
    judge.takesFloats = true
    // As deep as `transcode` goes.
    judge.allows = { depth, _ in depth <= 64 }
    let isRight = judge.item(0) && judge.at == input.count
    do {
        let again = try transcode(input)
        if !isRight { throw Violation("read, though it is not deterministic", input) }
        if again != input { throw Violation("came back as \(hexString(again))", input) }
    } catch is CBORError {
        if isRight { throw Violation("refused, though it is deterministic", input) }
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

/// Bytes are taken for a COSE_Sign1 or a key exactly if they are one in the one shape, as they come and with that shape put around them.
@Sendable func checkCOSE(_ input: [UInt8]) throws {
    try checkSign1(input)
    // The shape given: a payload with its head, and a signature of 64 bytes but for what the first byte spoils.
    let payload = Array(input.dropFirst()), spoilt = input.first ?? 0
    let low = UInt8(truncatingIfNeeded: payload.count), high = UInt8(truncatingIfNeeded: payload.count >> 8)
    let head = payload.count < 24 ? [0x40 | low] : payload.count < 256 ? [0x58, low] : [0x59, high, low]
    var whole: [UInt8] = [0xd2, 0x84, 0x43, 0xa1, 0x01, 0x27, 0xa0] + head
    whole += payload + [0x58, 0x40] + [UInt8](repeating: spoilt, count: 64)
    if spoilt & 1 == 1 { whole[Int(spoilt >> 1) % whole.count] ^= 1 << (spoilt % 8) }
    try checkSign1(whole)
    try checkKey(input)
    try checkKey([0xa3, 0x01, 0x01, 0x20, 0x06, 0x21, 0x58, 0x20] + input)
}

private func checkKey(_ input: [UInt8]) throws {
    var reader = CBORReader(input.span.bytes)
    let key = (try? COSE.readKey(&reader))?.array
    let prefix: [UInt8] = [0xa3, 0x01, 0x01, 0x20, 0x06, 0x21, 0x58, 0x20]
    let expected = input.count >= 40 && input.starts(with: prefix) ? Array(input[8..<40]) : nil
    if key != expected { throw Violation("another key than the bytes have", input) }
    guard let key else { return }
    let again = CBOR.encode { COSE.writeKey(key.span.bytes, to: &$0) }
    if again != Array(input.prefix(40)) { throw Violation("key came back as \(hexString(again))", input) }
}

private func checkSign1(_ input: [UInt8]) throws {
    let expected = judgeSign1(input)
    let parsed = try? COSESign1(input.span.bytes)
    guard let parsed else {
        if expected != nil { throw Violation("a COSE_Sign1 was refused", input) }
        return
    }
    guard let expected else { throw Violation("taken for a COSE_Sign1", input) }
    if parsed.payload.array != expected { throw Violation("another payload", input) }
    var buffer = [UInt8](repeating: 0, count: input.count)
    var writer = COSESign1Writer(buffer.mutableSpan)
    writer.payload.raw(parsed.payload)
    writer.endPayload()
    let count = try writer.finish(signature: parsed.signature)
    if count != input.count || buffer != input { throw Violation("came back as \(hexString(buffer))", input) }
    var signed: [UInt8] = []
    parsed.signedPieces(in: COSEContext(network: 1, type: "command")) { signed += $0.array }
    // RFC 9052, section 4.4, by hand.
    let context = Array("\u{69}lightnode\u{02}\u{01}\u{67}command".utf8)
    var toSign = [0x84, 0x6a] + Array("Signature1".utf8) + [0x43, 0xa1, 0x01, 0x27, 0x55, 0x84] + context
    toSign += input[7..<(input.count - 66 - expected.count)] + expected
    if signed != toSign { throw Violation("signs \(hexString(signed))", input) }
}

/// The payload of a COSE_Sign1 of this protocol; nil if the bytes are none.
func judgeSign1(_ bytes: [UInt8]) -> [UInt8]? {
    var judge = CBORJudge(Array(bytes.dropFirst(7)))
    guard bytes.starts(with: [0xd2, 0x84, 0x43, 0xa1, 0x01, 0x27, 0xa0]), let head = judge.head(), head.major == 2 else {
        return nil
    }
    let start = 7 + judge.at
    guard head.argument <= UInt64(bytes.count), bytes.count == start + Int(head.argument) + 66 else { return nil }
    let end = start + Int(head.argument)
    return bytes[end] == 0x58 && bytes[end + 1] == 64 ? Array(bytes[start..<end]) : nil
}

/// A message is accepted exactly if RFC 7252 allows it, with the parts that the judge finds; written again it is the same.
@Sendable func checkCoAP(_ input: [UInt8]) throws {
    _ = try? CoAPProblemView(input.span.bytes)
    let expected = CoAPJudge(input)
    let parsed = try? CoAPMessage(input.span.bytes)
    guard let parsed else {
        if expected != nil { throw Violation("refused, though RFC 7252 allows it", input) }
        return
    }
    guard let expected else { throw Violation("accepted, though RFC 7252 forbids it", input) }
    var found = CoAPJudge(type: parsed.type.rawValue, code: parsed.code.rawValue, id: parsed.id)
    found.token = (0..<parsed.token.count).map { parsed.token[$0] }
    found.payload = parsed.payload.array
    let request = CoAPRequest(parsed)
    if let block = request.block1, block.offset % block.size != 0 { throw Violation("a block between blocks", input) }
    _ = parsed.hasPath(".well-known/core")
    _ = parsed.queryNumber("from=", or: 0)
    var buffer = [UInt8](repeating: 0, count: input.count)
    var writer = CoAPWriter(buffer.mutableSpan, type: parsed.type, code: parsed.code, id: parsed.id, token: parsed.token)
    var options = parsed.options
    while options.next() {
        found.options.append(.init(number: Int(options.number), value: options.value.array))
        writer.option(options.number, options.value)
    }
    if found != expected { throw Violation("other parts than the judge finds", input) }
    if parsed.payload.byteCount > 0 { writer.payload(parsed.payload) }
    let count = try writer.finish()
    if count != input.count || buffer != input { throw Violation("came back as \(hexString(buffer))", input) }
}

/// A stream holds the frames that the judge finds, each with a good check sequence; a message sent behind it is found as well.
@Sendable func checkSlipmux(_ input: [UInt8]) throws {
    var decoder = SlipmuxDecoder<48>()
    func frames(_ stream: [UInt8]) -> [SlipmuxJudge] {
        stream.compactMap { byte in
            switch decoder.receive(byte) {
            case .none: nil
            case .diagnostic: .diagnostic(decoder.content.array)
            case .coap: .coap(decoder.content.array)
            default: .dropped
            }
        }
    }
    if frames(input) != SlipmuxJudge.frames(input, capacity: 48) { throw Violation("other frames than the judge finds", input) }
    // Whatever is left of the stream ends here.
    _ = frames([0xc0])
    for message in [Array(input.prefix(48)), Array(input.suffix(48))] {
        var wire: [UInt8] = []
        Slipmux.sendCoAP(message.span.bytes) { wire.append($0) }
        let expected = [SlipmuxJudge.coap(message)]
        if frames(wire) != expected || SlipmuxJudge.frames(wire, capacity: 48) != expected {
            throw Violation("lost \(hexString(message))", input)
        }
        // One bit wrong anywhere is found by the check sequence.
        var spoilt = wire
        spoilt[Int(input.first ?? 0) % wire.count] ^= 1 << (UInt8(input.count & 7))
        spoilt.append(0xc0)
        if frames(spoilt) != SlipmuxJudge.frames(spoilt, capacity: 48) {
            throw Violation("taken wrongly: \(hexString(spoilt))", input)
        }
    }
}

/// As text, and as values of five bits that get a prefix and a checksum: what is accepted decodes to the bytes that the judge finds.
@Sendable func checkBech32(_ input: [UInt8]) throws {
    for prefix in ["node", "claim"] as [StaticString] {
        guard let data = decode(prefix, input) else { continue }
        let isUpper = input.contains { $0 >= UInt8(ascii: "A") && $0 <= UInt8(ascii: "Z") }
        let again = try Bech32.encode(prefix: prefix, data, uppercase: isUpper)
        if Array(again.utf8) != input { throw Violation("came back as \(again)", input) }
    }
    if input.count <= 48 {
        let text = try Bech32.encode(prefix: "node", input)
        if try Bech32.decode(prefix: "node", text) != input { throw Violation("lost on the way through \(text)", input) }
    }
    try checkValues(Array(input.dropFirst(2)).map { $0 & 31 }, input)
}

/// The text of `values`: right, in capital letters, of another prefix, with the checksum of BIP 173 or with one character replaced, as the input's
/// first two bytes have it.
private func checkValues(_ values: [UInt8], _ input: [UInt8]) throws {
    guard input.count >= 2, values.count <= 90 else { return }
    let kind = input[0], isForeign = kind & 0x80 != 0
    var text = Bech32Judge.text(isForeign ? "nodes" : "node", values, constant: kind & 6 == 6 ? 1 : Bech32Judge.constant)
    if kind & 1 == 1 { text = text.map { $0 >= UInt8(ascii: "a") ? $0 & ~0x20 : $0 } }
    var isRight = text.count <= 90 && !isForeign && kind & 6 != 6
    if kind & 6 == 2 || kind & 6 == 4 {
        let place = Int(input[1]) % text.count, before = text[place]
        text[place] = kind & 4 == 4 ? before ^ 0x20 : Bech32Judge.alphabet[Int(kind >> 2 & 31)]
        isRight = isRight && text[place] == before
    }
    let expected = isRight ? Bech32Judge.bytes(values) : nil
    if decode("node", text) != expected { throw Violation("\(String(decoding: text, as: UTF8.self)) is judged otherwise", input) }
}

private func decode(_ prefix: StaticString, _ text: [UInt8]) -> [UInt8]? {
    var data = [UInt8](repeating: 0, count: 64)
    var span = data.mutableSpan
    guard let count = try? Bech32.decode(prefix: prefix, text.span.bytes, into: &span) else { return nil }
    return Array(data.prefix(count))
}
