// The power fails at every flash operation of every operation of the executor, and again at every operation of the recovery. What is found
// afterwards is the old state or the new one, never a third; marks stand at least where they were acknowledged; and no receipt says "done"
// of what nobody knows.

import LightNode
import SimulatedNOR
import Testing
import Vocabulary

@testable import HostCrypto
@testable import NodeProtocol

@Suite("Power cuts") struct PowerCutTests {
    /// One operation: how to get there, what is sent, and which of the senders' keys and grants to try afterwards.
    struct Scenario: CustomTestStringConvertible, Sendable {
        let name: String
        var prepare: @Sendable (Stage) throws -> Void = { _ in }
        /// The message under test; nil for what is no signed message.
        var message: (@Sendable (Stage) throws -> SignedMessage)?
        var act: (@Sendable (Stage) throws -> Void)?
        /// The message has a token, which a power cut ends: it cannot be sent again, only signed again.
        var endsWithPower = false
        /// What the operation changes, beside condition, epoch and owner.
        var observe: @Sendable (Stage) -> [String] = { _ in [] }
        var testDescription: String { name }
    }

    /// What can be told of a device from outside, by trying on a copy.
    struct Observation: Equatable, CustomStringConvertible {
        var condition: Condition
        var epoch: UInt32
        var owner: String
        var more: [String]
        var description: String { "\(condition) epoch \(epoch) owner \(owner) \(more.joined(separator: " "))" }
    }

    static let owners: [(String, SigningKey)] = [("alice", Cast.alice), ("bob", Cast.bob), ("backup", Cast.backup)]

    static func observe(_ stage: Stage, _ scenario: Scenario) -> Observation {
        let copy = stage.copy()
        var owner = "none"
        for (name, key) in owners where copy.condition == .owned {
            if copy.refusal(copy.command("$('led').off()", by: key)) == nil {
                owner = owner == "none" ? name : owner + "+" + name
            }
        }
        return Observation(condition: stage.condition, epoch: stage.epoch, owner: owner, more: scenario.observe(stage))
    }

    /// How many uses of Alice's grant 1 the holder has left.
    static func usesLeft(_ stage: Stage) -> [String] {
        let copy = stage.copy()
        guard copy.condition == .owned else { return [] }
        let grant = copy.grant { $0.uses = 3 }
        for used in 0..<4 {
            if let reason = copy.refusal(copy.command("$('led').on()", by: Cast.holder, grant: grant)) {
                return ["\(3 - used) used, then \(reason)"]
            }
        }
        return ["unlimited"]
    }

    static func metered(_ stage: Stage) -> Grant { stage.grant { $0.meter = .init(tick: 10, ticks: 9) } }

    /// How many paid ticks the metered grant still has.
    static func ticksLeft(_ stage: Stage) -> [String] {
        let copy = stage.copy()
        guard copy.condition == .owned else { return [] }
        guard copy.refusal(copy.command("$('led').on()", by: Cast.holder, grant: metered(copy))) == nil else {
            return ["0 ticks"]
        }
        for tick in 1...10 {
            copy.pass(seconds: 10)
            if copy.wires["led"] == 0 { return ["\(tick) ticks"] }
        }
        return ["unlimited"]
    }

    static func recovers(_ stage: Stage) -> [String] {
        let copy = stage.copy()
        return ["recovery \(copy.refusal(.recover(copy.heading(), to: Cast.bob.publicKey, recovery: Cast.recovery)) == nil)"]
    }

    static func backups(_ stage: Stage) -> [String] {
        let copy = stage.copy()
        copy.pass(seconds: 1000)
        return ["backup \((try? copy.takeover()).map { copy.refusal($0) == nil } ?? false)"]
    }

    static func floor(_ stage: Stage) -> [String] {
        let copy = stage.copy()
        return ["floor \(copy.refusal(copy.command(expires: 1_500_000_000)).map { "\($0)" } ?? "")"]
    }

    static func own(_ stage: Stage) throws {
        _ = try stage.provision()
        try stage.send(stage.bindMessage())
    }

    @Sendable static func ownWithBackup(_ stage: Stage) throws {
        try own(stage)
        try stage.send(.backups(stage.heading(), [.init(key: Cast.backup.publicKey, silence: 60)], owner: Cast.alice))
    }

    @Sendable static func ownWithLog(entries: Int) -> @Sendable (Stage) throws -> Void {
        { stage in
            try own(stage)
            while stage.log < entries { try stage.send(stage.command("$('gauge').set(7)")) }
        }
    }

    /// Entries that a page of the log holds: found, not assumed.
    static let pageOfLog: Int = {
        let stage = try! Stage.owned()
        var writes = 0
        while true {
            let before = stage.flash.erases.reduce(0, +)
            try! stage.send(stage.command())
            writes += 1
            if stage.flash.erases.reduce(0, +) > before { return writes }
        }
    }()

    static let scenarios: [Scenario] = [
        Scenario(name: "provision", act: { _ = try $0.provision() }),
        Scenario(name: "bind", prepare: { _ = try $0.provision() }, message: { $0.bindMessage() }, observe: recovers),
        Scenario(name: "command", prepare: own, message: { $0.command("$('led').on()") }),
        Scenario(name: "state", prepare: own, message: { $0.command("$('gauge').set(5)", as: .state) }),
        Scenario(
            name: "command under a grant", prepare: own,
            message: { stage in stage.command(by: Cast.holder, grant: stage.grant { $0.uses = 3 }) }, observe: usesLeft),
        Scenario(
            name: "second command under a grant",
            prepare: { stage in
                try own(stage)
                try stage.send(stage.command(by: Cast.holder, grant: stage.grant { $0.uses = 3 }))
            }, message: { stage in stage.command("$('led').off()", by: Cast.holder, grant: stage.grant { $0.uses = 3 }) },
            observe: usesLeft),
        Scenario(
            name: "metered command",
            prepare: { stage in
                try own(stage)
                try stage.send(.tick(stage.heading(), grant: metered(stage).id, paid: 3, owner: Cast.alice))
            }, message: { $0.command(by: Cast.holder, grant: metered($0)) }, observe: ticksLeft),
        Scenario(name: "release", prepare: own, message: { try! $0.release() }),
        Scenario(
            name: "transfer", prepare: ownWithBackup,
            message: { try! $0.transfer(to: Cast.bob) },
            observe: { recovers($0) + backups($0) }),
        Scenario(
            name: "rotate", prepare: own, message: { try! $0.rotate(to: Cast.bob) },
            observe: recovers),
        Scenario(
            name: "recover", prepare: own, message: { .recover($0.heading(), to: Cast.bob.publicKey, recovery: Cast.recovery) }),
        Scenario(
            name: "backups", prepare: own,
            message: { .backups($0.heading(), [.init(key: Cast.backup.publicKey, silence: 60)], owner: Cast.alice) },
            observe: backups),
        Scenario(
            name: "takeover",
            prepare: {
                try ownWithBackup($0)
                $0.pass(seconds: 100)
            }, message: { try! $0.takeover() }, endsWithPower: true),
        Scenario(name: "physical reset", prepare: ownWithBackup, act: { try $0.physicalReset() }),
        Scenario(
            name: "revoke",
            prepare: { stage in
                try own(stage)
                try stage.send(stage.command(by: Cast.holder, grant: stage.grant { $0.uses = 3 }))
            }, message: { stage in .revoke(stage.heading(), grant: stage.grant { $0.uses = 3 }.id, owner: Cast.alice) },
            observe: usesLeft),
        Scenario(
            name: "tick", prepare: own, message: { .tick($0.heading(), grant: metered($0).id, paid: 2, owner: Cast.alice) },
            observe: ticksLeft),
        Scenario(
            name: "time", prepare: own, message: { .time($0.heading(), seconds: 2_000_000_000, token: nil, owner: Cast.alice) },
            observe: floor),
        Scenario(name: "page turn of the log", prepare: ownWithLog(entries: pageOfLog), message: { $0.command("$('led').on()") }),
        Scenario(
            name: "page turn under a grant",
            prepare: { stage in
                try own(stage)
                try stage.send(stage.command(by: Cast.holder, grant: stage.grant { $0.uses = 3 }))
                while stage.log < pageOfLog { try stage.send(stage.command("$('gauge').set(7)", as: .state)) }
            }, message: { stage in stage.command("$('led').off()", by: Cast.holder, grant: stage.grant { $0.uses = 3 }) },
            observe: usesLeft),
        Scenario(
            name: "page turn that overwrites the oldest", prepare: ownWithLog(entries: pageOfLog * 14),
            message: { $0.command("$('led').on()") }),
        Scenario(
            name: "transfer with a page turn", prepare: ownWithLog(entries: pageOfLog),
            message: { try! $0.transfer(to: Cast.bob) }),
        Scenario(
            name: "compaction of records",
            prepare: { stage in
                try own(stage)
                // Records until the next one no longer fits behind the others.
                while true {
                    let copy = stage.copy()
                    let erases = copy.flash.erases.reduce(0, +)
                    try copy.send(.backups(copy.heading(), [.init(key: Cast.backup.publicKey, silence: 60)], owner: Cast.alice))
                    if copy.flash.erases.reduce(0, +) > erases { break }
                    try stage.send(.backups(stage.heading(), [], owner: Cast.alice))
                }
            }, message: { .backups($0.heading(), [.init(key: Cast.backup.publicKey, silence: 60)], owner: Cast.alice) },
            observe: backups),
    ]

    @Test("A cut at any flash operation, and another during recovery, leaves the old state or the new one", arguments: scenarios)
    func cut(_ scenario: Scenario) throws {
        // Without randomness of its own the node gives the same tokens each time that it starts from the same flash.
        let stage = Stage(isTrueRandom: false)
        try scenario.prepare(stage)
        let before = Before(stage, try stage.condition == .blank ? [] : stage.history())
        let explorer = Explorer(scenario, stage, before)
        try explorer.run()
        print("store.cut_points executor, \(scenario.name): \(explorer.cuts)")
        #expect(explorer.cuts > 0)
    }

    /// What was acknowledged before the operation.
    struct Before {
        let mark: UInt64
        let receipts: [Receipt]
        init(_ stage: Stage, _ receipts: [Receipt]) { (mark, self.receipts) = (stage.highWater, receipts) }
    }

    final class Explorer {
        let scenario: Scenario
        let stage: Stage
        private var message: SignedMessage?
        let before: Before
        private(set) var cuts = 0
        private var allowed: [Observation] = []

        init(_ scenario: Scenario, _ stage: Stage, _ before: Before) {
            (self.scenario, self.stage, self.before) = (scenario, stage, before)
        }

        private func act() -> Bool {
            do {
                if let message { try stage.send(message) } else { try scenario.act!(stage) }
                return true
            } catch { return false }
        }

        func run() throws {
            let (start, uptime) = (stage.flash.snapshot, stage.clock.microseconds)
            func begin() {
                stage.flash.restore(start)
                stage.reboot()
                stage.clock.microseconds = uptime
            }
            begin()
            message = try scenario.message?(stage)
            let old = PowerCutTests.observe(stage, scenario)
            stage.flash.powerUp()
            #expect(act(), "it does not work without a cut either")
            let operations = stage.flash.operations
            stage.reboot()
            allowed = [old, PowerCutTests.observe(stage, scenario)]
            for cut in 0..<operations {
                for torn in [nil, 1, 2] as [UInt64?] {
                    begin()
                    stage.flash.powerUp(.cut(at: cut, torn: torn))
                    let moves = stage.wires.moves
                    let acknowledged = act()
                    let moved = stage.wires.moves != moves
                    cuts += 1
                    let after = stage.flash.snapshot
                    stage.reboot()
                    let recovery = stage.flash.operations
                    try check("cut \(cut)/\(operations) torn \(torn ?? 0)", moved: moved, acknowledged: acknowledged)
                    for second in 0..<(torn == 2 ? 0 : recovery) {
                        stage.flash.restore(after)
                        stage.reboot(.cut(at: second, torn: torn))
                        stage.reboot()
                        cuts += 1
                        try check(
                            "cut \(cut) torn \(torn ?? 0), then \(second) of the recovery", moved: moved,
                            acknowledged: acknowledged)
                    }
                }
            }
            #expect(stage.flash.violations.isEmpty)
        }

        private func check(_ what: String, moved: Bool, acknowledged: Bool) throws {
            let now = PowerCutTests.observe(stage, scenario)
            #expect(allowed.contains(now), "\(scenario.name), \(what): \(now), neither \(allowed[0]) nor \(allowed[1])")
            if acknowledged { #expect(now == allowed[1], "\(scenario.name), \(what): what was acknowledged is lost") }
            guard stage.condition == .owned || stage.condition == .unowned, !before.receipts.isEmpty || message != nil else {
                return
            }
            if now.epoch == allowed[0].epoch {
                #expect(stage.highWater >= before.mark, "\(scenario.name), \(what): the mark went back")
            }
            // Each receipt costs a signature, so the whole page is asked for only now and then.
            let depth: UInt32 = cuts % 16 == 0 ? 40 : 3
            let history = try stage.history(from: stage.log > depth ? stage.log - depth : 0)
            let entry = message.flatMap { message in history.last { $0.answers(message) } }
            ReceiptTests.expectSame(
                history.filter { receipt in before.receipts.contains { $0.index == receipt.index } }, before.receipts,
                "\(scenario.name), \(what)")
            for (one, next) in zip(history, history.dropFirst()) {
                #expect(next.previous == one.chain, "\(scenario.name), \(what): chain")
            }
            guard let message else { return }
            if moved { #expect(entry != nil, "\(scenario.name), \(what): it acted without a record") }
            if let entry, entry.outcome == .done, !acknowledged {
                // Only what can be seen to have happened counts as done.
                #expect(moved || now == allowed[1], "\(scenario.name), \(what): done, says the receipt, but nothing happened")
            }
            if entry != nil || now != allowed[0] {
                #expect(stage.copy().refusal(message) != nil, "\(scenario.name), \(what): it is accepted twice")
            } else if allowed[0] != allowed[1] || !moved {
                // Nothing is left of it, so that it can be sent again (a takeover signed again, after the silence has passed again).
                let copy = stage.copy()
                copy.pass(seconds: 1000)
                let again = scenario.endsWithPower ? try scenario.message!(copy) : message
                #expect(copy.refusal(again) == nil, "\(scenario.name), \(what): it is lost and cannot be sent again")
            }
        }
    }
}
