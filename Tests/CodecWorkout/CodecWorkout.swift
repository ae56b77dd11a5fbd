// Puts all codecs through seeded mutations of typical messages and sums up every outcome, heap-free: the same code, with the same
// sum, runs on the computer and on each board, so that what is proven there about the codecs holds here.
import Bech32
import CBOR
import COSE
import CoAP
import Slipmux
import SplitMix

public struct CodecWorkout: ~Copyable {
    /// What all outcomes of `run(rounds: 200)` sum up to, wherever it runs.
    public static let expected: UInt64 = 6_713_154_526_215_275_433

    /// FNV-1a over everything that came out.
    public private(set) var sum: UInt64 = 0xcbf2_9ce4_8422_2325
    /// Mutated messages that were accepted nevertheless, by decoder: CBOR, COSE, CoAP, slipmux, bech32m.
    public private(set) var accepted = InlineArray<5, UInt32>(repeating: 0)
    private var random = SplitMix(state: 1)
    private var decoder = SlipmuxDecoder<256>()

    public init() {}

    public mutating func run(rounds: Int) {
        var message = InlineArray<512, UInt8>(repeating: 0)
        for round in 0..<rounds {
            let length = makeRequest(number: UInt32(truncatingIfNeeded: round), into: message.mutableSpan)
            decode(message.span.bytes.extracting(0..<length))
            for _ in 0..<8 {
                var mutated = message
                let newLength = mutate(mutated.mutableSpan, length)
                decode(mutated.span.bytes.extracting(0..<newLength))
            }
        }
    }

    // MARK: Making

    /// A CoAP request with a signed command in it; its length.
    private mutating func makeRequest(number: UInt32, into buffer: consuming MutableSpan<UInt8>) -> Int {
        let token = CoAPToken(random.next(), count: Int(random.next() & 7))
        let id = UInt16(truncatingIfNeeded: number)
        var writer = CoAPWriter(buffer, type: .confirmable, code: .post, id: id, token: token)
        writer.path("devices/command")
        writer.contentFormat(CoAPContentFormat.coseSign1)
        writer.query("from", number: UInt32(truncatingIfNeeded: random.next() >> (random.next() & 31 + 32)))
        writer.option(CoAPOptionNumber.block1, block: CoAPBlock(number: number & 0xfffff, more: number & 1 == 1, sizeExponent: 6))
        var sign1 = COSESign1Writer(writer.payload())
        writeClaims(&sign1.payload)
        sign1.endPayload()
        var hash = sum
        sign1.signedPieces(in: COSEContext(network: random.next(), type: "command")) { CodecWorkout.fold($0, into: &hash) }
        sum = hash
        let signature = InlineArray<64, UInt8>(repeating: UInt8(truncatingIfNeeded: random.next()))
        let length = try? sign1.finish(signature: signature.span.bytes)
        writer.endPayload(length ?? 0)
        return (try? writer.finish()) ?? 0
    }

    private mutating func writeClaims(_ writer: inout CBORWriter) {
        var text = InlineArray<90, UInt8>(repeating: 0)
        var identity = InlineArray<32, UInt8>(repeating: 0)
        for index in 0..<32 { identity[index] = UInt8(truncatingIfNeeded: random.next()) }
        var span = text.mutableSpan
        let length = (try? Bech32.encode(prefix: "node", identity.span.bytes.extracting(0..<20), into: &span)) ?? 0
        writer.map(5)
        writer.key(CWT.audience)
        writer.text(text.span.bytes.extracting(0..<length))
        writer.key(CWT.expiration)
        writer.uint(random.next() >> (random.next() & 63))
        writer.key(CWT.confirmation)
        writer.map(1)
        writer.key(CWT.confirmationKey)
        COSE.writeKey(identity.span.bytes, to: &writer)
        writer.key(-65537)
        writer.array(3)
        writer.int(Int64(bitPattern: random.next()))
        writer.bool(true)
        writer.null()
        writer.text("zzz" as StaticString)
        writer.tag(70000)
        writer.text("é€😀" as StaticString)
    }

    /// Changes one to three bytes, and sometimes the length; the new length.
    private mutating func mutate(_ bytes: consuming MutableSpan<UInt8>, _ length: Int) -> Int {
        for _ in 0...Int(random.next() & 1) {
            let index = Int(random.next() % UInt64(length))
            bytes[index] =
                random.next() & 1 == 0
                ? bytes[index] ^ 1 << UInt8(truncatingIfNeeded: random.next() & 7) : UInt8(truncatingIfNeeded: random.next())
        }
        return random.next() & 7 == 0 ? Int(random.next() % UInt64(length)) : length
    }

    // MARK: Taking apart

    private mutating func decode(_ bytes: RawSpan) {
        takeFrame(bytes)
        do throws(CoAPError) {
            let message = try CoAPMessage(bytes)
            accepted[2] &+= 1
            take(message)
            decodeSigned(message.payload)
        } catch {
            fold(UInt64(error.rawValue))
        }
    }

    private mutating func take(_ message: borrowing CoAPMessage) {
        fold(UInt64(message.code.rawValue) << 16 | UInt64(message.id))
        let request = CoAPRequest(message)
        fold(UInt64(request.badOption ?? 0) << 32 | UInt64(request.contentFormat ?? 0xffff))
        fold(UInt64(request.block1?.optionValue ?? 0) << 32 | UInt64(message.queryNumber("from=", or: 0) ?? 0))
        fold(message.hasPath("devices/command") ? 1 : 0)
        var options = message.options
        while options.next() { fold(options.value) }
    }

    private mutating func decodeSigned(_ bytes: RawSpan) {
        do throws(COSEError) {
            let sign1 = try COSESign1(bytes)
            accepted[1] &+= 1
            fold(sign1.signature)
            do throws(CBORError) {
                try CBOR.validate(sign1.payload)
                accepted[0] &+= 1
                try readClaims(sign1.payload)
            } catch {
                fold(UInt64(error.rawValue) << 8)
            }
        } catch {
            fold(UInt64(error.rawValue) << 16)
        }
    }

    private mutating func readClaims(_ payload: RawSpan) throws(CBORError) {
        var reader = CBORReader(payload)
        var map = try reader.map()
        while let key = try reader.nextKey(&map) {
            switch key {
            case .int(CWT.audience): readAddress(try reader.text())
            case .int(CWT.expiration): fold(try reader.uint())
            case .int(CWT.confirmation):
                var confirmation = try reader.map()
                while try reader.nextKey(&confirmation) != nil { fold(try COSE.readKey(&reader)) }
            case .other:
                fold(reader.keyBytes(map))
                fold(try reader.item())
            default: fold(try reader.item())
            }
        }
        try reader.finish()
    }

    private mutating func readAddress(_ text: RawSpan) {
        var data = InlineArray<32, UInt8>(repeating: 0)
        do throws(Bech32Error) {
            var span = data.mutableSpan
            let count = try Bech32.decode(prefix: "node", text, into: &span)
            accepted[4] &+= 1
            fold(data.span.bytes.extracting(0..<count))
        } catch {
            fold(UInt64(error.rawValue) << 24)
        }
    }

    /// Sends the first bytes as a frame, damaged one time in two.
    private mutating func takeFrame(_ bytes: RawSpan) {
        let content = bytes.extracting(first: min(bytes.byteCount, Int(random.next() % 300)))
        let damaged = random.next() & 1 == 0 ? Int(random.next() % 300) : -1
        let damage = UInt8(truncatingIfNeeded: random.next())
        var frames: UInt32 = 0
        var position = 0
        var hash = sum
        Slipmux.sendCoAP(content) { byte in
            let event = decoder.receive(position == damaged ? damage : byte)
            position &+= 1
            if case .coap = event {
                frames &+= 1
                CodecWorkout.fold(decoder.content, into: &hash)
            }
        }
        sum = hash
        accepted[3] &+= frames
        fold(UInt64(decoder.dropped.total))
    }

    // MARK: Summing up

    private mutating func fold(_ value: UInt64) {
        sum = (sum ^ value) &* 0x100_0000_01b3
    }

    private mutating func fold(_ bytes: RawSpan) {
        CodecWorkout.fold(bytes, into: &sum)
    }

    private static func fold(_ bytes: RawSpan, into sum: inout UInt64) {
        for index in 0..<bytes.byteCount {
            sum = (sum ^ UInt64(bytes.unsafeLoad(fromByteOffset: index, as: UInt8.self))) &* 0x100_0000_01b3
        }
        sum = (sum ^ UInt64(bytes.byteCount)) &* 0x100_0000_01b3
    }
}
