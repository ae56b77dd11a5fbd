// The production line with real images on real QEMU: boards that come and go while one run of the station watches.
import ControlNode
import Emulation
import Foundation
import HostCrypto
import NodeProtocol
import Provisioning
import Reporting
import Testing

@Suite("The factory over QEMU", .serialized)
struct FactoryTests {
    let scratch: Scratch

    init() throws { scratch = try Scratch() }

    private var home: String { scratch.url.path }
    private var program: Program { Program(home: home) }

    private static var count: Int { Int(ProcessInfo.processInfo.environment["LIGHTNODE_FACTORY_DEVICES"] ?? "") ?? 5 }

    @Test(
        "One run provisions every board that comes; all verify, all labels scan, all records match; set LIGHTNODE_FACTORY_DEVICES for more"
    )
    func line() throws {
        let image = try lightNodeImage("microbit").path
        let labels = home + "/labels"
        // So many are plugged in at a time.
        let fixture = 5
        let output = scratch.url.appendingPathComponent("line.jsonl")
        try Data().write(to: output)
        let station = Process()
        station.executableURL = Program.beside("lightnode")
        station.arguments = [
            "provision", "--batch", "e2e", "--watch", "--count", "\(Self.count)", "--labels", labels, "--label-format", "png",
            "--image", image, "--board", "microbit", "--json", "--timeout", "60",
        ]
        station.currentDirectoryURL = sourceRoot
        station.environment = ["LIGHTNODE_HOME": home, "PATH": "/usr/bin:/bin"]
        station.standardOutput = try FileHandle(forWritingTo: output)
        station.standardError = station.standardOutput
        station.standardInput = FileHandle.nullDevice
        try station.run()
        defer { if station.isRunning { kill(station.processIdentifier, SIGKILL) } }
        func events() -> [[String: Any]] {
            ((try? String(contentsOf: output, encoding: .utf8)) ?? "").split(separator: "\n")
                .compactMap { try? JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any] }
        }
        for first in stride(from: 1, through: Self.count, by: fixture) {
            let names = (first..<min(first + fixture, Self.count + 1)).map { "n\($0)" }
            defer { for name in names { _ = try? program("emulate", "stop", name) } }
            for name in names {
                let started = try program("emulate", "start", "--board", "microbit", "--name", name, "--image", image, "--detach")
                try #require(started.status == 0, "\(started.error)")
            }
            let limit = Date() + 300
            while events().count(where: { $0["event"] as? String == "done" }) < first + names.count - 1, Date() < limit,
                station.isRunning
            { usleep(100_000) }
            if first == 1 {
                // While they are still connected: does the station's own record know them?
                let proof = try program("attest", "--node", "emulated:n1", "--json")
                #expect(proof.status == 0, "\(proof.error)")
            }
        }
        station.waitUntilExit()
        let said = try String(contentsOf: output, encoding: .utf8)
        #expect(station.terminationStatus == 0, "\(said.suffix(2000))")

        let shown = try JSONSerialization.jsonObject(with: Data(try program("batch", "show", "e2e", "--json").output.utf8))
        let records = try #require(shown as? [[String: Any]])
        #expect(records.count == Self.count && records.allSatisfy { $0["step"] as? String == "done" })
        #expect(records.compactMap { $0["serial"] as? Int } == Array(1...Self.count))
        #expect(records.allSatisfy { $0["isIdentityInjected"] as? Bool == false }, "the chip has a generator of its own")
        #expect(records.allSatisfy { ($0["firmwareHash"] as? String)?.count == 48 }, "the firmware tells which image it is")
        let addresses = Set(records.compactMap { $0["address"] as? String })
        #expect(addresses.count == Self.count && Set(records.compactMap { $0["claim"] as? String }).count == Self.count)
        let scanned = try scan(labels).map { try ClaimLabel(parsing: $0) }
        #expect(scanned.count == Self.count && Set(scanned.map(\.address.description)) == addresses)
        #expect(Set(scanned.map(\.claimKey.publicKey.description)) == Set(records.compactMap { $0["claim"] as? String }))
        let manifest = home + "/e2e.json"
        #expect(try program("batch", "export", "e2e", "--out", manifest).status == 0)
        #expect(try program("batch", "verify", manifest).status == 0)
        #expect(try FileManager.default.contentsOfDirectory(atPath: home).allSatisfy { !$0.hasPrefix("pending-") })
    }

    private func scan(_ folder: String) throws -> [String] {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/bin/sh")
        process.arguments = ["-c", "zbarimg -q --raw '\(folder)'/*.png"]
        let pipe = Pipe()
        process.standardOutput = pipe
        try process.run()
        let data = pipe.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return String(decoding: data, as: UTF8.self).split(separator: "\n").map(String.init)
    }

    @Test("The nRF51's readback protection is set in the chip's own register, and the record says so")
    func protection() async throws {
        let node = try await blankNode("microbit", scratch)
        let protection: UInt64 = 0x1000_1004
        #expect(try node.emulated.readRegister(protection) & 0xFF00 != 0)
        let identity = try await NodeProbe(node.client).provision(
            claim: SigningKey.generate().publicKey, identity: nil, network: 1, isTest: false, protects: true)
        #expect(try node.emulated.readRegister(protection) == 0xFFFF_00FF)
        #expect(try await NodeProbe(node.client).attest(identity, network: 1).isProtected)
        try await node.powerOff()
    }

    @Test(
        "`provision` locks the chip of a board that has a lock, and the record says so; `--no-protect` leaves it open and says to whom"
    )
    func protectedBatch() throws {
        let image = try lightNodeImage("microbit").path
        defer { _ = try? program("emulate", "stop", "locked") }
        #expect(
            try program("emulate", "start", "--board", "microbit", "--name", "locked", "--image", image, "--detach").status == 0)
        let run = try program("provision", "--batch", "locks", "--labels", home + "/labels")
        #expect(run.status == 0, "\(run.output)\(run.error)")
        let shown = try JSONSerialization.jsonObject(with: Data(try program("batch", "show", "locks", "--json").output.utf8))
        let record = try #require((shown as? [[String: Any]])?.first)
        #expect(record["step"] as? String == "done" && record["isProtected"] as? Bool == true, "\(record)")
        _ = try program("emulate", "stop", "locked")

        defer { _ = try? program("emulate", "stop", "open") }
        #expect(
            try program("emulate", "start", "--board", "microbit", "--name", "open", "--image", image, "--detach").status == 0)
        let open = try program("provision", "--node", "emulated:open", "--no-protect")
        let said = open.output + open.error
        #expect(open.status == 0 && said.contains("its chip is open: whoever has its USB cable"), "\(said)")
        #expect(said.contains("can read its identity key"))
    }

    @Test("A wrong image is refused before anything is written, by its hash")
    func wrongImage() async throws {
        let node = try await blankNode("microbit", scratch)
        let station = Station(home: try scratch.home("factory"))
        var options = Station.Options()
        options.firmwareHash = String(repeating: "0f", count: 32)
        let failure = try await #require(throws: Failure.self) { try await station.provision(node.client, options: options) }
        #expect(failure.what.contains("has image"))
        #expect(try await NodeProbe(node.client).status().state == .blank)
        try await node.powerOff()
    }
}
