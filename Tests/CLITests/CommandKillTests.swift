// Every command of the program that signs or keeps something, killed at random calls and moments, several times in a row.
import CoAP
import Foundation
import HostedNode
import Synchronization
import Testing
import Transport

@testable import HostCrypto
@testable import Keystore
@testable import NodeProtocol

@Suite("Each command of the program killed at random", .serialized) struct CommandKillTests {
    private static let program = CommandLineTests()
    /// Kills of each command; `make soak` asks for a thousand. Otherwise two of a few commands, others each time.
    private static let wanted = ProcessInfo.processInfo.environment["LIGHTNODE_COMMAND_KILLS"].flatMap { Int($0) }
    /// Seconds after which no more are begun; for who has little time.
    private static let seconds = ProcessInfo.processInfo.environment["LIGHTNODE_KILL_SECONDS"].flatMap { Double($0) }
    /// Commands that do not speak to a node.
    private static let local: Set<String> = ["keys", "escrow", "batch", "grants"]

    /// What the kills of one command did to what its user has seen.
    struct Count {
        var (kills, receipts, replays, lost, repeated, deadEnds) = (0, 0, 0, 0, 0, 0)
        /// What was wrong, to be printed.
        var failures: [String] = []

        static func += (sum: inout Count, part: Count) {
            sum.kills += part.kills
            sum.receipts += part.receipts
            sum.replays += part.replays
            sum.lost += part.lost
            sum.repeated += part.repeated
            sum.deadEnds += part.deadEnds
            sum.failures += part.failures
        }

        var text: String {
            "\(kills) kills, \(receipts) receipts, \(replays) replays tried; \(lost) receipts lost, \(repeated) carried out twice, "
                + "\(deadEnds) dead ends"
        }
    }

    /// One command's node and home, and all that came to the node.
    private final class Place: @unchecked Sendable {
        let command: KillPointTests.Case
        let stage: HostileStage
        let home: String
        let line: ChainTests.Line
        private let requests = Mutex<[[UInt8]]>([])

        init(_ command: KillPointTests.Case, _ stage: HostileStage, home: String) {
            (self.command, self.stage, self.home) = (command, stage, home)
            let hosted = stage.node(command.world)
            line = ChainTests.Line(hosted)
            hosted.lead { [weak self] request, node in
                self?.requests.withLock { $0.append(request) }
                let answer = node(request)
                return answer.isEmpty ? [] : [answer]
            }
        }

        func run(_ arguments: [String], _ environment: [String: String] = [:], input: String = "") throws
            -> CommandLineTests.Result
        {
            var environment = environment
            if !environment.isEmpty { environment["LD_PRELOAD"] = try #require(killPoint) }
            let node = local.contains(arguments[0]) ? [] : ["--node", "serial:\(line.path)", "--timeout", "5"]
            return try program.run(arguments + node, home: home, input: input, environment: environment)
        }

        /// The command itself, killed where the environment says.
        func kill(_ environment: [String: String]) throws -> CommandLineTests.Result {
            if command.delay > 0 { Thread.sleep(forTimeInterval: command.delay) }
            return try run(command.arguments(stage, home), environment, input: command.input)
        }

        /// Everything that the node was ever asked, asked once more by another way; how many there were.
        func replay() -> Int {
            let all = requests.withLock { $0 }.filter { (try? Message($0))?.code == .post }
            for request in all { _ = line.hosted.ask(request) }
            return all.count
        }

        /// The node's own account, as the program has it.
        func entries() throws -> [NodeLog.Entry] {
            let identity = try #require(line.hosted.identityKey.flatMap { PublicKey($0) })
            return try NodeLog(home + "/log.sqlite").entries(of: NodeAddress(of: identity))
        }
    }

    /// How many calls the command makes, and how many microseconds it takes, when nobody kills it.
    private static func measure(_ command: KillPointTests.Case, _ stage: HostileStage) throws -> (calls: Int, time: Int) {
        try stage.withHome(command.world) { home in
            let place = Place(command, stage, home: home), file = home + "/calls"
            if command.delay > 0 { Thread.sleep(forTimeInterval: command.delay) }
            let start = ContinuousClock.now
            let result = try place.run(command.arguments(stage, home), ["LIGHTNODE_CALLS": file], input: command.input)
            let time = (ContinuousClock.now - start) / .microseconds(1)
            try #require(result.status == 0, "\(command): \(result.error)")
            return (try #require(Int(try String(contentsOfFile: file, encoding: .utf8))), Int(time))
        }
    }

    /// Kills the command up to four times in a row, goes on as its user does, and looks at what is left.
    private static func chain(_ command: KillPointTests.Case, _ stage: HostileStage, _ extent: (calls: Int, time: Int), most: Int)
        throws -> Count
    {
        try stage.withHome(command.world) { home in
            let place = Place(command, stage, home: home)
            var count = Count(), story: [String] = []
            let before = command.world == .blank ? [] : try place.entries().receipts
            for _ in 0..<min(most, .random(in: 1...4)) {
                let (name, value) =
                    Bool.random()
                    ? ("LIGHTNODE_KILL_CALL", Int.random(in: 1...extent.calls))
                    : ("LIGHTNODE_KILL_AFTER", Int.random(in: 1000...extent.time))
                let result = try place.kill([name: "\(value)"])
                story.append("\(name)=\(value): \(result.status)")
                // It had come to its end, or finds that an earlier one has done its work.
                guard result.status == SIGKILL else { break }
                count.kills += 1
            }
            if command.delay > 0 { Thread.sleep(forTimeInterval: command.delay) }
            let steps = command.then(stage, home)
            for step in steps {
                let result = try place.run(step)
                story.append("\(step[0]): \(result.status) \(result.error)")
                if step == steps.last, result.status != 0 { count.deadEnds += 1 }
            }
            let left = try FileManager.default.contentsOfDirectory(atPath: home).filter { $0.hasSuffix(".new") }
            if !left.isEmpty { count.deadEnds += 1 }
            try look(place, steps.last!, before, &count)
            if count.lost + count.repeated + count.deadEnds > 0 { count.failures.append("\(command): \(story) \(left)") }
            return count
        }
    }

    /// Whether all that the node has signed is here, once, and nothing happens when all is sent once more.
    private static func look(_ place: Place, _ last: [String], _ before: [Receipt], _ count: inout Count) throws {
        // With the key that the node obeys now.
        let key = last.firstIndex(of: "--key").map { Array(last[$0...($0 + 1)]) } ?? []
        guard !local.contains(last[0]) else { return }
        _ = try place.run(["history"] + key)
        let entries = try place.entries(), receipts = entries.receipts
        count.receipts += receipts.count
        count.lost += before.count { receipt in !receipts.contains { $0.index == receipt.index && $0.entry == receipt.entry } }
        count.lost += entries.count - receipts.count
        struct Number: Hashable { let (epoch, signer, sequence): (UInt32, String, UInt64) }
        let numbers = receipts.filter { $0.outcome == .done && $0.sequence != 0 }.map {
            Number(epoch: $0.epoch, signer: "\($0.signer) \($0.grant?.hex ?? "")", sequence: $0.sequence)
        }
        count.repeated += numbers.count - Set(numbers).count
        count.replays += place.replay()
        _ = try place.run(["history"] + key)
        count.repeated += try place.entries().receipts.count - receipts.count
    }

    @Test("No receipt is lost, nothing is carried out twice, and the user's next step is done")
    func kills() throws {
        let stage = try HostileStage()
        let cases = Self.wanted == nil ? Array(Self.cases.shuffled().prefix(3)) : Self.cases
        let wanted = Self.wanted ?? 2, end = Self.seconds.map { ContinuousClock.now + .seconds($0) }
        let extents = try cases.map { try Self.measure($0, stage) }
        let counts = Mutex([Count](repeating: Count(), count: cases.count))
        // Two at a time; whichever command was killed least often comes next.
        DispatchQueue.concurrentPerform(iterations: 2) { _ in
            while end.map({ .now < $0 }) ?? true {
                let next = counts.withLock { counts in
                    counts.indices.filter { counts[$0].kills < wanted }.min { counts[$0].kills < counts[$1].kills }
                }
                guard let next else { return }
                let missing = wanted - counts.withLock { $0[next].kills }
                do {
                    let count = try Self.chain(cases[next], stage, extents[next], most: missing)
                    counts.withLock { $0[next] += count }
                } catch { counts.withLock { $0[next].failures.append("\(cases[next]): \(error)") } }
                if counts.withLock({ $0[next].failures.count }) > 20 { return }
            }
        }
        var sum = Count()
        for (command, count) in zip(cases, counts.withLock { $0 }) {
            print("\(command): \(count.text)")
            sum += count
        }
        print("\(cases.count) commands: \(sum.text)")
        #expect(sum.failures.isEmpty && sum.lost == 0 && sum.repeated == 0 && sum.deadEnds == 0, "\(sum.failures.prefix(10))")
        #expect(sum.kills > 0)
    }
}
