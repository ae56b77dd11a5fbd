import ControlNode
import Foundation
import HostCrypto
import HostedNode
import Keystore
import Labels
import NodeProtocol
import Provisioning
import Reporting
import Synchronization
import Testing
import Transport

/// The station against the executor itself, which runs in this process over simulated flash.
@Suite("The factory station", .serialized)
struct StationTests {
    private func withStation(_ body: (Station, TemporaryHome) async throws -> Void) async throws {
        let folder = TemporaryHome()
        try await body(Station(home: try folder.home, network: 9), folder)
    }

    private func connect(_ hosted: HostedNode) -> CoAPClient { quickClient(hosted) }

    @Test("A blank node gets keys, proves them, and its label binds it; no secret stays behind")
    func provision() async throws {
        try await withStation { station, folder async throws in
            let hosted = HostedNode()
            let client = connect(hosted)
            let provisioned = try await station.provision(client)
            try await station.finish(provisioned)
            #expect(!provisioned.isResumed)
            let record = provisioned.record
            #expect(record.network == 9 && record.board == "hosted" && record.firmware == "0.1.0" && !record.isTest)
            #expect(record.address == provisioned.label.address && record.address.matches(record.identity))
            #expect(record.claim == provisioned.label.claimKey.publicKey)
            let kept = try station.records().nodes(batch: "default-network9")
            #expect(kept.compactMap(\.provisioned?.identity) == [record.identity])

            let all = try folder.contents()
            provisioned.label.claimKey.seed.withUnsafeBytes { seed in
                #expect(!holds(all, Array(seed)))
                #expect(!holds(all, Array(seed.hex.utf8)))
                // Nor does the node know the claim's private half.
                #expect(hosted.flash.find(Array(seed)) == nil)
            }
            // The very text on the label binds it.
            let home = try Home(folder.path + "/owner")
            try ControllerKey.generate().save(to: home.controllerKey)
            let node = RemoteNode(client, controller: try Controller(home, passphrase: { nil }))
            try await node.bind(label: try ClaimLabel(parsing: provisioned.label.text))
            try await node.`$`("led").on()
            #expect(hosted.isHigh("led"))
        }
    }

    @Test("A node is provisioned once: again, and once owned, it is refused and keeps what it has")
    func once() async throws {
        try await withStation { station, _ async throws in
            let client = connect(HostedNode())
            let provisioned = try await station.provision(client)
            try await station.finish(provisioned)
            await #expect(throws: AlreadyProvisioned.self) { try await station.provision(client) }
            await #expect(throws: Refusal.self) {
                try await NodeProbe(client).provision(
                    claim: SigningKey.generate().publicKey, identity: nil, network: 9, isTest: false)
            }
            #expect(try await NodeProbe(client).status().address == provisioned.label.address)
        }
    }

    @Test("A station killed after the node took its keys completes it with the same label")
    func killed() async throws {
        try await withStation { station, folder async throws in
            let hosted = HostedNode()
            // Killed before `finish`: the label was never printed.
            let first = try await station.provision(connect(hosted))
            let hostedAgain = HostedNode(flash: hosted.flash)
            let again = Station(home: try folder.home, network: 9)
            let second = try await again.provision(connect(hostedAgain))
            #expect(second.isResumed && second.label.text == first.label.text)
            try await again.finish(second)
            #expect(try again.records().nodes(batch: "default-network9").map(\.step) == [.done])
            await #expect(throws: AlreadyProvisioned.self) { try await again.provision(connect(HostedNode(flash: hosted.flash))) }
        }
    }

    @Test("When the node's answer is lost, the next attempt completes it; when the request is lost, the key made is used")
    func lost() async throws {
        try await withStation { station, folder async throws in
            let hosted = HostedNode()
            // The status gets through, both answers to /provision do not.
            var timing = CoAPClient.Timing()
            timing.acknowledgement = .milliseconds(400)
            timing.retransmissions = 1
            let lossyClient = CoAPClient(LosingAnswers(hosted, after: 1, count: 2), name: "lossy", timing: timing)
            await #expect(throws: Failure.self) { try await station.provision(lossyClient) }
            #expect(folder.pending == 1)
            await lossyClient.close()

            let final = HostedNode(flash: hosted.flash)
            let provisioned = try await station.provision(connect(final))
            #expect(provisioned.isResumed)
            try await station.finish(provisioned)
            #expect(folder.pending == 0)
            #expect(
                try await NodeProbe(connect(HostedNode(flash: hosted.flash))).status().address == provisioned.label.address)
        }
    }

    @Test("A chip without a random generator is refused unless the identity is injected, and the record says so")
    func injected() async throws {
        try await withStation { station, _ async throws in
            let client = connect(HostedNode(isTrueRandom: false))
            do {
                _ = try await station.provision(client)
                Issue.record("it made an identity without randomness")
            } catch let refusal as Refusal {
                #expect(refusal.known == .noEntropy && refusal.remedy.prose.contains(Remedy.injectIdentity.deed.dropFirst()))
            }
            var options = Station.Options()
            options.identity = .whereNeeded
            let provisioned = try await station.provision(client, options: options)
            try await station.finish(provisioned)
            #expect(provisioned.record.isIdentityInjected)
        }
    }

    @Test(
        "A chip that can be is protected unless it is to stay open; the record says which, and who can read an open one is told")
    func readback() async throws {
        try await withStation { station, _ async throws in
            func provisioned(_ protection: Station.Protection, _ readback: [String: Station.Readback], isTest: Bool = false)
                async throws -> (isProtected: Bool, told: [String])
            {
                var options = Station.Options()
                (options.protection, options.readback, options.isTest) = (protection, readback, isTest)
                if isTest { options.batch = "rehearsal" }
                let told = Told()
                let result = try await station.provision(
                    connect(HostedNode(serial: .random(in: 1 ... .max))), options: options
                ) { told.add($0) }
                try await station.finish(result)
                return (result.record.isProtected, told.all)
            }
            let lockable = ["hosted": Station.Readback(protection: "PALL", way: "whoever has its USB cable")]
            let locked = try await provisioned(.wherePossible, lockable)
            #expect(locked.isProtected && locked.told.contains { $0.contains("(PALL) is set: flashing it anew erases its keys") })
            #expect(try await provisioned(.demanded, lockable).isProtected)
            let open = try await provisioned(.open, lockable)
            #expect(!open.isProtected)
            #expect(open.told.contains("its chip is open: whoever has its USB cable can read its identity key"), "\(open.told)")
            // A rehearsal locks nothing; a chip of which nothing is known is left as it is, and that is told.
            #expect(try await !provisioned(.wherePossible, lockable, isTest: true).isProtected)
            let unknown = try await provisioned(.wherePossible, [:])
            #expect(!unknown.isProtected && unknown.told.contains { $0.contains("nothing is known here") })
            await #expect(throws: Failure.self) { try await provisioned(.demanded, [:]) }
            await #expect(throws: Failure.self) { try await provisioned(.demanded, ["hosted": .init(protection: nil, way: nil)]) }
        }
    }

    @Test("A node with test keys says so in record, status and label")
    func testKeys() async throws {
        try await withStation { station, _ async throws in
            let client = connect(HostedNode())
            var options = Station.Options()
            options.isTest = true
            let provisioned = try await station.provision(client, options: options)
            #expect(provisioned.record.isTest)
            #expect(try await NodeProbe(client).status().isTest)
            let label = LabelDrawing(provisioned.label, isTest: provisioned.record.isTest)
            #expect(try label.terminalText().contains("TEST"))
        }
    }
}

/// What a station told while it worked.
private final class Told: Sendable {
    private let lines = Mutex<[String]>([])
    var all: [String] { lines.withLock { $0 } }
    func add(_ line: String) { lines.withLock { $0.append(line) } }
}

/// Passes everything to a node, and loses some of its answers: after the first `after`, the next `count`.
final class LosingAnswers: BytePipe, @unchecked Sendable {
    private let inner: HostedNode
    private let after: Int
    private let count: Int

    init(_ inner: HostedNode, after: Int, count: Int) {
        (self.inner, self.after, self.count) = (inner, after, count)
    }

    private var seen = 0
    var incoming: AsyncThrowingStream<[UInt8], any Error> { inner.incoming }

    func send(_ bytes: [UInt8]) async throws {
        seen += 1
        if seen == after + 1 { inner.loseAnswers(count) }
        try await inner.send(bytes)
    }

    func close() { inner.close() }
}
