// Receipts and the log: what was signed fresh is what the log says later, whatever happened in between.

import LightNode
import SimulatedNOR
import Testing
import Vocabulary

@testable import NodeProtocol

@Suite("Receipts") struct ReceiptTests {
    /// What a receipt states, but for the message's hash: the log keeps eight bytes of it, which are in the entry.
    static func claims(_ receipt: Receipt) -> [String] {
        [
            "\(receipt.epoch)", "\(receipt.sequence)", receipt.subject.joined(separator: "."), "\(receipt.index)",
            receipt.previous.hex,
            "\(receipt.outcome)", receipt.value.map { "\($0)" } ?? "", receipt.entry.hex,
        ]
    }

    static func expectSame(_ history: [Receipt], _ fresh: [Receipt], _ what: String = "") {
        let byIndex = Dictionary(uniqueKeysWithValues: fresh.map { ($0.index, $0) })
        for receipt in history {
            // That a grant's slot was taken is told by the log alone.
            if receipt.type == .grant { continue }
            guard let was = byIndex[receipt.index] else {
                Issue.record("\(what): entry \(receipt.index) was never acknowledged")
                continue
            }
            #expect(claims(receipt) == claims(was), "\(what): entry \(receipt.index)")
            if receipt.grant != nil { #expect(receipt.grant == was.grant) }
        }
        for (one, next) in zip(history, history.dropFirst()) {
            #expect(next.previous == one.chain, "\(what): the chain breaks at \(next.index)")
        }
    }

    // R11
    @Test("The log tells what the fresh receipts told, across page turns, reboots and changes of ownership") func history() throws
    {
        let stage = try Stage.owned()
        var fresh = try stage.history()
        func keep(_ message: SignedMessage) throws { fresh.append(try stage.send(message)) }
        let lent = stage.grant([.init("led"), .init("gauge")])
        for round in 0..<40 {
            try keep(stage.command("$('gauge').set(\(round))"))
            try keep(stage.command("$('gauge').set(\(200))", as: .state))
            try keep(stage.command("$('led').on()", by: Cast.holder, grant: lent))
            if round % 7 == 0 { stage.reboot() }
        }
        Self.expectSame(try stage.history(), fresh, "one owner")
        try keep(stage.transfer(to: Cast.bob))
        for _ in 0..<5 { try keep(stage.command("$('led').toggle()", by: Cast.bob)) }
        try keep(stage.rotate(to: Cast.alice, by: Cast.bob))
        try keep(stage.release())
        stage.reboot()
        try keep(stage.bindMessage())
        for _ in 0..<50 { try keep(stage.command("$('led').toggle()")) }
        let history = try stage.history()
        Self.expectSame(history, fresh, "several owners")
        #expect(Set(history.map(\.epoch)).count >= 4)
        // From any entry on, the same answer.
        for first in stride(from: history.first!.index, to: history.last!.index, by: 17) {
            let part = try stage.history(from: first)
            #expect(part.map(Self.claims) == history.filter { $0.index >= first }.map(Self.claims))
        }
        #expect(try stage.history(from: history.last!.index + 1).isEmpty)
    }

    @Test("When the ring is full the oldest entries go; what remains verifies, and the gap shows") func gap() throws {
        let stage = try Stage.owned(Stage.part(pages: 5))
        var fresh = try stage.history()
        for _ in 0..<300 { fresh.append(try stage.send(stage.command("$('led').toggle()"))) }
        for _ in 0..<2 {
            let history = try stage.history()
            #expect(history.first!.index > 0 && history.last!.index == fresh.last!.index)
            #expect(history.map(\.lostFrom) == [0] + Array(repeating: nil, count: history.count - 1))
            #expect(try stage.history(from: 7).first?.lostFrom == 7)
            #expect(try stage.history(from: history[5].index).first?.lostFrom == nil)
            Self.expectSame(history, fresh)
            stage.reboot()
        }
    }

    @Test("A damaged entry takes the rest of its page with it, and no receipt lies about the chain") func damagedEntry() throws {
        let stage = try Stage.owned()
        var fresh = try stage.history()
        var place = 0
        for number in 0..<100 {
            let before = stage.flash.bytes
            fresh.append(try stage.send(stage.command("$('led').toggle()")))
            if number == 10 { place = before.indices.first { before[$0] != stage.flash.bytes[$0] }! & ~3 }
        }
        stage.flash.flip(bit: place * 8 + 1)
        stage.flash.flip(bit: place * 8 + 22)
        stage.reboot()
        #expect(stage.condition == .owned)
        let history = try stage.history()
        #expect(history.count < fresh.count && history.count > fresh.count / 2)
        let claims = Set(fresh.map(Self.claims))
        #expect(history.allSatisfy { claims.contains(Self.claims($0)) })
        // The receipt behind the loss, and it alone, is signed to say what was lost.
        for (before, after) in zip(history, history.dropFirst()) {
            #expect(after.lostFrom == (after.index == before.index + 1 ? nil : before.index + 1))
        }
        #expect(history.compactMap(\.lostFrom).count == 1)
    }

    @Test("Every damaged record makes the device say so; it never takes itself for blank or ownerless") func damage() throws {
        let stage = try Stage.owned()
        for _ in 0..<3 { try stage.send(stage.command("$('led').toggle()", by: Cast.holder, grant: stage.grant())) }
        let whole = stage.flash.snapshot
        let (epoch, mark) = (stage.epoch, stage.highWater)
        var found: [String: Int] = [:]
        // Two bits of one word in each word of the records and of the journal that has something in it.
        for word in stride(from: 0, to: stage.flash.bytes.count, by: 4) {
            stage.flash.restore(whole)
            guard stage.flash.bytes[word..<(word + 4)].contains(where: { $0 != 0xFF }) else { continue }
            stage.flash.flip(bit: word * 8 + 1)
            stage.flash.flip(bit: word * 8 + 22)
            stage.reboot()
            switch stage.condition {
            case .damaged: for name in stage.damaged { found[name, default: 0] += 1 }
            case .owned: #expect(stage.epoch == epoch && stage.highWater == mark, "word \(word) is silently wrong")
            default: Issue.record("word \(word) damaged: the device is \(stage.condition)")
            }
            if stage.condition == .damaged {
                #expect(stage.refusal(stage.command(epoch: epoch)) == .damaged)
                #expect(throws: Reason.damaged) { try stage.provision() }
                #expect(throws: Reason.wrongState) { try stage.physicalReset() }
            }
        }
        for name in ["device", "identity", "ownership", "log", "grants"] {
            #expect(found[name, default: 0] > 0, "\(name) was never reported")
        }
    }

    @Test("Every single flipped bit of a populated store is put right: the same owner, epoch, mark and log") func singleFlips()
        throws
    {
        // A part of six pages, so that each bit of it can be tried: records, and a log that has gone round.
        let stage = try Stage.owned(Stage.part(pages: 6))
        for _ in 0..<150 { try stage.send(stage.command("$('led').toggle()")) }
        try stage.send(stage.command("$('led').on()", by: Cast.holder, grant: stage.grant()))
        stage.reboot()
        let (whole, lasting) = (stage.flash.snapshot, stage.lasting)
        for bit in 0..<(stage.flash.bytes.count * 8) {
            stage.flash.restore(whole)
            stage.flash.flip(bit: bit)
            stage.reboot()
            guard stage.lasting == lasting else {
                Issue.record("bit \(bit): \(stage.lasting), not \(lasting)")
                continue
            }
            // Whom it obeys costs a signature, so it is asked now and then.
            if bit % 32 == 7 {
                #expect(stage.refusal(stage.command(by: Cast.mallory)) == .badSignature, "bit \(bit)")
                #expect(stage.refusal(stage.command()) == nil, "bit \(bit)")
            }
        }
        print("store.bit_flips executor: \(stage.flash.bytes.count * 8)")
    }

    // R16
    @Test("A store as full as it can be still takes every change") func fullStore() throws {
        let stage = try Stage.owned()
        let three = (20..<23).map { Backup(key: Cast.key(UInt8($0)).publicKey, silence: 1000) }
        try stage.send(.backups(stage.heading(), three, owner: Cast.alice))
        try stage.tellTime(2_000_000_000)
        for id in 1...8 { try stage.send(stage.command("$('led').on()", by: Cast.holder, grant: stage.grant(salt: UInt8(id)))) }
        for name in ["led", "gauge"] {
            try stage.send(stage.command(name == "led" ? "$('led').on()" : "$('gauge').set(1)", as: .state))
        }
        for _ in 0..<100 {
            try stage.send(stage.command("$('led').toggle()"))
            for id in 1...8 {
                try stage.send(stage.command("$('led').toggle()", by: Cast.holder, grant: stage.grant(salt: UInt8(id))))
            }
            stage.pass(seconds: 1000)
        }
        #expect(stage.flash.violations.isEmpty)
        stage.reboot()
        #expect(stage.condition == .owned)
    }
}
