// Observing devices and events: who hears what, when, and who is forgotten (RFC 7641; docs/protocol.md, "Observing").

import CoAP
import Testing

@testable import NodeProtocol

private let observe = [(CoAPOptionNumber.observe, UInt32(0))]

@Suite("Observing") struct ObserveTests {
    @Test("The state of a device can be read by its name") func state() throws {
        let stage = try Stage()
        let dark = try stage.ask(.get, "devices/led")
        #expect(dark.code == .content && dark.payload == [0xF4] && dark.uint(CoAPOptionNumber.contentFormat) == 60)
        #expect(dark.observe == nil)
        _ = try stage.command("$('led').on()")
        #expect(try stage.ask(.get, "devices/led").payload == [0xF5])
        #expect(try stage.ask(.get, "devices/lamp").reason == "not-found")
        #expect(try stage.ask(.get, "devices/led/on").reason == "not-found")
        #expect(try stage.ask(.get, "devices/").code == .content)
        #expect(try stage.ask(.post, "devices/led", payload: [1]).reason == "method-not-allowed")
    }

    @Test("An observer hears of each change, with its token and rising numbers, until it deregisters") func changes() throws {
        let stage = try Stage()
        let first = try stage.ask(.get, "devices/led", token: 77, options: observe)
        var number = try #require(first.observe)
        for (call, state) in [("on", UInt8(0xF5)), ("off", 0xF4), ("on", 0xF5)] {
            _ = try stage.command("$('led').\(call)()")
            let sent = try stage.pass(milliseconds: 300)
            #expect(sent.count == 1 && sent[0].payload == [state] && sent[0].token == [0, 77] && sent[0].type == .confirmable)
            #expect(sent[0].code == .content && sent[0].uint(CoAPOptionNumber.contentFormat) == 60)
            #expect(try #require(sent[0].observe) > number)
            number = sent[0].observe!
        }
        _ = try stage.command("$('led').on()")
        #expect(try stage.pass(milliseconds: 1000).isEmpty, "nothing has changed")
        let last = try stage.ask(.get, "devices/led", token: 77, options: [(CoAPOptionNumber.observe, 1)])
        #expect(last.code == .content && last.observe == nil)
        _ = try stage.command("$('led').off()")
        #expect(try stage.pass(milliseconds: 120_000).isEmpty)
    }

    @Test("A reset in answer to a notification ends the observation") func reset() throws {
        let stage = try Stage()
        try stage.ask(.get, "devices/led", options: observe)
        _ = try stage.command("$('led').on()")
        let sent = try stage.pass(milliseconds: 100, acknowledge: false)
        #expect(sent.count == 1)
        try stage.empty(.reset, sent[0].id)
        _ = try stage.command("$('led').off()")
        #expect(try stage.pass(milliseconds: 120_000).isEmpty)
    }

    @Test("What is not acknowledged is told again with the state of that moment, four times, then its observer is forgotten")
    func silence() throws {
        let stage = try Stage()
        try stage.ask(.get, "devices/led", options: observe)
        _ = try stage.command("$('led').on()")
        #expect(try stage.pass(milliseconds: 1000, acknowledge: false).map(\.payload) == [[0xF5]])
        _ = try stage.command("$('led').off()")
        let repeated = try stage.pass(milliseconds: 100_000, acknowledge: false)
        #expect(repeated.map(\.payload) == Array(repeating: [0xF4], count: 4))
        #expect(Set(repeated.map(\.id)).count == 4, "another state is another message")
        #expect(try stage.pass(milliseconds: 120_000).isEmpty)
    }

    @Test("An observer hears something within every minute, changed or not") func heartbeat() throws {
        let stage = try Stage()
        try stage.ask(.get, "devices/led", options: observe)
        for _ in 0..<3 { #expect(try !stage.pass(milliseconds: 60_000).isEmpty) }
    }

    @Test("Fast changes are told as what they came to") func fast() throws {
        let stage = try Stage()
        try stage.ask(.get, "devices/led", options: observe)
        var sent: [Datagram] = []
        for round in 0..<20 {
            _ = try stage.command("$('led').toggle()")
            sent += try stage.pass(milliseconds: 10)
            #expect(sent.count <= round / 10 + 2)
        }
        sent += try stage.pass(milliseconds: 500)
        #expect(sent.last?.payload == [0xF4])
    }

    @Test("Three observe states; a fourth takes the place of the oldest, and one that registers again keeps its own")
    func bounded() throws {
        let stage = try Stage()
        for token in 1...3 {
            try stage.ask(.get, "devices/led", token: UInt64(token), options: observe)
            _ = try stage.pass(milliseconds: 10)
        }
        try stage.ask(.get, "devices/led", token: 1, options: observe)
        _ = try stage.pass(milliseconds: 10)
        try stage.ask(.get, "devices/led", token: 4, options: observe)
        _ = try stage.command("$('led').on()")
        let heard = try stage.pass(milliseconds: 300).map { $0.token[1] }
        #expect(heard.sorted() == [1, 3, 4])
    }

    @Test("Two observe events, and neither they nor the observers of states drive each other out") func places() throws {
        let stage = try Stage()
        for token in 1...3 {
            try stage.ask(.get, "events", token: UInt64(token), options: observe)
            _ = try stage.pass(milliseconds: 10)
        }
        for token in 11...14 {
            try stage.ask(.get, "devices/led", token: UInt64(token), options: observe)
            _ = try stage.pass(milliseconds: 10)
        }
        _ = try stage.command("$('led').on()")
        let heard = try stage.pass(milliseconds: 500).map { $0.token[1] }
        #expect(heard.sorted() == [2, 3, 12, 13, 14])
    }

    @Test("The same token on another wire is another observer, told on its own wire") func wires() throws {
        let stage = try Stage()
        try stage.ask(.get, "devices/led", token: 9, options: observe, from: .serial)
        try stage.ask(.get, "devices/led", token: 9, options: observe, from: .usb)
        _ = try stage.command("$('led').on()")
        var wires: Set<Int> = []
        for _ in 0..<20 where try !stage.pass(milliseconds: 10).isEmpty { wires.insert(stage.notificationWire.index) }
        #expect(wires == [0, 1])
        try stage.ask(.get, "devices/led", token: 9, options: [(CoAPOptionNumber.observe, 1)], from: .usb)
        _ = try stage.command("$('led').off()")
        #expect(try stage.pass(milliseconds: 1000).count == 1)
    }

    @Test("A request that is repeated after a notification still gets the answer of the first time") func repetition() throws {
        let stage = try Stage()
        try stage.ask(.get, "devices/led", token: 3, options: observe)
        let message = SignedMessage.call(
            try Call(parsing: "$('led').toggle()"), as: .command, to: stage.device, epoch: 1, sequence: stage.heading().sequence,
            network: Stage.network, key: Stage.owner)
        let datagram = stage.request(.post, "command", payload: message.bytes)
        let first = try #require(try stage.send(datagram))
        #expect(try stage.pass(milliseconds: 100).count == 1)
        let second = try #require(try stage.send(datagram))
        #expect(first.payload == second.payload && second.code == .changed)
        #expect(try stage.ask(.get, "devices/led").payload == [0xF5])
    }

    @Test("Observation of what cannot be observed is an ordinary answer") func unobservable() throws {
        let stage = try Stage()
        let answer = try stage.ask(.get, "status", options: observe)
        #expect(answer.code == .content && answer.observe == nil)
        #expect(try stage.pass(milliseconds: 120_000).isEmpty)
    }
}

@Suite("Telemetry") struct TelemetryTests {
    private func numbers(_ claims: CBORItem) -> ClosedRange<UInt64>? {
        let count = UInt64(claims[29]!.array!.count)
        return count == 0 ? nil : claims[28]!.uint!...(claims[28]!.uint! + count - 1)
    }

    @Test("A press of a button reaches an observer of events, signed by the device") func press() throws {
        let stage = try Stage()
        let first = try stage.ask(.get, "events", token: 5, options: observe)
        #expect(first.observe != nil && first.uint(CoAPOptionNumber.contentFormat) == 18)
        #expect(try stage.telemetry(first.payload)[29]?.array?.isEmpty == true)
        _ = try stage.press()
        stage.button.drive(false)
        let sent = try stage.pass(milliseconds: 1500)
        let claims = try stage.telemetry(try #require(sent.last).payload)
        let samples = try #require(claims[29]?.array)
        #expect(samples.map { $0.array?[0].text } == ["button", "button", "button", "button"])
        #expect(samples.map { $0.array?[1].text } == ["pressed", nil, "released", nil])
        #expect(samples.map { $0.array?[2] } == [.bool(true), .bool(true), .bool(false), .bool(false)])
        let times = samples.compactMap { $0.array?[3].uint }
        #expect(times == times.sorted() && times.last! <= claims[27]!.uint!)
        #expect(claims[0]?.uint == 1 && claims[26]?.uint == 1 && claims[28]?.uint == 0)
    }

    @Test("Samples are numbered on, so that a gap shows; notifications overlap, so that a lost one leaves none") func gaps()
        throws
    {
        let stage = try Stage()
        try stage.ask(.get, "events", options: observe)
        var last: UInt64?
        var heard = 0
        for round in 0..<30 {
            _ = try stage.command("$('led').toggle()")
            for sent in try stage.pass(milliseconds: 1000) {
                let range = try #require(numbers(try stage.telemetry(sent.payload)))
                if let last { #expect(range.contains(last + 1) && range.upperBound > last, "round \(round)") }
                last = range.upperBound
                heard += 1
            }
        }
        #expect(last == 29 && heard >= 25)
        // Twenty at once do not fit.
        for _ in 0..<20 {
            _ = try stage.command("$('led').toggle()")
            _ = try stage.pass(milliseconds: 10)
        }
        let range = try #require(numbers(try stage.telemetry(try stage.ask(.get, "events").payload)))
        #expect(range == 42...49)
    }

    @Test("What nobody fetched from the devices' queue is counted as lost, not renumbered") func lost() throws {
        let stage = try Stage()
        for _ in 0..<12 { _ = try stage.command("$('led').toggle()") }
        _ = try stage.pass(milliseconds: 10)
        #expect(numbers(try stage.telemetry(try stage.ask(.get, "events").payload)) == 4...11)
    }

    @Test("Each power-on has a number of its own") func boots() throws {
        var stage = try Stage()
        for boot in 1...3 {
            for _ in 0..<2 { #expect(try stage.telemetry(try stage.ask(.get, "events").payload)[26]?.uint == UInt64(boot)) }
            stage = try Stage(flash: stage.flash)
        }
    }

    @Test("Observers share a signature") func sharing() throws {
        let stage = try Stage()
        for token in 1...2 { try stage.ask(.get, "events", token: UInt64(token), options: observe) }
        _ = try stage.command("$('led').on()")
        let sent = try stage.pass(milliseconds: 200)
        #expect(sent.count == 2 && Set(sent.map(\.payload)).count == 1)
    }

    @Test("Eight samples with the longest names fit a notification") func size() throws {
        // 8 × (1 + 17 + 17 + 5 + 5) and at most 110 bytes of other claims, COSE and signature 76: below the 640 that there are.
        let stage = try Stage()
        for _ in 0..<4 {
            _ = try stage.press()
            stage.button.drive(false)
            _ = try stage.pass(milliseconds: 600)
        }
        let payload = try stage.ask(.get, "events").payload
        #expect(try stage.telemetry(payload)[29]?.array?.count == 8)
        #expect(payload.count + 8 * (16 - 6 + 16 - 8) < 640)
    }
}
