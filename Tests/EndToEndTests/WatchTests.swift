// Events reach the control node live: a button pressed in QEMU, a temperature that changes, and the program that shows them.
import Emulation
import Foundation
import NodeEmulation
import NodeProtocol
import Testing

@Suite("Watching a node", .serialized)
struct WatchTests {
    let scratch: Scratch

    init() throws { scratch = try Scratch() }

    @Test("A button's press and release arrive in order, signed and numbered without a gap")
    func button() async throws {
        let (node, owner, _) = try await ownedNode("microbit", scratch)
        try node.emulated.setInput(pin: 17, high: true)
        try await Task.sleep(for: .milliseconds(300))
        let events = try await owner.happenings()
        let press = Task {
            // Long enough for the two samples to be told apart, too short to be held.
            try await Task.sleep(for: .milliseconds(500))
            try node.emulated.setInput(pin: 17, high: false)
            try await Task.sleep(for: .milliseconds(300))
            try node.emulated.setInput(pin: 17, high: true)
        }
        var seen: [Sample] = []
        for try await event in events {
            guard case .sample(let sample) = event else {
                Issue.record("\(event)")
                break
            }
            if sample.device == "button-a" { seen.append(sample) }
            if sample.device == "button-a", sample.event == nil, sample.value == .bool(false), seen.count >= 4 { break }
        }
        try await press.value
        let last = seen.suffix(4)
        #expect(last.map(\.event) == ["pressed", nil, "released", nil])
        #expect(last.map(\.value) == [.bool(true), .bool(true), .bool(false), .bool(false)])
        #expect(zip(last, last.dropFirst()).allSatisfy { $0.number < $1.number && $0.milliseconds <= $1.milliseconds })
        try await node.powerOff()
    }

    @Test("A temperature that changes on QEMU's own sensor is told without being asked for")
    func temperature() async throws {
        let stage = try await Stage("light-node", on: "mps2-an386", parts: ["-device", "tmp105,address=0x48,id=t1"])
        let events = try await stage.owner.happenings()
        try stage.node.emulated.execute(
            "qom-set", ["path": "/machine/peripheral/t1", "property": "temperature", "value": 31_000])
        var told = false
        for try await event in events {
            if case .sample(let sample) = event, sample.device == "thermometer", sample.value == .int(31_000) { told = true }
            if told { break }
        }
        #expect(told)
        try await stage.node.powerOff()
    }

    @Test("`nodes` lists methods with their ranges")
    func program() async throws {
        let bench = try Workbench()
        let program = bench.lightnode
        let node = try bench.emulate("microbit", "watched")
        #expect(try program.run(["provision"] + node).status == 0)
        let listed = try program.run(["devices", "lock"] + node)
        #expect(listed.status == 0 && listed.output.contains(".open(for:ms 100..60000=5000)"), "\(listed.output)\(listed.error)")
        let unknown = try program.run(["devices", "laser"] + node)
        #expect(unknown.status == 64 && unknown.error.contains("button-a"))
    }

    @Test("While one program watches a named board another commands it, and what happens is shown as it happens")
    func together() async throws {
        let bench = try Workbench()
        let program = bench.lightnode
        let node = try bench.emulate("microbit", "shared")
        let made = try program.run(["provision", "--json"] + node)
        let label = try #require(try made.json()["label"] as? String, "\(made.output)\(made.error)")
        #expect(try program.run(["bind", label] + node).status == 0)

        async let watched = onThread { try program.run(["watch", "lock", "--count", "2", "--json"] + node) }
        // Until somebody watches, what happens is nobody's.
        try await Task.sleep(for: .seconds(1))
        let sent = try await onThread { try program.run(["send", "$('lock').open(300)"] + node) }
        #expect(sent.status == 0, "\(sent.error)")
        let lines = try await watched.output.split(separator: "\n")
        #expect(lines.count == 2 && lines[0].contains(#""value":true"#), "\(lines)")
        #expect(lines.last?.contains(#""event":"relocked""#) == true, "\(lines)")
    }
}

/// Runs what blocks where it keeps no other test from running.
private func onThread<Result: Sendable>(_ work: @escaping @Sendable () throws -> Result) async throws -> Result {
    try await withCheckedThrowingContinuation { continuation in
        Thread.detachNewThread { continuation.resume(with: Swift.Result { try work() }) }
    }
}
