// The program killed at each of its system calls that change the disk, and a disk that is full: no command leaves a dead end.
import Foundation
import HostedNode
import Testing

@testable import HostCrypto
@testable import NodeProtocol

/// The preloaded library, compiled once.
let killPoint: String? = {
    let source = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("KillPoint.c").path
    let library = FileManager.default.temporaryDirectory.path + "/ln-killpoint-\(getpid()).so"
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = ["clang", "-O1", "-shared", "-fPIC", "-o", library, source, "-ldl"]
    guard (try? process.run()) != nil else { return nil }
    process.waitUntilExit()
    return process.terminationStatus == 0 ? library : nil
}()

@Suite("The program killed, and a full disk", .serialized) struct KillPointTests {
    private static let program = CommandLineTests()
    /// Each point of each command when asked for; else some of them, others each time.
    private static let isThorough = ProcessInfo.processInfo.environment["LIGHTNODE_LIFE"] == "all"
    private static let signal: Int32 = 9

    /// A home and a node in one of the stage's states.
    private struct Place {
        let home: String
        let line: ChainTests.Line
        let stage: HostileStage

        func run(_ arguments: [String], _ environment: [String: String] = [:]) throws -> CommandLineTests.Result {
            var environment = environment
            if !environment.isEmpty { environment["LD_PRELOAD"] = try #require(killPoint) }
            return try program.run(
                arguments + ["--node", "serial:\(line.path)", "--timeout", "5"], home: home, environment: environment)
        }

        func works(_ arguments: [String]) throws -> Bool { try run(arguments).status == 0 }
    }

    /// A command, and how it is seen that nothing is lost after it was killed.
    struct Case: Sendable, CustomStringConvertible {
        let description: String
        let world: HostileStage.World
        var delay = 0.0
        var input = ""
        let arguments: @Sendable (HostileStage, String) -> [String]
        /// Commands that an owner gives then; the last must succeed, and the ones before may be refused where there is nothing to do.
        let then: @Sendable (HostileStage, String) -> [[String]]
    }

    static let cases: [Case] = {
        let toggle = ["send", "$('led').toggle()"]
        @Sendable func key(_ home: String, _ name: String) -> [String] { ["--key", home + "/\(name).key"] }
        @Sendable func consent(_ home: String) -> [String] { ["--recovery-key", home + "/recovery.key"] }
        return [
            Case(
                description: "bind", world: .unowned, arguments: { stage, _ in ["bind", stage.label] },
                then: { stage, _ in [["bind", stage.label], toggle] }),
            Case(
                description: "rotate", world: .owned, arguments: { _, home in ["rotate", home + "/next.key"] },
                then: { _, home in [["rotate", home + "/next.key"], toggle + key(home, "next")] }),
            Case(
                description: "release", world: .owned, arguments: { _, home in ["release"] + consent(home) },
                then: { stage, home in [["release"] + consent(home), ["bind", stage.label], toggle] }),
            Case(
                description: "transfer", world: .owned,
                arguments: { stage, home in ["transfer", stage.acceptance] + consent(home) },
                then: { stage, home in
                    [
                        ["transfer", stage.acceptance] + consent(home), ["transfer", "--finish"] + key(home, "guest"),
                        toggle + key(home, "guest"),
                    ]
                }),
            Case(
                description: "recover", world: .owned,
                arguments: { _, home in ["recover", home + "/recovery.key"] + key(home, "next") },
                then: { _, home in [["recover", home + "/recovery.key"] + key(home, "next"), toggle + key(home, "next")] }),
            Case(
                description: "takeover", world: .owned, delay: 0.8, arguments: { _, home in ["takeover"] + key(home, "guest") },
                then: { _, home in [["takeover"] + key(home, "guest"), toggle + key(home, "guest")] }),
            Case(
                description: "backups", world: .owned, arguments: { _, _ in ["backups", "--none"] },
                then: { _, _ in [["backups", "--none"], toggle] }),
            Case(
                description: "send", world: .owned, arguments: { _, _ in toggle }, then: { _, _ in [toggle] }),
        ]
    }()

    private func place<R>(_ stage: HostileStage, _ world: HostileStage.World, _ body: (Place) throws -> R) throws -> R {
        try stage.withHome(world) { try body(Place(home: $0, line: ChainTests.Line(stage.node(world)), stage: stage)) }
    }

    @Test(
        "Killed at any point, each command that changes who owns a node can be given again, and the node obeys one key that is known"
    )
    func kills() throws {
        let stage = try HostileStage()
        var (kills, deadEnds) = (0, 0)
        for command in Self.cases {
            // The first point of some that are far enough apart.
            var number = Self.isThorough ? 1 : Int.random(in: 1...6)
            while try kill(command, at: number, stage, &deadEnds) {
                kills += 1
                number += Self.isThorough ? 1 : 6
            }
        }
        print("\(kills) kills of commands, \(deadEnds) dead ends")
        #expect(kills >= 8 && deadEnds == 0)
    }

    /// False when the command ended before.
    private func kill(_ command: Case, at number: Int, _ stage: HostileStage, _ deadEnds: inout Int) throws -> Bool {
        try place(stage, command.world) { place in
            if command.delay > 0 { Thread.sleep(forTimeInterval: command.delay) }
            let result = try place.run(command.arguments(stage, place.home), ["LIGHTNODE_KILL_AT": "\(number)"])
            guard result.status == Self.signal else {
                #expect(result.status == 0, "\(command): \(result.error)")
                return false
            }
            if command.delay > 0 { Thread.sleep(forTimeInterval: command.delay) }
            let steps = command.then(stage, place.home)
            var said: [String] = []
            for step in steps.dropLast() {
                let result = try place.run(step)
                said.append("\(step[0]): \(result.status) \(result.error)")
            }
            let last = try place.run(steps.last!)
            if last.status != 0 { deadEnds += 1 }
            #expect(last.status == 0, "\(command) killed at \(number): \(said) \(last.error)")
            let left = try FileManager.default.contentsOfDirectory(atPath: place.home).filter { $0.hasSuffix(".new") }
            #expect(left.isEmpty, "\(command) killed at \(number)")
            return true
        }
    }

    @Test(
        "Without room for what is to be recorded nothing is signed; what was carried out and cannot be recorded is done, and told so"
    )
    func fullDisk() throws {
        let stage = try HostileStage()
        try place(stage, .owned) { place in
            let refused = try place.run(["send", "$('led').toggle()"], ["LIGHTNODE_FULL": "/room."])
            #expect(refused.status == 4 && refused.error.contains("nothing was signed"), "\(refused.error)")
            let changes = place.line.hosted.changes("led")
            for name in ["log.sqlite", "devices.json"] {
                let done = try place.run(["send", "$('led').toggle()", "--json"], ["LIGHTNODE_FULL": name])
                #expect(done.status == 0 && done.output.contains("\"done\""), "\(name): \(done.error)")
                #expect(done.error.contains("could not be recorded here"), "\(name): \(done.error)")
            }
            #expect(place.line.hosted.changes("led") == changes + 2)
            let after = try place.run(["history", "--json"])
            #expect(after.status == 0 && !after.error.contains("note"), "\(after.error)")
        }
    }

    @Test("A clock ten years ahead signs nothing without a word of the user's, and one command signed so locks nobody out")
    func clock() throws {
        let stage = try HostileStage()
        try place(stage, .owned) { place in
            // The file of numbers stands where such a clock has left it.
            let ahead = UInt64((Date().timeIntervalSince1970 + 315_360_000) * 1e6)
            let file = place.home + "/sequence"
            let before = try Data(contentsOf: URL(fileURLWithPath: file))
            let known = place.line.hosted
            #expect(try place.works(["send", "$('led').on()"]))
            try Data("\(ahead)\n".utf8).write(to: URL(fileURLWithPath: file))
            // A user who says so has it signed; the counts of others are not raised by it.
            #expect(try place.works(["send", "$('led').off()", "--trust-clock"]))
            try before.write(to: URL(fileURLWithPath: file))
            let next = try place.run(["send", "$('led').on()"])
            #expect(next.status == 0 && next.error.contains("stepped over") && known.isHigh("led"), "\(next.error)")
            try Data("nonsense".utf8).write(to: URL(fileURLWithPath: file))
            let damaged = try place.run(["send", "$('led').off()"])
            #expect(damaged.status == 4 && damaged.error.contains("lightnode keys renumber"), "\(damaged.error)")
            #expect(try Self.program.run(["keys", "renumber"], home: place.home).status == 0)
            #expect(try place.works(["send", "$('led').off()"]))
        }
    }
}
