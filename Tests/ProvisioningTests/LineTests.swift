import ControlNode
import Foundation
import HostedNode
import NodeProtocol
import PostgresServer
import Provisioning
import Records
import Reporting
import Testing
import Transport

@Suite("The production line", .serialized)
struct LineTests {
    final class Events: @unchecked Sendable {
        private let lock = NSLock()
        private var events: [LineEvent] = []
        @Sendable func note(_ event: LineEvent) { lock.withLock { events.append(event) } }
        var all: [LineEvent] { lock.withLock { events } }
        func count(_ kind: LineEvent.Kind) -> Int { all.count { $0.event == kind } }
    }

    private func line(
        _ folder: TemporaryHome, _ shelf: Shelf, _ tray: LabelTray, _ events: Events = Events(), database: String? = nil,
        name: String? = nil, _ set: (inout ProductionLine.Plan) -> Void = { _ in }
    ) throws -> ProductionLine {
        var plan = ProductionLine.Plan()
        plan.timeout = 10
        set(&plan)
        return ProductionLine(
            station: Station(home: try folder.home, name: name, database: database), finder: NodeFinder([shelf]), labels: tray,
            plan: plan, onEvent: events.note)
    }

    // R18
    @Test("Twenty nodes at once: each gets keys of its own, a serial number, a label and a record")
    func many() async throws {
        let folder = TemporaryHome()
        let names = (1...20).map { "d\($0)" }
        let (shelf, tray, events) = (Shelf(names), LabelTray(), Events())
        #expect(try await line(folder, shelf, tray, events) { $0.options.batch = "lamps" }.run().done == 20)
        let records = try Station(home: try folder.home).records().nodes(batch: "lamps")
        #expect(records.map(\.serial) == Array(1...20) && records.allSatisfy { $0.step == .done })
        #expect(Set(records.map(\.claim)).count == 20 && Set(records.compactMap(\.address)).count == 20)
        for record in records {
            let text = try #require(
                tray.all["lamps-" + String(repeating: "0", count: 6 - "\(record.serial)".count) + "\(record.serial)"])
            #expect(text.count == 1)
            let label = try ClaimLabel(parsing: text[0])
            #expect(label.address == record.address && label.claimKey.publicKey == record.claim)
        }
        #expect(events.count(.started) == 20 && events.count(.done) == 20 && events.count(.finished) == 1)
        #expect(events.all.compactMap(\.summary?.done).max() == 20)
        // Nothing secret is said.
        let said = try JSONEncoder().encode(events.all)
        for text in tray.all.values.flatMap({ $0 }) {
            #expect(said.range(of: Data(text.suffix(40).utf8)) == nil)
        }
        #expect(folder.pending == 0)
    }

    @Test("Watching: nodes are taken as they come, no more than are wanted, and again when they come again")
    func watching() async throws {
        let folder = TemporaryHome()
        let (shelf, tray, events) = (Shelf(["a", "b", "c", "d"]), LabelTray(), Events())
        for name in ["b", "c", "d"] { shelf.unplug(name) }
        let line = try line(folder, shelf, tray, events) {
            $0.watches = true
            $0.count = 3
        }
        async let summary = line.run()
        let limit = ContinuousClock.now + .seconds(60)
        func wait(_ count: Int) async throws {
            while events.count(.done) < count, ContinuousClock.now < limit { try await Task.sleep(for: .milliseconds(20)) }
        }
        try await wait(1)
        shelf.plug("b")
        try await wait(2)
        // The same node once more is refused, and costs no serial number.
        shelf.unplug("a")
        try await Task.sleep(for: .milliseconds(400))
        shelf.plug("a")
        while events.count(.failed) < 1, ContinuousClock.now < limit { try await Task.sleep(for: .milliseconds(20)) }
        #expect(events.all.first { $0.event == .failed }?.message?.contains("provisioned already") == true)
        shelf.plug("c")
        shelf.plug("d")
        do {
            _ = try await summary
            Issue.record("the refused node is no success")
        } catch let failure as Failure { #expect(failure.what.contains("1 of 4 nodes")) }
        #expect(events.count(.done) == 3)
        #expect(try Station(home: try folder.home).records().nodes(batch: "default").map(\.serial) == [1, 2, 3])
    }

    @Test("Stopped, the line finishes what is under way and takes nothing more")
    func stopping() async throws {
        let folder = TemporaryHome()
        let (shelf, tray, events) = (Shelf(["a"]), LabelTray(), Events())
        let line = try line(folder, shelf, tray, events) { $0.watches = true }
        async let summary = line.run()
        while events.count(.done) < 1 { try await Task.sleep(for: .milliseconds(20)) }
        await line.stop()
        shelf.add("b")
        #expect(try await summary.done == 1)
        #expect(shelf.timesOpened("b") == 0)
    }

    @Test("Labels of a sheet go out together; what waits for its sheet is done when the run ends, or by the next run")
    func sheets() async throws {
        let folder = TemporaryHome()
        let (shelf, tray, events) = (Shelf(["a", "b", "c"]), LabelTray(capacity: 2), Events())
        #expect(try await line(folder, shelf, tray, events).run().done == 3)
        #expect(events.count(.waiting) == 2 && tray.all.count == 3 && folder.pending == 0)
        let folder2 = TemporaryHome()
        let jammed = LabelTray(capacity: 2)
        jammed.isJammed = true
        let two = Shelf(["a", "b"])
        await #expect(throws: Failure.self) { try await line(folder2, two, jammed).run() }
        jammed.isJammed = false
        // Whether they are still connected or not.
        let later = Events()
        #expect(try await line(folder2, two, jammed, later) { $0.watches = false }.run().done == 2)
        // Each that is still connected is left alone, and said so: nothing is under way for ever.
        #expect(later.count(.started) == later.count(.skipped) && later.count(.failed) == 0)
        #expect(jammed.all.values.allSatisfy { $0.count == 1 })
        let (folder3, three) = (TemporaryHome(), Shelf(["a", "b", "c"]))
        jammed.isJammed = true
        await #expect(throws: Failure.self) { try await line(folder3, three, jammed).run() }
        jammed.isJammed = false
        #expect(try await line(folder3, Shelf([]), jammed).run().done >= 2)
    }

    @Test(
        "A wrong board, another firmware, or a chip without what it needs is refused with its reason, and nothing is written to it"
    )
    func wrongNode() async throws {
        for (set, words): ((inout Station.Options) -> Void, String) in [
            ({ $0.board = "microbit" }, "is a board hosted"), ({ $0.firmware = "9.9.9" }, "has firmware 0.1.0"),
            ({ $0.firmwareHash = "00ff" }, "image"),
        ] {
            let folder = TemporaryHome()
            let (shelf, tray) = (Shelf(["a"]), LabelTray())
            let failure = try await #require(throws: Failure.self) {
                try await line(folder, shelf, tray) { set(&$0.options) }.run()
            }
            #expect(failure.what.contains(words) && failure.kind == .usage, "\(failure)")
            #expect(try await NodeProbe(shelf.client("a")).status().state == .blank)
            #expect(try Station(home: try folder.home).records().nodes(batch: "default").isEmpty)
        }
        // What the first node of a batch was, the others must be.
        let folder = TemporaryHome()
        _ = try Station(home: try folder.home).records().open(Batch(name: "lamps", board: "microbit", network: 1, isTest: false))
        let failure = try await #require(throws: Failure.self) {
            try await line(folder, Shelf(["a"]), LabelTray()) { $0.options.batch = "lamps" }.run()
        }
        #expect(failure.what.contains("batch lamps is of microbit"))
    }

    @Test("With no node and nobody waiting the line says so")
    func nothing() async throws {
        let folder = TemporaryHome()
        let failure = try await #require(throws: Failure.self) { try await line(folder, Shelf([]), LabelTray()).run() }
        #expect(failure.kind == .unreachable && failure.remedy == .either([.advice("Connect them"), .watch]))
    }

    @Test("Two stations on one server share a batch: serial numbers are given out once, and neither takes the other's node")
    func twoStations() async throws {
        let server = try PostgresServer()
        let folders = [TemporaryHome(), TemporaryHome()]
        let shelves = [Shelf((1...8).map { "x\($0)" }, isNumbered: false), Shelf((1...8).map { "y\($0)" }, isNumbered: false)]
        let trays = [LabelTray(), LabelTray()]
        async let first = line(folders[0], shelves[0], trays[0], database: server.url, name: "east") {
            $0.options.batch = "lamps"
        }.run()
        async let second = line(folders[1], shelves[1], trays[1], database: server.url, name: "west") {
            $0.options.batch = "lamps"
        }.run()
        #expect(try await first.done == 8)
        #expect(try await second.done == 8)
        let records = try Station(home: try folders[0].home, name: "east", database: server.url).records()
        let nodes = try records.nodes(batch: "lamps")
        #expect(nodes.map(\.serial) == Array(1...16) && Set(nodes.map(\.station)) == ["east", "west"])
        #expect(Set(trays[0].all.keys).isDisjoint(with: trays[1].all.keys))
        // Begun at one, connected at the other.
        let shelf = Shelf(["z"])
        let east = Station(home: try folders[0].home, name: "east", database: server.url)
        _ = try await east.provision(try await shelf.client("z"))
        let west = Station(home: try folders[1].home, name: "west", database: server.url)
        await #expect(throws: Failure.self) { try await west.provision(try await shelf.client("z")) }
        // A name is one station's.
        await #expect(throws: Failure.self) {
            try await line(folders[1], Shelf(["q"]), LabelTray(), database: server.url, name: "east").run()
        }
    }
}
