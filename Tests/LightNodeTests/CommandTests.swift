// Commands and desired states: exactly once, newest wins, fresh where demanded, in time.

import LightNode
import SimulatedNOR
import Testing

@testable import ControlNode

@Suite("Commands") struct CommandTests {
    @Test("A command is carried out once, whatever comes again and across reboots") func once() throws {
        let stage = try Stage.owned()
        let toggle = stage.command("$('led').toggle()")
        #expect(try stage.send(toggle).outcome == .done)
        #expect(stage.wires["led"] == 1)
        for _ in 0..<3 {
            #expect(stage.refusal(toggle) == .replayed)
            #expect(stage.refusal(stage.command("$('led').on()", sequence: toggle.sequence - 1)) == .replayed)
            #expect(stage.highWater == toggle.sequence)
            stage.reboot()
            #expect(stage.wires["led"] == 0, "devices start in their safe state")
        }
    }

    @Test("High-water marks outlive every page turn of the log", arguments: [2, 3, 14]) func marksOutliveTheLog(turns: Int) throws
    {
        let stage = try Stage.owned()
        let state = stage.command("$('gauge').set(70)", as: .state)
        try stage.send(state)
        let lent = stage.grant()
        let used = stage.command(by: Cast.holder, grant: lent)
        try stage.send(used)
        let bind = stage.bindMessage()
        for _ in 0..<(turns * 30) { try stage.send(stage.command("$('led').toggle()")) }
        let last = stage.command()
        try stage.send(last)
        for _ in 0..<2 {
            #expect(stage.refusal(last) == .replayed)
            #expect(stage.refusal(state) == .replayed)
            #expect(stage.refusal(stage.command("$('gauge').set(1)", as: .state, sequence: state.sequence - 1)) == .superseded)
            #expect(stage.refusal(used) == .replayed)
            #expect(stage.refusal(bind) == .wrongState)
            stage.reboot()
        }
    }

    @Test("Of desired states the highest number wins, in whatever order they arrive; devices do not mix") func states() throws {
        let stage = try Stage.owned()
        let levels = (0..<5).map { stage.command("$('gauge').set(\($0))", as: .state) }
        let led = stage.command("$('led').on()", as: .state, sequence: levels[0].sequence)
        for index in [2, 0, 4, 1, 3, 4] { _ = stage.refusal(levels[index]) }
        #expect(stage.wires["gauge"] == 4)
        #expect(stage.refusal(levels[4]) == .replayed)
        #expect(stage.refusal(levels[3]) == .superseded)
        try stage.send(led)
        #expect(stage.wires["led"] == 1)
        // States and commands count apart: a command with a lower number than a state still comes through, once.
        #expect(stage.refusal(stage.command("$('led').off()", sequence: levels[0].sequence - 10)) == nil)
    }

    @Test("What does not exist or does not fit is answered by a signed receipt, and its number is spent") func outcomes() throws {
        let stage = try Stage.owned()
        for (call, outcome) in [
            ("$('lamp').on()", ControlNode.Outcome.noSuchDevice), ("$('led').blink()", .noSuchMethod),
            ("$('gauge').set(101)", .outOfRange),
            ("$('gauge').set()", .badArgument), ("$('gauge').set(1, 2)", .badArgument),
            ("$('gauge').set(5000000000)", .badArgument),
            ("$('gauge').fail()", .deviceFault), ("$('gauge').set(50)", .done),
        ] {
            let message = stage.command(call)
            #expect(try stage.send(message).outcome == outcome)
            #expect(stage.refusal(message) == .replayed)
        }
        let receipt = try stage.send(stage.command("$('gauge').set(51)"))
        #expect(receipt.value == .int(51))
        let refused = try stage.send(stage.command("$('gauge').set(-1)"))
        #expect(refused.expected?.least == 0 && refused.expected?.most == 100)
        let unknownState = stage.command("$('lamp').on()", as: .state)
        #expect(try stage.send(unknownState).outcome == .noSuchDevice)
        #expect(stage.refusal(unknownState) == .replayed)
    }

    @Test("A lock takes a fresh token; a token is good once, and only a valid signature uses it up") func tokens() throws {
        let stage = try Stage.owned()
        #expect(stage.refusal(stage.command("$('lock').open()")) == .tokenRequired)
        #expect(stage.refusal(stage.command("$('lock').open()", token: [1, 2, 3, 4, 5, 6, 7, 8])) == .tokenInvalid)
        let token = try stage.token()
        #expect(stage.refusal(stage.command("$('lock').open()", by: Cast.mallory, token: token)) == .badSignature)
        #expect(stage.wires["lock"] == 0)
        try stage.send(stage.command("$('lock').open()", token: token))
        #expect(stage.wires["lock"] == 1)
        #expect(stage.refusal(stage.command("$('lock').open()", token: token)) == .tokenInvalid)
        let lost = try stage.token()
        stage.reboot()
        #expect(stage.refusal(stage.command("$('lock').open()", token: lost)) == .tokenInvalid)
        let replaced = try stage.token()
        stage.clock.pass(seconds: 31)
        #expect(try stage.token() != replaced)
        #expect(stage.refusal(stage.command("$('lock').open()", token: replaced)) == .tokenInvalid)
    }

    @Test("A stranger who keeps asking for tokens does not take the owner's away") func tokenTheft() throws {
        let stage = try Stage.owned()
        let token = try stage.token()
        for _ in 0..<20 {
            stage.clock.pass(seconds: 1)
            #expect(try stage.token() == token)
        }
        try stage.send(stage.command("$('lock').open()", token: token))
        #expect(try stage.token() != token)
    }

    @Test("Strangers' signature checks are rationed, also when part of what they send is well signed") func rationing() throws {
        let stage = try Stage.owned()
        func forged() -> SignedMessage { stage.command(by: Cast.mallory) }
        stage.clock.pass(seconds: 60)
        for _ in 0..<16 { #expect(stage.refusal(forged()) == .badSignature) }
        #expect(stage.refusal(forged()) == .tooManyAttempts)
        #expect(stage.refusal(stage.command()) == .tooManyAttempts)
        // What needs no check is answered as ever.
        #expect(stage.refusal(stage.command(epoch: 9)) == .wrongEpoch)
        #expect(stage.refusal(stage.command(), wire: 1) == nil, "another wire is not impaired")
        stage.clock.microseconds += 500_000
        try stage.send(stage.command())
        stage.clock.microseconds += 500_000
        #expect(stage.refusal(forged()) == .badSignature)
        #expect(stage.refusal(forged()) == .badSignature)
        #expect(stage.refusal(forged()) == .tooManyAttempts)
        stage.clock.pass(seconds: 60)
        // A chain that Mallory signed throughout costs four checks and is paid as four.
        let scope = [Grant.Permission("led")]
        let root = stage.grant(scope, to: Cast.mallory, by: Cast.mallory) { $0.hops = 2 }
        var terms = Grant.Terms(holder: Cast.mallory.publicKey, scope: scope)
        terms.hops = 1
        let middle = root.passed(on: terms, holder: Cast.mallory)
        let leaf = middle.passed(on: .init(holder: Cast.mallory.publicKey, scope: scope), holder: Cast.mallory)
        for _ in 0..<4 { #expect(stage.refusal(stage.command(by: Cast.mallory, grant: leaf)) == .badSignature) }
        #expect(stage.refusal(stage.command(by: Cast.mallory, grant: leaf)) == .tooManyAttempts)
        #expect(stage.flash.find(leaf.id) == nil)
        // So is one that is refused for another reason than a signature.
        stage.clock.pass(seconds: 60)
        let short = stage.grant(scope, to: Cast.mallory, by: Cast.mallory)
        let longer = short.passed(on: .init(holder: Cast.mallory.publicKey, scope: scope), holder: Cast.mallory)
        for _ in 0..<16 { #expect(stage.refusal(stage.command(by: Cast.mallory, grant: longer)) == .grantInvalid) }
        #expect(stage.refusal(stage.command(by: Cast.mallory, grant: longer)) == .tooManyAttempts)
    }

    @Test("Turning the device off and on gives a stranger no more attempts than waiting would, for an hour after the last")
    func backoff()
        throws
    {
        let stage = try Stage.owned()
        func forged() -> SignedMessage { stage.command(by: Cast.mallory) }
        func attempts(wire: UInt8 = 0) -> Int {
            (0..<20).first { _ in stage.refusal(forged(), wire: wire) == .tooManyAttempts }!
        }
        stage.reboot()
        #expect(attempts() == 4, "a device begins with few")
        stage.poll()
        for _ in 0..<3 {
            stage.reboot()
            #expect(attempts() == 0 && attempts(wire: 1) == 4)
            stage.clock.microseconds += 500_000
            #expect(attempts() == 1)
            stage.clock.microseconds += 500_000
            try stage.send(stage.command())
        }
        stage.reboot()
        stage.pass(seconds: 3599)
        stage.reboot()
        #expect(attempts() == 0, "an hour is not over")
        stage.pass(seconds: 3600)
        #expect(attempts(wire: 0) == 16)
        stage.pass(seconds: 3600)
        stage.pass(seconds: 3600)
        stage.reboot()
        #expect(attempts() == 4 && attempts(wire: 1) == 4, "forgotten")
    }

    @Test("Strangers make the flash be written three times an hour at most, whatever they send and however often they reset it")
    func backoffWear() throws {
        let stage = try Stage.owned()
        let before = stage.flash.operations
        let log = stage.log
        var resets = 0
        for second in 0..<(3 * 3600) {
            for wire in UInt8(0)..<2 where stage.refusal(.command, [], wire: wire) != nil {
                _ = stage.refusal(stage.command(by: Cast.mallory), wire: wire)
                _ = stage.refusal(stage.command(by: Cast.mallory), wire: wire)
            }
            stage.pass(seconds: 1)
            if second % 11 == 10, second < 3600 || second > 2 * 3600 + 30 {
                stage.reboot()
                resets += 1
            }
        }
        #expect(resets > 500 && stage.log == log)
        // A record of 8 bytes in units of 4, its head and its check; changes of bank beside.
        #expect(stage.flash.operations - before <= 9 * 4, "\(stage.flash.operations - before) operations")
    }
}

@Suite("Time") struct TimeTests {
    @Test("While the time is unknown what has a time limit is refused; the owner's answer to a token tells it") func known()
        throws
    {
        let stage = try Stage.owned()
        let limited = stage.command("$('led').on()", expires: 2_000_000_100)
        #expect(stage.refusal(limited) == .timeUnknown)
        // The owner's word without a token raises the floor, but the time is not known by it.
        try stage.send(.time(stage.heading(), seconds: 1_999_999_000, token: nil, owner: Cast.alice))
        #expect(stage.status[15]?.bool == false)
        #expect(stage.refusal(stage.command(expires: 2_000_000_100)) == .timeUnknown)
        #expect(stage.refusal(stage.command(expires: 1_999_999_000)) == .expired)
        try stage.tellTime(2_000_000_000)
        #expect(stage.status[15]?.bool == true)
        try stage.send(stage.command(expires: 2_000_000_100))
        stage.pass(seconds: 100)
        #expect(stage.refusal(stage.command(expires: 2_000_000_100)) == .expired)
        stage.reboot()
        #expect(stage.refusal(stage.command(expires: 2_000_000_200)) == .timeUnknown)
        #expect(stage.refusal(stage.command(expires: 1_999_999_500)) == .expired, "the floor outlives the reboot")
    }

    @Test("A statement counts from when its token was issued: holding it back gains nothing") func heldBack() throws {
        let stage = try Stage.owned()
        let token = try stage.token()
        let statement = SignedMessage.time(stage.heading(), seconds: 2_000_000_000, token: token, owner: Cast.alice)
        stage.pass(seconds: 3600)
        try stage.send(statement)
        #expect(stage.refusal(stage.command(expires: 2_000_003_600)) == .expired, "up to an hour may have passed")
        #expect(stage.refusal(stage.command(expires: 2_000_003_700)) == nil)
    }

    @Test("Time never goes back, and a stranger's time counts for nothing") func floor() throws {
        let stage = try Stage.owned()
        try stage.tellTime(2_000_000_000)
        try stage.tellTime(1_000_000_000)
        #expect(stage.refusal(stage.command(expires: 1_500_000_000)) == .expired)
        let token = try stage.token()
        let forged = SignedMessage.time(stage.heading(), seconds: 3_000_000_000, token: token, owner: Cast.mallory)
        #expect(stage.refusal(forged) == .badSignature)
        #expect(stage.refusal(stage.command(expires: 2_500_000_000)) == nil)
        // A quarter of an hour of uptime is on flash without another word of the owner.
        stage.pass(seconds: 1000)
        stage.reboot()
        #expect(stage.refusal(stage.command(expires: 2_000_000_900)) == .expired)
        try stage.send(.release(stage.heading(), owner: Cast.alice))
        try stage.send(stage.bindMessage(to: Cast.bob))
        #expect(stage.refusal(stage.command(by: Cast.bob, expires: 2_000_000_900)) == .expired, "the floor outlives the owner")
    }
}
