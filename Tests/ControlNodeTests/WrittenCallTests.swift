import Reporting
import Testing

@testable import NodeProtocol

/// Labels, units, ranges and typos: what is found before anything is signed, and what must not depend on the node's unsigned word.
@Suite("Calls with labels and units")
struct WrittenCallTests {
    private func devices(_ interfaces: [String: String] = [:]) -> [DeviceDescription] {
        let own = [
            "lock": "open(for:ms 100..60000=5000);close|lock:bool|relocked", "led": "on;off;toggle|led:bool|",
            "dimmer": "set(level:% 0..100);fade(level:% 0..100,for:ms 0..60000=1000)|dimmer:%|",
            "display": "text(text:text 1..32);flip(now:bool)|display:count|", "button": "|button:bool|pressed",
        ].merging(interfaces) { $1 }
        return own.sorted { $0.key < $1.key }.map {
            DeviceDescription(name: $0.key, interface: $0.value, state: nil, demandsFreshness: false)
        }
    }

    @Test(
        "A unit is reckoned by the table here, whatever the node says",
        arguments: [
            ("5s", 5000), ("1.5s", 1500), (".seconds(5)", 5000), (".milliseconds(250)", 250), ("2min", 120_000),
            ("1h", 3_600_000),
            ("500ms", 500), ("80%", 80), ("21.5Cel", 21_500), ("-3 ", -3), ("0.25kHz", 250), ("90deg", 90), ("for: 5s", 5000),
            ("for : 7", 7),
        ])
    func units(_ text: String, value: Int64) throws {
        #expect(try Call(parsing: "$('x').y(\(text))").arguments == [.int(value)])
    }

    @Test(
        "What is no number of a unit is refused at its column",
        arguments: [
            ("1.5", 11), ("5 s", 12), ("5parsec", 11), ("1.2345s", 10), ("0x5s", 13), (".lightyears(5)", 10), ("9e9s", 11),
            ("9223372036854775807s", 10),
        ])
    func wrongUnits(_ text: String, column: Int) {
        #expect { try Call(parsing: "$('x').y(\(text))") } throws: { ($0 as? CallSyntaxError)?.column == column }
    }

    @Test(
        "A typo, a wrong label, unit, range, type or count is found, with a suggestion",
        arguments: [
            ("$('lokc').open()", "no device “lokc”", "Did you mean $('lock')?"),
            ("$('lock').opne()", "no method “opne”", "Did you mean .open?"),
            ("$('lock').open(seconds: 5)", "called “for”, not “seconds”", ".open(for:ms 100..60000=5000)"),
            ("$('lock').open(5)", "“for” takes 100ms to 1min", ".open(for:ms"),
            ("$('lock').open(2min)", "“for” takes 100ms to 1min", ".open("),
            ("$('lock').open(5%)", "no number of %", ".open("), ("$('lock').open(5s, 5s)", "no more arguments", ".open("),
            ("$('led').on(1)", "takes no argument", ".on()"), ("$('dimmer').set()", "“level” is missing", ".set(level:% 0..100)"),
            ("$('dimmer').set(true)", "“level” takes", ".set("), ("$('display').text('')", "a text of 1 to 32 bytes", ".text("),
            ("$('display').flip(1)", "true or false", ".flip("),
            ("$('button').press()", "no method “press”", "takes no commands"),
            ("$('dimmer').fade(for: 5s, level: 50%)", "called “level”, not “for”", ".fade("),
        ])
    func misfits(_ text: String, what: String, advice: String) throws {
        let call = try WrittenCall(parsing: text)
        #expect { try call.check(against: devices()) } throws: { error in
            guard let misfit = error as? CallMisfit else { return false }
            return misfit.what.contains(what) && misfit.advice.contains(advice) && misfit.failure.kind == .usage
                && misfit.description.contains("\n  \(text)\n")
        }
    }

    @Test(
        "What the interface takes passes",
        arguments: [
            "$('lock').open()", "$('lock').open(for: 5s)", "$('lock').open(100)",
            "$('dimmer').fade(level: 50%, for: .seconds(3))",
            "$('dimmer').fade(50)", "$('display').text('hi')", "$('display').flip(false)",
        ])
    func fits(_ text: String) throws {
        let call = try WrittenCall(parsing: text)
        #expect(throws: Never.self) { try call.check(against: devices()) }
    }

    // An attacker on the way wants the owner to sign another call than was typed: the list of devices is not signed.
    @Test(
        "A list of devices that somebody has forged refuses at most: what is signed is what was typed",
        arguments: [
            "open(for:us 0..99999999);close|lock:bool|", "open(for:s 0..99999);close|lock:bool|",
            "close(for:ms 0..99999)|lock:bool|",
            "open(level:% 0..99999=7)|lock:bool|", "open(for:ms 99..1)|lock:bool|", "((((;;||::,,()", "",
            "open(for:ms 9..99999=3)|lock:bool|",
        ])
    func forged(_ interface: String) throws {
        let call = try WrittenCall(parsing: "$('lock').open(for: 5s)")
        try? call.check(against: devices(["lock": interface]))
        #expect(call.call == Call(device: "lock", method: "open", arguments: [5000]))
    }

    @Test("The nearest name is suggested, and none that is far")
    func nearest() {
        let names = ["status", "history", "send", "led-green"]
        #expect(
            Spelling.nearest(to: "stauts", among: names) == "status" && Spelling.nearest(to: "hisotry", among: names) == "history"
        )
        #expect(
            Spelling.nearest(to: "led-geren", among: names) == "led-green" && Spelling.nearest(to: "fly", among: names) == nil)
        #expect(Spelling.nearest(to: "", among: names) == nil && Spelling.nearest(to: "x", among: []) == nil)
    }
}
