// Clocks that are wrong: of this computer, of another with the same key, of an earlier day.
import Foundation
import HostedNode
import Keystore
import Reporting
import Testing
import Transport

@testable import ControlNode
@testable import HostCrypto
@testable import NodeProtocol

@Suite("Wrong clocks", .serialized) struct ClockTests {
    private let noticed = Noticed()
    /// Ten years, in microseconds.
    private static let decade: UInt64 = 315_360_000_000_000

    /// Another program of the same owner, whose clock is ahead by `offset`; its numbers are its own.
    private func other(_ stage: OwningTests.Stage, ahead offset: UInt64, _ name: String = "other") throws -> RemoteNode {
        let folder = try Home(stage.folder + "/" + name)
        if !folder.nodeBook.exists { try folder.nodeBook.write(try PrivateFile(stage.folder + "/owner/devices.json").read()) }
        let controller = Controller(
            key: stage.controller.key,
            sequence: SequenceClock(folder.file("sequence"), limits: ClockLimits(trusts: true)) {
                SequenceClock.systemTime() + offset
            },
            book: NodeBook(folder.nodeBook), log: try NodeLog(folder.nodeLog))
        return RemoteNode(stage.client, controller: noticed.listening(controller))
    }

    private func bound() async throws -> (OwningTests.Stage, RemoteNode) {
        let stage = try await OwningTests.Stage()
        try await stage.node.bind(label: stage.label)
        return (stage, RemoteNode(stage.client, controller: noticed.listening(stage.controller)))
    }

    @Test("A command signed in ten years by another computer is stepped over, told once, and raises no other node's numbers")
    func decadeAhead() async throws {
        let (stage, node) = try await bound()
        try await other(stage, ahead: Self.decade).`$`("led").on()
        let mark = try await node.status().highWater
        let receipt = try await node.`$`("led").off()
        #expect(receipt.outcome == .done && receipt.sequence > mark && receipt.sequence < mark + 1_000_000)
        #expect(noticed.take().filter { $0.contains("stepped over") }.count == 1)
        for method in ["on", "off", "on"] { try await node.perform(Call(device: "led", method: method)) }
        #expect(noticed.take().isEmpty && stage.hosted.isHigh("led"))
        #expect(try stage.controller.sequence.next() < SequenceClock.systemTime() + 60_000_000)
        // The next ownership begins without it.
        try await node.rotate(to: .generate())
        #expect(try stage.controller.book.node(stage.label.address)?.mark == nil)
    }

    @Test("A holder of a grant steps over as well, once: its home keeps the mark")
    func holder() async throws {
        let (stage, owner) = try await bound()
        let key = ControllerKey.generate()
        func holder(_ name: String, ahead offset: UInt64 = 0) throws -> RemoteNode {
            let home = try Home(stage.folder + "/" + name)
            let sequence = SequenceClock(home.file("sequence"), limits: ClockLimits(trusts: true)) {
                SequenceClock.systemTime() + offset
            }
            let controller = Controller(
                key: key, sequence: sequence, book: NodeBook(home.nodeBook), log: try NodeLog(home.nodeLog))
            return RemoteNode(stage.client, controller: noticed.listening(controller))
        }
        let terms = Grant.Terms(holder: key.publicKey, scope: [.init("led")])
        let grant = try await owner.grant(terms)
        let call = Call(device: "led", method: "toggle")
        try await holder("ahead", ahead: Self.decade).perform(call, under: grant)
        _ = noticed.take()
        try await holder("here").perform(call, under: grant)
        #expect(noticed.take().filter { $0.contains("stepped over") }.count == 1)
        // Another program in the same home.
        for _ in 0..<3 { try await holder("here").perform(call, under: grant) }
        #expect(noticed.take().isEmpty && stage.hosted.changes("led") == 5)
        #expect(try stage.controller.book.node(stage.label.address)?.mark == nil, "the owner's numbers are another's affair")
    }

    @Test("A desired state of ten years ahead is stepped over as well, by states and by commands")
    func stateAhead() async throws {
        let (stage, node) = try await bound()
        try await other(stage, ahead: Self.decade).send(Call(device: "dimmer", method: "set", arguments: [.int(9)]), as: .state)
        #expect(try await node.send(Call(device: "dimmer", method: "set", arguments: [.int(20)]), as: .state).outcome == .done)
        #expect(try await node.perform(Call(device: "dimmer", method: "set", arguments: [.int(30)])).outcome == .done)
        #expect(try await node.devices().first { $0.name == "dimmer" }?.state == .int(30))
    }

    @Test("Computers an hour apart take turns, and each command is carried out once")
    func hourApart() async throws {
        let (stage, node) = try await bound()
        for _ in 0..<4 {
            try await other(stage, ahead: 3_600_000_000).`$`("led").toggle()
            try await node.`$`("led").toggle()
        }
        #expect(stage.hosted.changes("led") == 8)
    }

    @Test("A mark near the last number is no dead end: the owner is told, and the recovery key has its own")
    func lastNumber() async throws {
        let stage = try await OwningTests.Stage()
        let recovery = SigningKey.generate()
        try await stage.node.bind(label: stage.label, recovery: recovery.publicKey)
        let known = try await stage.node.known()
        let last = SignedMessage.call(
            Call(device: "led", method: "on"), to: known.address, epoch: known.epoch, sequence: SignedMessage.maximumSequence,
            network: known.network, key: stage.controller.key.signing)
        _ = try await stage.node.transmit(last)
        await #expect { try await stage.node.`$`("led").off() } throws: { ($0 as? Failure)?.what.contains("used up") ?? false }
        try await stage.node.recover(with: recovery)
        #expect(try await stage.node.`$`("led").off().outcome == .done)
    }

    @Test("A time that was told wrong is corrected, and a clock far ahead of the node's time signs nothing")
    func nodeTime() async throws {
        let (stage, node) = try await bound()
        let ahead = Date(timeIntervalSinceNow: 315_360_000)
        try await node.setTime(ahead)
        try await node.setTime()
        let attestation = try await node.probe.attest(try await node.known().identity, network: 1)
        #expect(abs(Double(attestation.earliest ?? 0) - Date().timeIntervalSince1970) < 3600)
        var late = stage.controller
        late = Controller(
            key: late.key,
            sequence: SequenceClock(PrivateFile(stage.folder + "/late")) { SequenceClock.systemTime() + 40 * 86_400_000_000 },
            book: late.book, log: late.log)
        await #expect { try await RemoteNode(stage.client, controller: late).setTime() } throws: {
            ($0 as? Failure)?.remedy == .either([.advice("Set this computer's clock"), .trustClock])
        }
    }
}
