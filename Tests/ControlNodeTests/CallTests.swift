import NodeProtocol
import Testing

@Suite("Calls as people type them")
struct CallTests {
    @Test(
        "A call is read whatever its quotes and spaces",
        arguments: ["$('led').on()", "$(\"led\").on()", "  $ ( 'led' ) . on ( ) ; ", "$('led').on();"])
    func forms(_ text: String) throws {
        #expect(try Call(parsing: text) == Call(device: "led", method: "on"))
    }

    @Test("Arguments are whole numbers, true, false and texts")
    func arguments() throws {
        let call = try Call(
            parsing: #"$('dimmer').set(50, -7, 0x1F, 1_000, true, false, 'it\'s', "a\"b\\", '9223372036854775807')"#)
        #expect(
            call.arguments == [
                50, -7, 31, 1000, true, false, "it's", #"a"b\"#, "9223372036854775807",
            ])
        #expect(try Call(parsing: "$('x').y(-9223372036854775808)").arguments == [.int(.min)])
    }

    @Test("What a call prints as is read back as the same call")
    func roundTrip() throws {
        let call = Call(device: "led'\\ \n", method: "set-level", arguments: [1, false, "a'b\\c\td"])
        #expect(try Call(parsing: call.description) == call)
    }

    @Test(
        "An error points at its column",
        arguments: [
            ("led.on()", 1), ("$led", 2), ("$(led)", 3), ("$('')", 3), ("$('led)", 8), ("$('led').()", 10), ("$('led').on", 12),
            ("$('led').on(5", 14), ("$('led').on(5,)", 15), ("$('led').on() x", 15), ("$('led').on(maybe)", 13),
            ("$('led').on(9223372036854775808)", 13), ("$('led').on(1.5)", 14), ("$('a\\q').on()", 6), ("", 1),
            ("$('led')on()", 9),
        ])
    func errors(_ text: String, column: Int) {
        #expect { try Call(parsing: text) } throws: { error in
            let error = error as? CallSyntaxError
            return error?.column == column && error?.description.contains("\n  \(text)\n") == true
        }
    }
}
