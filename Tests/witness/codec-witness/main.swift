// Our codecs on standard input and output, for programs that check them: one request a line, one answer a line.
//
//     cbor-accept HEX              ok | error NAME            is it one item in deterministic encoding?
//     cbor-read HEX                ok DESCRIPTION             what it says, in a notation of our own (below)
//     cbor-write HEX               ok HEX                     read item by item, and written again
//     cose-read HEX                ok PAYLOAD SIGNATURE
//     cose-write PAYLOAD SIGNATURE ok HEX
//     cose-signed NETWORK TYPE PAYLOAD    ok HEX              what is signed
//     key-read HEX                 ok KEY
//     key-write KEY                ok HEX
//     coap-read HEX                ok TYPE CODE ID TOKEN OPTIONS PAYLOAD
//     coap-write TYPE CODE ID TOKEN OPTIONS PAYLOAD    ok HEX    OPTIONS are NUMBER:HEX,…; "-" stands for nothing
//     slip-read HEX                ok FRAMES                  c:HEX a CoAP message, d:HEX a text; "-" for none
//     slip-write HEX               ok HEX
//     bech32-read PREFIX TEXT      ok HEX
//     bech32-write PREFIX HEX      ok TEXT
//
// Values: i:N integer, b:HEX bytes, t:HEX text, [v,…] array, {k=v,…} map, g:N(v) tag, s:N simple value, f:BITS float as binary64.
import Bech32
import CBOR
import COSE
import CoAP
import CodecSupport
import Slipmux

struct BadRequest: Error {}

func field(_ text: Substring) -> [UInt8] { text == "-" ? [] : hex(String(text)) }
func field(_ bytes: some Collection<UInt8>) -> String { bytes.isEmpty ? "-" : hexString(bytes) }

func describe(_ reader: inout CBORReader) throws -> String {
    switch try reader.peek() {
    case .unsigned: return "i:\(try reader.uint())"
    case .negative:
        var lookahead = reader
        if let value = try? lookahead.int() {
            reader = lookahead
            return "i:\(value)"
        }
        // Below Int64: -1 - n, and n is in the encoding's last eight bytes.
        let argument = try reader.item().array.dropFirst().reduce(Int128(0)) { $0 << 8 | Int128($1) }
        return "i:\(-1 - argument)"
    case .bytes: return "b:" + hexString(try reader.bytes().array)
    case .text: return "t:" + hexString(try reader.text().array)
    case .array:
        var items: [String] = []
        for _ in 0..<(try reader.array()) { items.append(try describe(&reader)) }
        return "[" + items.joined(separator: ",") + "]"
    case .map:
        var pairs: [String] = []
        var map = try reader.map()
        while let key = try reader.nextKey(&map) {
            var keyReader = CBORReader(reader.keyBytes(map))
            let text = try describe(&keyReader)
            if case .int(let label) = key, text != "i:\(label)" { throw BadRequest() }
            pairs.append(text + "=" + (try describe(&reader)))
        }
        return "{" + pairs.joined(separator: ",") + "}"
    case .tag:
        let number = try reader.tag()
        return "g:\(number)(\(try describe(&reader)))"
    case .simple: return "s:\(try reader.simple())"
    case .float: return "f:\(try reader.double().bitPattern)"
    }
}

/// StaticString cannot be made at run time; these are the ones that the witness asks for.
let types: [StaticString] = ["bind", "command", "state", "receipt", "grant", "a", "12345678901234567890123"]
let prefixes: [StaticString] = ["node", "claim"]

func find(_ text: Substring, in list: [StaticString]) throws -> StaticString {
    guard let match = list.first(where: { "\($0)" == text }) else { throw BadRequest() }
    return match
}

func cose(_ request: [Substring]) throws -> String {
    switch request[0] {
    case "cose-read":
        let bytes = field(request[1])
        let parsed = try COSESign1(bytes.span.bytes)
        return field(parsed.payload.array) + " " + field(parsed.signature.array)
    case "cose-write":
        let payload = field(request[1])
        let signature = field(request[2])
        var buffer = [UInt8](repeating: 0, count: payload.count + COSE.sign1Overhead)
        var writer = COSESign1Writer(buffer.mutableSpan)
        writer.payload.raw(payload.span.bytes)
        writer.endPayload()
        let count = try writer.finish(signature: signature.span.bytes)
        return field(buffer.prefix(count))
    case "cose-signed":
        guard let network = UInt64(request[1]) else { throw BadRequest() }
        let payload = field(request[3])
        var signed: [UInt8] = []
        let context = COSEContext(network: network, type: try find(request[2], in: types))
        COSE.signedPieces(payload: payload.span.bytes, in: context) { signed += $0.array }
        return field(signed)
    case "key-read":
        let bytes = field(request[1])
        var reader = CBORReader(bytes.span.bytes)
        let key = try COSE.readKey(&reader).array
        try reader.finish()
        return field(key)
    default:
        let key = field(request[1])
        return field(CBOR.encode { COSE.writeKey(key.span.bytes, to: &$0) })
    }
}

func readCoAP(_ bytes: [UInt8]) throws -> String {
    let message = try CoAPMessage(bytes.span.bytes)
    var list: [String] = []
    var options = message.options
    while options.next() { list.append("\(options.number):" + field(options.value.array)) }
    let token = (0..<message.token.count).map { message.token[$0] }
    let optionList = list.isEmpty ? "-" : list.joined(separator: ",")
    return
        "\(message.type.rawValue) \(message.code.rawValue) \(message.id) \(field(token)) \(optionList) \(field(message.payload.array))"
}

func writeCoAP(_ request: [Substring]) throws -> String {
    guard let type = UInt8(request[1]).flatMap(CoAPType.init), let code = UInt8(request[2]), let id = UInt16(request[3]) else {
        throw BadRequest()
    }
    let token = field(request[4])
    var buffer = [UInt8](repeating: 0, count: 70000)
    var writer = CoAPWriter(
        buffer.mutableSpan, type: type, code: CoAPCode(rawValue: code), id: id, token: CoAPToken(token.span.bytes))
    for option in request[5] == "-" ? [] : request[5].split(separator: ",") {
        let parts = option.split(separator: ":")
        guard let number = UInt16(parts[0]) else { throw BadRequest() }
        let value = field(parts[1])
        writer.option(number, value.span.bytes)
    }
    let payload = field(request[6])
    if !payload.isEmpty { writer.payload(payload.span.bytes) }
    let count = try writer.finish()
    return field(buffer.prefix(count))
}

func slip(_ request: [Substring]) -> String {
    let bytes = field(request[1])
    if request[0] == "slip-write" {
        var wire: [UInt8] = []
        Slipmux.sendCoAP(bytes.span.bytes) { wire.append($0) }
        return field(wire)
    }
    var decoder = SlipmuxDecoder<512>()
    var frames: [String] = []
    for byte in bytes {
        switch decoder.receive(byte) {
        case .coap: frames.append("c:" + field(decoder.content.array))
        case .diagnostic: frames.append("d:" + field(decoder.content.array))
        case .none, .cut, .dropped: break
        }
    }
    return frames.isEmpty ? "-" : frames.joined(separator: ",")
}

func answer(_ request: [Substring]) throws -> String {
    switch request[0] {
    case "cbor-accept":
        let bytes = field(request[1])
        try CBOR.validate(bytes.span.bytes)
        return ""
    case "cbor-read":
        let bytes = field(request[1])
        var reader = CBORReader(bytes.span.bytes)
        let text = try describe(&reader)
        try reader.finish()
        return text
    case "cbor-write": return field(try transcode(field(request[1])))
    case "cose-read", "cose-write", "cose-signed", "key-read", "key-write": return try cose(request)
    case "coap-read": return try readCoAP(field(request[1]))
    case "coap-write": return try writeCoAP(request)
    case "slip-read", "slip-write": return slip(request)
    case "bech32-read": return field(try Bech32.decode(prefix: try find(request[1], in: prefixes), String(request[2])))
    case "bech32-write": return try Bech32.encode(prefix: try find(request[1], in: prefixes), field(request[2]))
    default: throw BadRequest()
    }
}

while let line = readLine() {
    do {
        print("ok", try answer(line.split(separator: " ")))
    } catch let error as CBORError {
        print("error cbor \(error.rawValue) \(error)")
    } catch let error as COSEError {
        print("error cose \(error.rawValue)")
    } catch let error as CoAPError {
        print("error coap \(error.rawValue)")
    } catch let error as Bech32Error {
        print("error bech32 \(error.rawValue)")
    } catch {
        print("error request \(error)")
    }
}
