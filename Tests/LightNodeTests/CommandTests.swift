// Commands and desired states: exactly once, newest wins, fresh where demanded, in time.

import LightNode
import SimulatedNOR
import Testing

@testable import HostCrypto
@testable import NodeProtocol

@Suite("Commands") struct CommandTests {
    // R8, R9
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

    // R9
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

    // R8
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
        #expect(stage.refusal(stage.command("$('led').off()", sequence: led.sequence - 10)) == .superseded)
    }

    @Test("What is newer wins on a device, command or state, in whatever order they arrive") func newest() throws {
        let stage = try Stage.owned()
        let kept = stage.command("$('led').on()", as: .state)
        let command = stage.command("$('led').off()")
        try stage.send(command)
        for _ in 0..<2 {
            #expect(stage.refusal(kept) == .superseded, "a state that a bridge has held back is no newer word")
            stage.reboot()
        }
        let state = stage.command("$('led').on()", as: .state, sequence: stage.sequence + 10)
        try stage.send(state)
        #expect(stage.refusal(stage.command("$('led').off()", sequence: state.sequence - 1)) == .superseded)
        #expect(stage.refusal(stage.command("$('gauge').set(3)", sequence: state.sequence - 1)) == nil, "devices do not mix")
        for turn in 0..<80 {
            try stage.send(stage.command("$('gauge').set(\(turn))", sequence: state.sequence + 1 + UInt64(turn)))
        }
        stage.reboot()
        #expect(stage.refusal(kept) == .superseded && stage.refusal(state) == .replayed, "across page turns of the log")
    }

    @Test("What does not exist or does not fit is answered by a signed receipt, and its number is spent") func outcomes() throws {
        let stage = try Stage.owned()
        for (call, outcome) in [
            ("$('lamp').on()", NodeProtocol.Outcome.noSuchDevice), ("$('led').blink()", .noSuchMethod),
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

    // R9
    @Test("A lock takes a token that is its signer's, and thirty seconds old at most by the node's own clock") func tokens()
        throws
    {
        let stage = try Stage.owned()
        func open(_ token: [UInt8]?, by key: SigningKey = Cast.alice) -> SignedMessage {
            stage.command("$('lock').open(100)", by: key, token: token)
        }
        #expect(stage.refusal(open(nil)) == .tokenRequired)
        #expect(stage.refusal(open([UInt8](repeating: 7, count: 12))) == .tokenInvalid)
        let token = try stage.token()
        #expect(stage.refusal(open(token, by: Cast.mallory)) == .badSignature)
        #expect(stage.refusal(open(try stage.token(for: Cast.mallory))) == .tokenInvalid, "another's token")
        #expect(stage.wires["lock"] == 0)
        stage.pass(seconds: 30)
        let first = open(token)
        try stage.send(first)
        #expect(stage.wires["lock"] == 1)
        #expect(stage.refusal(first) == .replayed, "a message is carried out once whatever its token")
        stage.pass(seconds: 1)
        #expect(stage.refusal(open(token)) == .tokenInvalid)
        let lost = try stage.token()
        stage.reboot()
        #expect(stage.refusal(open(lost)) == .tokenInvalid)
    }

    @Test(
        "An unlock that a bridge holds back for ten minutes, or for as long as the uptime's 32 bits take to come round, opens nothing"
    )
    func heldBackUnlock() throws {
        for seconds: UInt64 in [31, 606, 1500, 4_294_967, 4_294_968, 4_294_980] {
            let stage = try Stage.owned()
            let unlock = stage.command("$('lock').open(60000)", token: try stage.token())
            stage.pass(seconds: seconds)
            #expect(stage.refusal(unlock) == .tokenInvalid, "after \(seconds) s")
            #expect(stage.wires["lock"] == 0)
        }
    }

    @Test("Where freshness is demanded a far expiry is no proof of it; the owner's own word on the time is, with a token")
    func farExpiry() throws {
        let stage = try Stage.owned()
        try stage.tellTime(2_000_000_000)
        let lent = stage.grant([.init("lock")])
        for key in [Cast.alice, Cast.holder] {
            let grant = key.publicKey == Cast.holder.publicKey ? lent : nil
            #expect(
                stage.refusal(stage.command("$('lock').open(100)", by: key, expires: 2_060_000_000, grant: grant))
                    == .tokenRequired)
            #expect(
                stage.refusal(stage.command("$('lock').open(100)", by: key, expires: 2_000_000_031, grant: grant))
                    == .tokenRequired)
            try stage.send(stage.command("$('lock').open(100)", by: key, expires: 2_000_000_030, grant: grant))
        }
        // A statement without a token moves the time ahead by a day at most. An expiry beyond it is no fresher for that.
        try stage.send(.time(stage.heading(), seconds: 2_000_080_000, token: nil, owner: Cast.alice))
        #expect(stage.refusal(stage.command("$('lock').open(100)", expires: 2_000_080_030)) == .tokenRequired)
        // A node that does not know the time: with a token its owner's statement bounds the present there and then.
        stage.reboot()
        let token = try stage.token()
        stage.pass(seconds: 10)
        #expect(
            stage.refusal(stage.command("$('lock').open(100)", token: token, expires: 2_000_100_010, time: 2_000_100_000))
                == .expired)
        try stage.send(stage.command("$('lock').open(100)", token: token, expires: 2_000_100_011, time: 2_000_100_000))
    }

    @Test("A token that this power-on has not given is worth nothing, before its first and after")
    func forgedToken() throws {
        let stage = try Stage.owned()
        stage.pass(seconds: 5)
        /// As the node would make it if its secret were `secret`, a second ago.
        func forged(_ secret: [UInt8]) -> [UInt8] {
            let milliseconds = UInt64(4_000)
            let uptime = (0..<8).map { UInt8(truncatingIfNeeded: milliseconds >> (8 * UInt64($0))) }
            return Array(uptime.prefix(4) + sha512(secret + Cast.alice.publicKey.bytes.prefix(8) + uptime).prefix(8))
        }
        let zeros = [UInt8](repeating: 0, count: 32)
        #expect(stage.refusal(stage.command("$('lock').open()", token: forged(zeros))) == .tokenInvalid)
        let token = try stage.token()
        #expect(stage.refusal(stage.command("$('lock').open()", token: forged(zeros))) == .tokenInvalid)
        // The forger's arithmetic is right: with the node's secret it would do.
        try stage.send(stage.command("$('lock').open()", token: forged(stage.secretOfTokens)))
        stage.reboot()
        stage.pass(seconds: 5)
        #expect(stage.refusal(stage.command("$('lock').open()", token: token)) == .tokenInvalid)
    }

    @Test("A stranger who keeps asking for tokens does not take the owner's away, and writes nothing") func tokenTheft() throws {
        let stage = try Stage.owned()
        let token = try stage.token()
        let operations = stage.flash.operations
        for _ in 0..<20 {
            stage.clock.pass(seconds: 1)
            _ = try stage.token(for: Cast.mallory)
        }
        #expect(stage.flash.operations == operations)
        try stage.send(stage.command("$('lock').open()", token: token))
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
        #expect(stage.refusal(stage.command(), wire: .usb) == nil, "another wire is not impaired")
        stage.clock.microseconds += 500_000
        try stage.send(stage.command())
        stage.clock.microseconds += 500_000
        #expect(stage.refusal(forged()) == .badSignature)
        #expect(stage.refusal(forged()) == .badSignature)
        #expect(stage.refusal(forged()) == .tooManyAttempts)
        stage.clock.pass(seconds: 60)
        // A chain that Mallory signed throughout costs four checks, and must find all four before the first is done.
        let scope = [Grant.Permission("led")]
        let root = stage.grant(scope, to: Cast.mallory, by: Cast.mallory) { ($0.hops, $0.expires) = (2, 4_000_000_000) }
        var terms = Grant.Terms(holder: Cast.mallory.publicKey, scope: scope)
        terms.hops = 1
        let middle = root.passed(on: terms, holder: Cast.mallory)
        let leaf = middle.passed(on: .init(holder: Cast.mallory.publicKey, scope: scope), holder: Cast.mallory)
        try stage.tellTime(2_000_000_000)
        stage.clock.pass(seconds: 60)
        #expect(stage.refusal(forged()) == .badSignature)
        for _ in 0..<3 { #expect(stage.refusal(stage.command(by: Cast.mallory, grant: leaf)) == .badSignature) }
        #expect(stage.refusal(stage.command(by: Cast.mallory, grant: leaf)) == .tooManyAttempts, "three are left, four it takes")
        for _ in 0..<3 { #expect(stage.refusal(forged()) == .badSignature) }
        #expect(stage.refusal(forged()) == .tooManyAttempts)
        #expect(stage.flash.find(leaf.id) == nil)
        // What is refused by its form costs no check.
        let short = stage.grant(scope, to: Cast.mallory, by: Cast.mallory)
        let longer = short.passed(on: .init(holder: Cast.mallory.publicKey, scope: scope), holder: Cast.mallory)
        for _ in 0..<40 { #expect(stage.refusal(stage.command(by: Cast.mallory, grant: longer)) == .grantInvalid) }
    }

    @Test("Signatures that anybody may ask for are rationed on each wire; the history comes in parts") func signing() throws {
        let stage = try Stage.owned()
        for _ in 0..<60 { try stage.send(stage.command("$('led').toggle()")) }
        let nonce = [UInt8](repeating: 1, count: 16)
        for _ in 0..<32 { _ = try stage.attest(nonce) }
        #expect(throws: Reason.tooManyAttempts) { try stage.attest(nonce) }
        try stage.send(stage.command("$('led').toggle()"))
        stage.clock.pass(seconds: 1)
        for _ in 0..<3 { _ = try stage.attest(nonce) }
        #expect(throws: Reason.tooManyAttempts) { try stage.attest(nonce) }
    }

    @Test("Turning the device off and on gives a stranger no more attempts than waiting would, for an hour after the last")
    func backoff()
        throws
    {
        let stage = try Stage.owned()
        func forged() -> SignedMessage { stage.command(by: Cast.mallory) }
        func attempts(wire: WireNumber = .serial) -> Int {
            (0..<20).first { _ in stage.refusal(forged(), wire: wire) == .tooManyAttempts }!
        }
        stage.reboot()
        #expect(attempts() == 4, "a device begins with few")
        stage.poll()
        for _ in 0..<3 {
            stage.reboot()
            #expect(attempts() == 0 && attempts(wire: .usb) == 4)
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
        #expect(attempts(wire: .serial) == 16)
        stage.pass(seconds: 3600)
        stage.pass(seconds: 3600)
        stage.reboot()
        #expect(attempts() == 4 && attempts(wire: .usb) == 4, "forgotten")
    }

    @Test("Strangers make the flash be written three times an hour at most, whatever they send and however often they reset it")
    func backoffWear() throws {
        let stage = try Stage.owned()
        let before = stage.flash.operations
        let log = stage.log
        var resets = 0
        for second in 0..<(3 * 3600) {
            for wire in [WireNumber.serial, .usb] where stage.refusal(.command, [], wire: wire) != nil {
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
    // R10
    @Test("While the time is unknown what has a time limit is refused; the owner's answer to a token tells it") func known()
        throws
    {
        let stage = try Stage.owned()
        let limited = stage.command("$('led').on()", expires: 2_000_000_100)
        #expect(stage.refusal(limited) == .timeUnknown)
        // The owner's word without a token may be old, or wrong: where nothing else is known it tells nothing.
        let told = try stage.send(.time(stage.heading(), seconds: 1_999_999_000, token: nil, owner: Cast.alice))
        #expect(told.outcome == .timeKept && stage.status[15]?.bool == false)
        #expect(stage.refusal(stage.command(expires: 1_999_999_000)) == .timeUnknown)
        try stage.tellTime(2_000_000_000)
        #expect(stage.status[15]?.bool == true)
        try stage.send(stage.command(expires: 2_000_000_100))
        stage.pass(seconds: 100)
        #expect(stage.refusal(stage.command(expires: 2_000_000_100)) == .expired)
        stage.reboot()
        #expect(stage.refusal(stage.command(expires: 2_000_000_200)) == .timeUnknown)
        #expect(stage.refusal(stage.command(expires: 1_999_999_500)) == .expired, "the floor outlives the reboot")
    }

    // R10
    @Test("A statement counts from when its token was issued: holding it back gains nothing") func heldBack() throws {
        let stage = try Stage.owned()
        let token = try stage.token()
        let statement = SignedMessage.time(stage.heading(), seconds: 2_000_000_000, token: token, owner: Cast.alice)
        stage.pass(seconds: 30)
        try stage.send(statement)
        #expect(stage.refusal(stage.command(expires: 2_000_000_030)) == .expired, "half a minute may have passed")
        #expect(stage.refusal(stage.command(expires: 2_000_000_031)) == nil)
        let late = SignedMessage.time(stage.heading(), seconds: 2_100_000_000, token: token, owner: Cast.alice)
        stage.pass(seconds: 1)
        #expect(stage.refusal(late) == .tokenInvalid)
    }

    @Test("Without a token a statement moves the time by a day at most, however often it is made") func boundedStep() throws {
        let stage = try Stage.owned()
        try stage.tellTime(2_000_000_000)
        func state(_ seconds: UInt64) throws -> NodeProtocol.Outcome {
            try stage.send(.time(stage.heading(), seconds: seconds, token: nil, owner: Cast.alice)).outcome
        }
        #expect(try state(2_000_086_401) == .timeKept)
        #expect(try state(2_000_086_400) == .done)
        for _ in 0..<5 { #expect(try state(2_000_086_401) == .timeKept) }
        #expect(try state(1_000_000_000) == .timeKept, "nor back")
        #expect(stage.refusal(stage.command(expires: 2_000_086_400)) == .expired)
        try stage.send(stage.command(expires: 2_000_200_000, time: 3_000_000_000))
        #expect(stage.refusal(stage.command(expires: 2_000_200_000)) == nil, "as little as in a command")
    }

    @Test("An owner repairs a wrong time while nothing depends on it; with a grant that ends it is told that the time is held")
    func repair() throws {
        let stage = try Stage.owned()
        try stage.tellTime(1 << 40 - 1)
        #expect(stage.refusal(stage.command(expires: 2_000_000_100)) == .expired)
        try stage.tellTime(2_000_000_000)
        try stage.send(stage.command(expires: 2_000_000_100))
        stage.reboot()
        #expect(stage.refusal(stage.command(expires: 2_000_000_000)) == .expired, "the repair is on flash")
        #expect(stage.refusal(stage.command(expires: 2_000_000_100)) == .timeUnknown)
        try stage.tellTime(2_000_000_000)
        let lent = stage.grant { $0.expires = 2_000_001_000 }
        try stage.send(stage.command(by: Cast.holder, grant: lent))
        let back = SignedMessage.time(stage.heading(), seconds: 1_900_000_000, token: try stage.token(), owner: Cast.alice)
        #expect(try stage.send(back).outcome == .timeHeld)
        stage.pass(seconds: 2000)
        #expect(stage.refusal(stage.command(by: Cast.holder, grant: lent)) == .expired)
        // Nor after another grant has taken its place, or its uses would come back.
        for salt in 2...9 { try stage.send(stage.command(by: Cast.holder, grant: stage.grant(salt: UInt8(salt)))) }
        for _ in 0..<2 {
            let again = SignedMessage.time(stage.heading(), seconds: 1_900_000_000, token: try stage.token(), owner: Cast.alice)
            _ = try stage.send(again).outcome
            #expect(stage.refusal(stage.command(by: Cast.holder, grant: lent)) != nil)
            stage.reboot()
        }
    }

    @Test("A stranger's time counts for nothing, and no owner's outlives its ownership") func floor() throws {
        let stage = try Stage.owned()
        try stage.tellTime(2_000_000_000)
        let forged = SignedMessage.time(
            stage.heading(), seconds: 3_000_000_000, token: try stage.token(), owner: Cast.mallory)
        #expect(stage.refusal(forged) == .badSignature)
        #expect(stage.refusal(stage.command(expires: 2_500_000_000)) == nil)
        // A quarter of an hour of uptime is on flash without another word of the owner.
        stage.pass(seconds: 1000)
        stage.reboot()
        #expect(stage.refusal(stage.command(expires: 2_000_000_900)) == .expired)
        // A seller's far statement kills no right of the buyer's.
        try stage.tellTime(1 << 40 - 1)
        try stage.send(stage.transfer(to: Cast.bob))
        for _ in 0..<2 {
            #expect(stage.refusal(stage.command(by: Cast.bob, expires: 2_000_000_900)) == .timeUnknown)
            try stage.tellTime(2_000_000_000, by: Cast.bob)
            try stage.send(stage.command(by: Cast.bob, expires: 2_000_000_900))
            #expect(try stage.attestation().epoch == stage.epoch)
            stage.reboot()
        }
    }
}
