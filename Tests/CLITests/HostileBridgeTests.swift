// Each command of the program behind a bridge that may replace every answer that the node has not signed.
import Foundation
import HostedNode
import Synchronization
import Testing

@testable import NodeProtocol
@testable import lightnode

@Suite("Each command behind a hostile bridge", .serialized)
struct HostileBridgeTests {
    /// Words of the program's commands that have no subcommands, as its own parser has them, and whether they take --node.
    static func commands() throws -> [String: Bool] {
        struct Dump: Decodable {
            struct Name: Decodable { let name: String }
            struct Argument: Decodable { let names: [Name]? }
            struct Command: Decodable {
                let commandName: String
                let arguments: [Argument]?
                let subcommands: [Command]?
            }
            let command: Command
        }
        let dump = try JSONDecoder().decode(Dump.self, from: Data(Lightnode._dumpHelp().utf8))
        var found: [String: Bool] = [:]
        func walk(_ command: Dump.Command, _ words: [String]) {
            let below = (command.subcommands ?? []).filter { $0.commandName != "help" }
            for next in below { walk(next, words + [next.commandName]) }
            guard below.isEmpty else { return }
            found[words.joined(separator: " ")] = (command.arguments ?? []).contains {
                $0.names?.contains { $0.name == "node" } ?? false
            }
        }
        walk(dump.command, [])
        return found
    }

    @Test("Every command of the parser is tried here, or known to speak to no node")
    func complete() throws {
        let tried = Set(try HostileStage().cases.map(\.command)).union(HostileStage.apart)
        let commands = try Self.commands()
        #expect(tried.union(HostileStage.withoutNode) == Set(commands.keys))
        #expect(tried.isDisjoint(with: HostileStage.withoutNode))
        // These take --node for a chip.
        #expect(Set(commands.filter(\.value).keys).subtracting(tried) == ["flash write", "flash read", "reset", "debug"])
    }

    /// Runs `count` things, three at a time, away from the threads that the tests' own tasks need.
    static func each(_ count: Int, _ body: @escaping @Sendable (Int) throws -> [String]) async -> [String] {
        await withCheckedContinuation { continuation in
            DispatchQueue.global().async {
                let next = Mutex(0)
                let found = Mutex<[String]>([])
                DispatchQueue.concurrentPerform(iterations: 3) { _ in
                    while case let index = next.withLock({
                        $0 += 1; return $0 - 1
                    }), index < count {
                        let new: [String]
                        do { new = try body(index) } catch { new = ["\(index): \(error)"] }
                        found.withLock { $0 += new }
                    }
                }
                continuation.resume(returning: found.withLock { $0 })
            }
        }
    }

    /// Faults, and the exchanges that they meet: in `make soak` all, otherwise some of them, others for each command.
    private static func plans(_ number: Int, _ exchanges: Int) -> [(HostileBridge.Fault, HostileBridge.Place)] {
        let faults = HostileBridge.Fault.all
        if ProcessInfo.processInfo.environment["LIGHTNODE_HOSTILE"] == "all" {
            return faults.flatMap { fault in (0..<exchanges).flatMap { allPlans(fault, $0) } }
        }
        return faults.enumerated().compactMap { offset, fault in
            let place = (number + offset) % exchanges
            if case .refuse(let reason, let delivers) = fault {
                // Of refusals some for each command, whose answers after the message are met as well.
                guard reason != .tooManyAttempts, (offset / 2 + number) % 8 == 0 else { return nil }
                return (fault, delivers ? .only(exchanges - 1 - offset / 16 % exchanges) : .from(place))
            }
            return (fault, (number + offset) % 3 == 0 ? .from(place) : .only(place))
        }
    }

    private static func allPlans(
        _ fault: HostileBridge.Fault, _ place: Int
    ) -> [(HostileBridge.Fault, HostileBridge.Place)] {
        guard case .refuse(let reason, let delivers) = fault else { return [(fault, .only(place)), (fault, .from(place))] }
        // A bridge that refuses for want of attempts for ever is waited for, for a minute each time.
        return [(fault, delivers || reason == .tooManyAttempts ? .only(place) : .from(place))]
    }

    @Test("Whatever a bridge puts in an answer's place, no command says what is not so, nor prints what a terminal obeys")
    func noFalseStatement() async throws {
        let stage = try HostileStage()
        let cases = stage.cases
        let found = await Self.each(cases.count) { number in
            let command = cases[number]
            var found: [String] = []
            func run(_ bridge: HostileBridge, _ json: Bool, _ what: String) throws -> HostileRun {
                let run = try HostileRun(command, stage, json: json) { bridge.pass($0, $1) }
                found += run.falsehoods.map {
                    "\(command.name), \(what)\(json ? ", as JSON" : ""): \($0)\n\(run.result.output)\(run.result.error)"
                }
                return run
            }
            let honest = HostileBridge()
            let usual = try run(honest, number % 2 == 0, "undisturbed")
            if usual.result.status != 0 { found.append("\(command.name), undisturbed: \(usual.result)") }
            for (offset, plan) in Self.plans(number, max(1, honest.count)).enumerated() {
                let bridge = HostileBridge(plan.0, at: plan.1, old: stage.old, other: stage.other)
                _ = try run(bridge, (number + offset) % 2 == 1, "\(plan.0) \(plan.1)")
            }
            return found
        }
        #expect(found.isEmpty, "\(found.count) false:\n\(found.joined(separator: "\n"))")
    }
}
