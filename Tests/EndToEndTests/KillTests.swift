// The real image killed at chosen instructions, again and again: what its owner finds afterwards, asked through the wire.
//
// LIGHTNODE_KILLS sets how many kills, LIGHTNODE_KILL repeats the one with that number.
import Emulation
import Foundation
import NodeEmulation
import SimulatedNOR
import Testing

@testable import ControlNode
@testable import HostCrypto
@testable import NodeProtocol

@Suite("Kills of the real image", .serialized)
struct KillTests {
    /// Everything about a kill follows from its number.
    struct Kill: CustomStringConvertible {
        let number: Int
        let scenario: Int
        private let random: (UInt64, UInt64, UInt64)

        init(_ number: Int) {
            var random = Random(seed: UInt64(number))
            self.number = number
            scenario = number % KillScenario.all.count
            self.random = (random.next(), random.next(), random.next())
        }

        /// One of the flash operations of the scenario, from 1.
        func operation(of count: Int) -> Int { 1 + Int(random.0 % UInt64(max(1, count))) }
        /// Half of the cuts leave the last operation half done.
        var tear: UInt64? { random.1 & 1 == 0 ? nil : random.1 }
        /// A third of them are followed by another one, at an operation of the recovery.
        var second: Int? { random.2 % 3 == 0 ? 1 + Int(random.2 >> 8 % 40) : nil }
        var description: String { "kill \(number) (LIGHTNODE_KILL=\(number)), \(KillScenario.all[scenario].name)" }
    }

    let scratch: Scratch
    let cutter: CutBoard

    init() throws {
        scratch = try Scratch()
        cutter = CutBoard(image: try checkedImage("microbit"), folder: scratch.url)
    }

    @Test("Whatever it was doing, a killed node has its old state or its new one, and obeys the one owner who has it")
    func kills() async throws {
        let environment = ProcessInfo.processInfo.environment
        let count = environment["LIGHTNODE_KILLS"].flatMap { Int($0) } ?? 50
        let numbers = environment["LIGHTNODE_KILL"].flatMap { Int($0) }.map { [$0] } ?? Array(0..<count)
        var prepared: [Int: (scenario: KillScenario.Prepared, operations: Int)] = [:]
        var kills = 0
        for kill in numbers.map({ Kill($0) }) {
            if prepared[kill.scenario] == nil {
                let scenario = try await KillScenario.all[kill.scenario].prepared()
                let whole = try cutter.run(CutBoard.flash(store: scenario.store), posting: scenario.posting)
                #expect(whole.isAnswered, "\(scenario.name): the node does not answer")
                #expect(whole.operations < 200, "\(scenario.name): what reads the flash is no operation of it")
                print("store.kills operations of \(scenario.name): \(whole.operations)")
                prepared[kill.scenario] = (scenario, whole.operations)
            }
            let (scenario, operations) = prepared[kill.scenario]!
            do {
                kills += try await play(kill, scenario, operations: operations)
            } catch { Issue.record("\(kill): \(error)") }
        }
        print("store.kills real image: \(kills)")
        #expect(kills >= numbers.count)
    }

    /// Returns how often the power was cut.
    private func play(_ kill: Kill, _ scenario: KillScenario.Prepared, operations: Int) async throws -> Int {
        let operation = kill.operation(of: operations)
        let cut = try cutter.run(CutBoard.flash(store: scenario.store), posting: scenario.posting, cutAfter: operation)
        var story = "\(kill): flash operation \(operation) of \(operations), instruction \(cut.instruction)"
        var flash = cut.flash, kills = 1
        if let tear = kill.tear {
            flash = cut.torn(seed: tear)
            story += ", torn"
        }
        if let second = kill.second {
            let again = try cutter.run(flash, posting: nil, cutAfter: second)
            flash = again.operations < second ? again.flash : again.torn(seed: UInt64(kill.number))
            story += ", then \(min(second, again.operations)) of the recovery"
            kills += 1
        }
        if ProcessInfo.processInfo.environment["LIGHTNODE_KILL"] != nil {
            print("\(story); the flash it leaves: \(sha512([UInt8](flash[Cut.store])).prefix(8).hex)")
        }
        try await examine(flash, scenario, isAcknowledged: cut.isAnswered, story)
        return kills
    }

    /// What its owner finds after the power has come back.
    private func examine(_ flash: Data, _ scenario: KillScenario.Prepared, isAcknowledged: Bool, _ story: String) async throws {
        let file = scratch.url.appendingPathComponent("flash-\(UInt32.random(in: 0 ... .max))")
        try flash.write(to: file)
        defer { for name in [file.path, file.path + ".lock"] { unlink(name) } }
        let node = try EmulatedNode(image: cutter.image, flashFile: file)
        let probe = NodeProbe(try await node.powerOn(timeout: 60))
        defer { node.emulated.close() }
        let status = try await probe.status()
        let (before, after) = (scenario.before, scenario.after)

        #expect(status.damaged == [] && status.state != .damaged, "\(story): damaged \(status.damaged)")
        let isOld = (status.state, status.epoch) == (before.state, before.epoch)
        let isNew = (status.state, status.epoch) == (after.state, after.epoch)
        #expect(isOld || isNew, "\(story): \(status.state) in epoch \(status.epoch)")
        if isAcknowledged { #expect(isNew, "\(story): what was acknowledged is lost") }
        if before.state != .blank { #expect(status.address == before.address, "\(story): another address") }
        if status.epoch == before.epoch { #expect(status.highWater >= before.highWater, "\(story): the mark went back") }
        // A change of ownership whose outcome was torn closes its page of 40 entries: the next one begins in the new epoch.
        let next = isNew && after.epoch > before.epoch ? (after.nextIndex / 40 + 1) * 40 : after.nextIndex
        #expect(
            (before.nextIndex...after.nextIndex).contains(status.nextIndex) || status.nextIndex == next,
            "\(story): log of \(status.nextIndex)")
        for message in scenario.spent.suffix(2) {
            #expect(try await refusal(of: Posting(message), probe) != nil, "\(story): a spent message is accepted")
        }
        // Its own entry is the last one; under a grant one that says who got the slot comes before it.
        let isUntouched =
            isOld && status.highWater == before.highWater
            && (status.nextIndex == before.nextIndex || status.nextIndex < after.nextIndex)
        let reason = try await refusal(of: scenario.posting, probe)
        if isUntouched {
            #expect(reason == nil, "\(story): nothing is left of it, yet it cannot be sent again: \(reason ?? "")")
        } else {
            #expect(reason != nil, "\(story): it is accepted twice")
        }
        try await expectOneOwner(probe, story)
        await node.disconnect()
    }

    /// Exactly one key commands the node; where there is none yet, the label makes it so.
    private func expectOneOwner(_ probe: NodeProbe, _ story: String) async throws {
        var status = try await probe.status()
        guard let identity = status.identity, let address = status.address else {
            Issue.record("\(story): no identity in \(status.state)")
            return
        }
        _ = try await probe.attest(identity, network: Cast.network)
        var sequence: UInt64 = 1_900_000_000_000_000
        if status.state == .unowned {
            let bind = SignedMessage.bind(
                address, owner: Cast.alice, epoch: status.epoch, sequence: sequence, network: Cast.network,
                claim: Cast.claim)
            #expect(try await refusal(of: Posting(bind), probe) == nil, "\(story): the label does not bind it")
            status = try await probe.status()
        }
        var obeyed: [String] = []
        for (name, key) in [("alice", Cast.alice), ("bob", Cast.bob), ("the claim key", Cast.claim)] {
            sequence += 1
            let command = SignedMessage.call(
                try Call(parsing: "$('led').off()"), to: address, epoch: status.epoch, sequence: sequence, network: Cast.network,
                key: key)
            if try await refusal(of: Posting(command), probe) == nil { obeyed.append(name) }
        }
        #expect(obeyed == ["alice"] || obeyed == ["bob"], "\(story): it obeys \(obeyed)")
        try await expectChain(probe, identity, from: status.nextIndex > 3 ? status.nextIndex - 3 : 0, story)
    }

    /// Every receipt is signed and continues the one before it.
    private func expectChain(_ probe: NodeProbe, _ identity: PublicKey, from first: UInt32, _ story: String) async throws {
        var receipts: [Receipt] = []
        var next = first
        while true {
            let items = try CBORItem.sequence(try await probe.get("history", query: ["from=\(next)"]))
            if items.isEmpty { break }
            for item in items {
                receipts.append(try Receipt(verifying: item, identity: identity, network: Cast.network))
                next = receipts.last!.index + 1
            }
        }
        #expect(!receipts.isEmpty, "\(story): no receipts")
        for (one, two) in zip(receipts, receipts.dropFirst()) {
            #expect(two.previous == one.chain, "\(story): receipt \(two.index) does not continue the chain")
        }
    }

    /// Nil when the node accepts it.
    private func refusal(of posting: Posting, _ probe: NodeProbe) async throws -> String? {
        do {
            _ = try await probe.post(posting.path, posting.body, contentFormat: posting.format)
            return nil
        } catch let refusal as Refusal { return refusal.reason }
    }
}
