// Slipmux: frames survive whatever the wire does to their neighbours.
import CodecSupport
import Testing

@testable import Slipmux

func frame(_ message: [UInt8]) -> [UInt8] {
    var wire: [UInt8] = []
    Slipmux.sendCoAP(message.span.bytes) { wire.append($0) }
    return wire
}

func diagnostic(_ text: String) -> [UInt8] {
    var wire: [UInt8] = []
    Slipmux.sendDiagnostic(Array(text.utf8).span.bytes) { wire.append($0) }
    return wire
}

struct Received: Equatable {
    var messages: [[UInt8]] = []
    var texts: [String] = []
    var drops = SlipmuxDrops()
    /// Beginnings of messages that were too long.
    var cut: [[UInt8]] = []
}

func receive(_ wire: [UInt8]) -> Received {
    var decoder = SlipmuxDecoder<64>()
    var received = Received()
    for byte in wire {
        switch decoder.receive(byte) {
        case .coap: received.messages.append(decoder.content.withUnsafeBytes { Array($0) })
        case .diagnostic: received.texts.append(String(decoding: decoder.content.withUnsafeBytes { Array($0) }, as: UTF8.self))
        case .cut: received.cut.append(decoder.content.withUnsafeBytes { Array($0) })
        case .none, .dropped: break
        }
    }
    received.drops = decoder.dropped
    return received
}

@Test("A frame is what the draft and other implementations say it is")
func knownFrames() {
    // The FCS of "Hello World!" is the one in the tests of the Rust crate slipmux 0.4.
    #expect(frame(Array("Hello World!".utf8)) == hex("c0 a9") + Array("Hello World!".utf8) + hex("49ff c0"))
    #expect(diagnostic("Hello World!") == hex("c0 0a") + Array("Hello World!".utf8) + hex("c0"))
    #expect(Array(frame([0xc0, 0xdb, 0x00]).dropLast(3)).starts(with: hex("c0 a9 dbdc dbdd 00")))
    var literal: [UInt8] = []
    Slipmux.sendDiagnostic("Hello World!") { literal.append($0) }
    #expect(literal == diagnostic("Hello World!"))
}

@Test("The check is CRC-16/X-25: its check value over 123456789 is 0x906e")
func checkValue() {
    // The FCS covers the type byte too, so the catalogue's value shows in a frame whose content makes up for it.
    let received = receive(hex("c0 a9") + Array("Hello World!".utf8) + hex("49ff c0"))
    #expect(received.messages == [Array("Hello World!".utf8)])
    var fcs = FCS()
    for byte in "123456789".utf8 { fcs.update(byte) }
    #expect(fcs.value == 0x906e)
}

@Test("10,000 random messages of every length that fits come through, back to back and between texts")
func roundTrips() {
    var generator = SeededGenerator(seed: 1055)
    var wire: [UInt8] = []
    var sent = Received()
    for round in 0..<10_000 {
        var message = generator.bytes(round % 65)
        // Many bytes that need escapes.
        for index in message.indices where Bool.random(using: &generator) {
            message[index] = [0xc0, 0xdb, 0xdc, 0xdd, 0xa9, 0x0a].randomElement(using: &generator)!
        }
        wire += frame(message)
        sent.messages.append(message)
        if round % 7 == 0 {
            wire += diagnostic("round \(round)\n")
            sent.texts.append("round \(round)\n")
        }
    }
    #expect(receive(wire) == sent)
}

@Test(
    "Each kind of bad frame is dropped, counted once, and does not touch its neighbours",
    arguments: [
        ("garbage before the first END", "414243 c0", \SlipmuxDrops.unknownType),
        ("an IPv6 packet", "c0 60000000 c0", \.unknownType),
        ("an IPv4 packet", "c0 45000000 c0", \.unknownType), ("an unknown type", "c0 01020304 c0", \.unknownType),
        ("a wrong FCS", "c0 a9 48656c6c6f20576f726c6421 49fe c0", \.badCheck),
        ("the FCS swapped", "c0 a9 48656c6c6f20576f726c6421 ff49 c0", \.badCheck),
        ("a lost byte", "c0 a9 48656c6c6f20576f726c64 49ff c0", \.badCheck), ("no FCS", "c0 a9 c0", \.badCheck),
        ("half an FCS", "c0 a9 48 c0", \.badCheck),
        ("a wrong escape", "c0 a9 db00 c0", \.malformed), ("a doubled escape", "c0 a9 dbdb c0", \.malformed),
        ("an abort", "c0 a9 48656c6c6f dbc0", \.malformed), ("an abort in a text", "c0 0a 48656c6c6f dbc0", \.malformed),
        ("a lone escape", "c0 dbc0", \.malformed),
    ] as [(String, String, KeyPath<SlipmuxDrops, UInt32> & Sendable)])
func badFrames(name: String, wire: String, counter: KeyPath<SlipmuxDrops, UInt32> & Sendable) {
    let good = Array("before and after".utf8)
    // A frame after garbage without END is part of the garbage; so the garbage comes first.
    let received = receive(hex(wire) + frame(good) + hex(wire).drop { $0 != 0xc0 } + frame(good))
    #expect(received.messages == [good, good], "\(name)")
    #expect(received.drops[keyPath: counter] >= 1, "\(name)")
    #expect(received.drops.total == (name.hasPrefix("garbage") ? 1 : 2), "\(name)")
}

@Test("The longest message fits with its FCS; one byte more is too long, and so is everything up to a megabyte")
func longFrames() {
    for length in [0, 1, 62, 63, 64] {
        #expect(receive(frame([UInt8](repeating: 0xc0, count: length))).messages.count == 1)
    }
    for length in [65, 66, 67, 128, 1 << 20] {
        let received = receive(frame([UInt8](repeating: 7, count: length)) + frame([1]))
        #expect(received.messages == [[1]] && received.cut == [[UInt8](repeating: 7, count: 64)])
        #expect(received.drops.tooLong == 1 && received.drops.total == 1)
        // One whose check is wrong says nothing that could be answered.
        let damaged = receive(frame([UInt8](repeating: 7, count: length - 1) + [8]).map { $0 == 8 ? 9 : $0 } + frame([1]))
        #expect(damaged.messages == [[1]] && damaged.cut.isEmpty && damaged.drops.badCheck == 1 && damaged.drops.total == 1)
    }
    #expect(receive(diagnostic(String(repeating: "x", count: 64))).texts.count == 1)
    #expect(receive(diagnostic(String(repeating: "x", count: 65))).drops.tooLong == 1)
}

@Test("Every single-byte change, loss and insertion in a frame leaves the frames around it whole")
func singleFaults() {
    let first = frame(Array("first".utf8))
    let last = frame(Array("last".utf8))
    let middle = frame([0x40, 0x01, 0xc0, 0xdb, 0x00])
    var delivered = 0
    func check(_ faulty: [UInt8], _ what: String) {
        let received = receive(first + faulty + last)
        #expect(received.messages.first == Array("first".utf8), "\(what)")
        #expect(received.messages.last == Array("last".utf8), "\(what)")
        // An inserted END splits the frame at most; nothing else may come out as a message.
        for message in received.messages.dropFirst().dropLast() {
            delivered += 1
            #expect(message == [0x40, 0x01, 0xc0, 0xdb, 0x00], "\(what)")
        }
    }
    for index in 1..<(middle.count - 1) {
        for byte in UInt8.min...UInt8.max where byte != middle[index] {
            var changed = middle
            changed[index] = byte
            check(changed, "byte \(index) as \(byte)")
            var longer = middle
            longer.insert(byte, at: index)
            check(longer, "\(byte) inserted at \(index)")
        }
        var shorter = middle
        shorter.remove(at: index)
        check(shorter, "byte \(index) lost")
    }
    // Only a second END before the type byte leaves the frame as it was.
    #expect(delivered == 1)
}

@Test("A frame that never ended is replaced by the next one")
func interruptedFrame() {
    let cut = Array(frame(Array("never finished".utf8)).dropLast(4))
    let received = receive(cut + frame([1, 2, 3]) + frame([4]))
    #expect(received.messages == [[1, 2, 3], [4]])
    #expect(received.drops.badCheck == 1)
}
