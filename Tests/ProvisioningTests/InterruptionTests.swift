import ControlNode
import Foundation
import HostCrypto
import HostedNode
import NodeProtocol
import PostgresServer
import Provisioning
import Records
import Reporting
import Testing
import Transport

/// A station that is killed, a cable that comes off, a disk that is full: nothing is lost, nothing is there twice.
@Suite("Interrupted provisioning", .serialized)
struct InterruptionTests {
    /// Stops a station dead at a boundary: what ran up to there never goes on, as after a kill.
    final class Killer: Sendable {
        private let at: Station.Boundary
        private let reached = AsyncStream<Void>.makeStream()

        init(at: Station.Boundary) { self.at = at }

        @Sendable func pass(_ boundary: Station.Boundary) async {
            guard boundary == at else { return }
            reached.continuation.yield()
            // Never resumed.
            await withUnsafeContinuation { (_: UnsafeContinuation<Void, Never>) in }
        }

        func wait() async {
            for await _ in reached.stream { return }
        }
    }

    @Test(
        "Killed at any step boundary, the next start completes the node: one record, one label text, no secret left",
        arguments: Station.Boundary.allCases, [true, false])
    func killed(boundary: Station.Boundary, isNumbered: Bool) async throws {
        let folder = TemporaryHome()
        let shelf = Shelf(["a"], isNumbered: isNumbered)
        let tray = LabelTray()
        let escrow = Escrow(key: EscrowKey.generate().publicKey, file: try folder.home.file("escrow.jsonl"))
        let killer = Killer(at: boundary)
        let first = Station(home: try folder.home, boundary: killer.pass)
        let client = try await shelf.client("a")
        Task.detached {
            let provisioned = try await first.provision(client)
            try tray.write([ProvisionedLabel(provisioned)])
            try await first.finish(provisioned, escrow: escrow)
        }
        await killer.wait()

        // The next start, with the node connected again.
        var plan = ProductionLine.Plan()
        plan.escrow = escrow
        plan.timeout = 2
        let again = Station(home: try folder.home)
        let line = ProductionLine(station: again, finder: NodeFinder([shelf]), labels: tray, plan: plan) { _ in }
        do { _ = try await line.run() } catch let failure as Failure {
            // Where the record was committed already, connecting it again is refused.
            #expect([.done, .forgotten].contains(boundary), "\(failure)")
            #expect(failure.what.contains("provisioned already"))
        }

        let records = try again.records().nodes(batch: "default")
        #expect(records.map(\.step) == [.done] && records.map(\.serial) == [1])
        let status = try await NodeProbe(quickClient(shelf.node("a"))).status()
        #expect(status.state == .unowned && status.address == records[0].address)
        // Printed again perhaps, but never another text.
        let texts = Set(tray.all.values.flatMap { $0 })
        #expect(texts.count == 1)
        let label = try ClaimLabel(parsing: try #require(texts.first))
        #expect(label.address == records[0].address && label.claimKey.publicKey == records[0].claim)
        _ = try again.recover()
        // A secret that no node got yet bears the number of its process. Here that is this very one, and lives, so it is left alone.
        #expect(folder.pending == (boundary == .reserved ? 1 : 0))
        let files = try folder.contents()
        label.claimKey.seed.withUnsafeBytes { seed in
            #expect(!holds(files, Array(seed)) && !holds(files, Array(seed.hex.utf8)))
        }
    }

    @Test(
        "Unplugged at any message, the node is said to be redone, and connecting it again completes it",
        arguments: [true, false])
    func unplugged(isNumbered: Bool) async throws {
        for message in 0..<4 {
            let folder = TemporaryHome()
            let shelf = Shelf(["a"], isNumbered: isNumbered)
            shelf.unplug("a", after: message)
            let station = Station(home: try folder.home)
            let tray = LabelTray()
            func run() async throws -> Int {
                var plan = ProductionLine.Plan()
                plan.timeout = 20
                let line = ProductionLine(
                    station: Station(home: try folder.home), finder: NodeFinder([shelf]), labels: tray, plan: plan
                ) { _ in }
                return try await line.run().done
            }
            do {
                #expect(try await run() == 1)
                #expect(message == 3, "status, keys and proof: \(message) messages cannot be enough")
            } catch let failure as Failure {
                #expect(failure.kind == .unreachable, "after \(message): \(failure)")
                #expect(try station.records().nodes(batch: "default").allSatisfy { $0.step != .done } && tray.all.isEmpty)
                shelf.unplug("a", after: nil)
                #expect(try await run() == 1)
            }
            #expect(try station.records().nodes(batch: "default").map(\.step) == [.done])
            #expect(tray.all.values.flatMap { $0 }.count == 1 && folder.pending == 0)
        }
    }

    @Test("A chip that was erased after an interruption keeps its serial number and gets another key")
    func erased() async throws {
        let folder = TemporaryHome()
        let shelf = Shelf(["a"])
        let first = Station(home: try folder.home)
        let lost = try await first.provision(try await shelf.client("a"))
        shelf.erase("a")
        let again = Station(home: try folder.home)
        let provisioned = try await again.provision(try await shelf.client("a"))
        try await again.finish(provisioned)
        #expect(provisioned.node.serial == lost.node.serial && provisioned.node.claim != lost.node.claim)
        #expect(try again.records().node(claim: lost.node.claim)?.serial == 1, "the key that was given up stays known")
        #expect(folder.pending == 0)
        // Once done, its chip is not taken again until its record is discarded.
        shelf.erase("a")
        let refused = try await #require(throws: Failure.self) { try await again.provision(try await shelf.client("a")) }
        #expect(refused.advice.contains("discard it"))
        _ = try again.records().discard(try again.records().node(batch: "default", serial: 1), reason: "erased", at: Date())
        #expect(try await again.provision(try await shelf.client("a")).node.serial == 2)
    }

    @Test("What a killed station was about to write is removed by the next start; what a living one writes is left alone")
    func leftovers() throws {
        let folder = TemporaryHome()
        let home = try folder.home
        // The number of a process that is no more.
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/bin/true")
        try process.run()
        process.waitUntilExit()
        let key = SigningKey.generate()
        let abandoned = "pending-\(key.publicKey).key.\(process.processIdentifier)-0a0b0c0d.new"
        let living = "pending-\(key.publicKey).key.\(getppid())-0a0b0c0d.new"
        let second = "pending-\(key.publicKey).key.\(process.processIdentifier)-01020304.new"
        let secret = [UInt8](repeating: 7, count: 32)
        for name in [abandoned, living] { try home.file(name).write(secret) }
        // Killed between giving the file its name and taking the temporary one away.
        try home.file("pending-kept.key").write(secret)
        #expect(link(folder.path + "/pending-kept.key", folder.path + "/" + second) == 0)
        _ = try Station(home: home).records()
        let names = try FileManager.default.contentsOfDirectory(atPath: folder.path)
        #expect(!names.contains(abandoned) && !names.contains(second) && names.contains(living))
        #expect(try home.file("pending-kept.key").read() == secret)
    }

    @Test("A jammed printer stops the line; when it works again the labels come out without their nodes")
    func jammed() async throws {
        let folder = TemporaryHome()
        let shelf = Shelf(["a"])
        let tray = LabelTray()
        tray.isJammed = true
        let plan = ProductionLine.Plan()
        let line = ProductionLine(
            station: Station(home: try folder.home), finder: NodeFinder([shelf]), labels: tray, plan: plan
        ) { _ in }
        let failure = try await #require(throws: Failure.self) { try await line.run() }
        #expect(failure.kind == .environment && failure.what.contains("jammed"))
        tray.isJammed = false
        shelf.unplug("a")
        let again = ProductionLine(
            station: Station(home: try folder.home), finder: NodeFinder([shelf]), labels: tray, plan: plan
        ) { _ in }
        #expect(try await again.run().done == 1)
        #expect(tray.all.count == 1)
    }

    @Test("A clock that was set back stops the station before anything is written")
    func clock() async throws {
        let folder = TemporaryHome()
        let shelf = Shelf(["a", "b", "c"])
        let station = Station(home: try folder.home)
        // One node alone is no measure: its own date may be the wrong one.
        for name in ["a", "b"] { try await station.finish(try await station.provision(try await shelf.client(name))) }
        let earlier = Station(home: try folder.home, now: { Date() - 3600 })
        let failure = try await #require(throws: Failure.self) { try await earlier.provision(try await shelf.client("c")) }
        #expect(failure.kind == .environment && failure.what.contains("clock"))
        #expect(try await NodeProbe(shelf.client("c")).status().state == .blank)
        #expect(try station.records().nodes(batch: "default").count == 2)
    }

    @Test("The database server goes away in the middle, at any step: clear words, and afterwards the node is completed")
    func serverGone() async throws {
        let server = try PostgresServer()
        for boundary in [Station.Boundary.kept, .taken, .proved, .labelled] {
            let folder = TemporaryHome()
            let name = "\(boundary)"
            let shelf = Shelf(["a"], isNumbered: false)
            let tray = LabelTray()
            var plan = ProductionLine.Plan()
            plan.options.batch = name
            let station = Station(
                home: try folder.home, name: name, database: server.url, boundary: { if $0 == boundary { server.stop() } })
            let line = ProductionLine(station: station, finder: NodeFinder([shelf]), labels: tray, plan: plan) { _ in }
            let failure = try await #require(throws: Failure.self, "\(boundary)") { try await line.run() }
            #expect(failure.kind == .environment && failure.what.contains("cannot be reached"), "\(failure)")
            try server.start()
            let later = Station(home: try folder.home, name: name, database: server.url)
            let again = ProductionLine(station: later, finder: NodeFinder([shelf]), labels: tray, plan: plan) { _ in }
            _ = try? await again.run()
            #expect(try later.records().nodes(batch: name).map(\.step) == [.done], "\(boundary)")
            #expect(Set(tray.all.values.flatMap { $0 }).count == 1 && folder.pending == 0, "\(boundary)")
        }
    }
}
