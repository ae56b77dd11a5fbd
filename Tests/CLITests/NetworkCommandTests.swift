// gateway and bridge as a user runs them, with the executor itself on a serial line.
import Foundation
import HostedNode
import Testing

@Suite("The command line on the network", .serialized)
struct NetworkCommandTests {
    private let program = CommandLineTests()

    /// A program that runs until it is ended, and what it prints.
    private final class Running {
        private let process = Process()
        private let output = Pipe()

        init(_ arguments: [String], home: String) throws {
            process.executableURL = CommandLineTests.program
            process.arguments = arguments
            process.environment = ["LIGHTNODE_HOME": home, "PATH": "/usr/bin:/bin"]
            process.standardOutput = output
            process.standardError = FileHandle.nullDevice
            try process.run()
        }

        deinit { kill(process.processIdentifier, SIGKILL) }

        /// The next JSON object.
        func next() throws -> [String: Any] {
            var bytes = Data()
            while let byte = try output.fileHandleForReading.read(upToCount: 1), !byte.isEmpty {
                bytes += byte
                if byte == Data("\n".utf8), let object = try? JSONSerialization.jsonObject(with: bytes) as? [String: Any] {
                    return object
                }
            }
            Issue.record("it ended with \(String(decoding: bytes, as: UTF8.self))")
            return [:]
        }

        func interrupt() { process.interrupt() }

        func exitStatus() -> Int32 {
            process.waitUntilExit()
            return process.terminationStatus
        }
    }

    @Test("A board that is off behind a gateway is out of reach, and the gateway says which")
    func offBehindGateway() throws {
        try program.withHome { home throws in
            let gateway = try Running(
                ["gateway", "--node", "attic=emulated:attic", "--listen", "127.0.0.1:0", "--json"], home: home)
            let served = try #require((try gateway.next()["nodes"] as? [[String: Any]])?.first)
            let status = try program.run(["status", "--node", try #require(served["url"] as? String)], home: home)
            #expect(
                status.status == 3 && status.error.contains("attic") && status.error.contains("not reached"), "\(status.error)")
        }
    }

    @Test("Through the gateway a node is bound, commanded and read by its URL")
    func gateway() throws {
        try program.withHome { home throws in
            let line = ChainTests.Line(HostedNode())
            let label = try #require(
                try json(try program.run(["provision", "--json", "--node", "serial:\(line.path)"], home: home).output)["label"]
                    as? String)
            let gateway = try Running(
                ["gateway", "--node", "porch=serial:\(line.path)", "--listen", "127.0.0.1:0", "--json"], home: home)
            let started = try gateway.next()
            let served = try #require((started["nodes"] as? [[String: Any]])?.first)
            #expect(served["name"] as? String == "porch" && served["node"] as? String == "serial:\(line.path)")
            let node = ["--node", try #require(served["url"] as? String)]
            let bound = try program.run(["bind", label] + node, home: home)
            #expect(bound.status == 0, "\(bound.error)")
            let sent = try program.run(["send", "$('led').on()", "--json"] + node, home: home)
            #expect(try json(sent.output)["outcome"] as? String == "done", "\(sent.error)")
            #expect(line.hosted.isHigh("led"))
            #expect(try program.run(["status"] + node, home: home).output.contains("this control node"))
            #expect(try program.run(["history"] + node, home: home).status == 0)
            #expect(try program.run(["provision"] + node, home: home).status != 0)
            // One gateway at a time has a port.
            let second = try program.run(
                ["gateway", "--node", "x=serial:\(line.path)", "--listen", try #require(started["listening"] as? String)],
                home: home)
            #expect(second.status == 4 && second.error.contains("in use"), "\(second.error)")
        }
    }

    @Test("Through a bad bridge commands are carried out once, and the bridge tells what it did")
    func bridge() throws {
        try program.withHome { home throws in
            let line = ChainTests.Line(HostedNode())
            let serial = ["--node", "serial:\(line.path)"]
            let label = try #require(
                try json(try program.run(["provision", "--json"] + serial, home: home).output)["label"] as? String)
            #expect(try program.run(["bind", label] + serial, home: home).status == 0)
            let bridge = try Running(
                ["bridge", "--listen", "127.0.0.1:0", "--drop", "10", "--duplicate", "40", "--replay", "40", "--delay", "0-30"]
                    + ["--reorder", "10", "--seed", "3", "--json"] + serial, home: home)
            let node = ["--node", try #require(try bridge.next()["listening"] as? String)]
            for _ in 0..<5 {
                let sent = try program.run(["send", "$('led').toggle()", "--timeout", "60"] + node, home: home)
                #expect(sent.status == 0, "\(sent.error)")
            }
            #expect(line.hosted.changes("led") == 5)
            bridge.interrupt()
            let ended = try bridge.next()
            #expect(bridge.exitStatus() == 0)
            let requests = try #require(ended["requests"] as? [String: Int])
            #expect(requests["duplicated", default: 0] > 0 && requests["replayed", default: 0] > 0)
        }
    }

    @Test("What is no address, no node or no percentage is wrong usage; nobody at an address is out of reach")
    func wrong() throws {
        try program.withHome { home throws in
            for arguments in [
                ["gateway", "--node", "a=nowhere"], ["gateway", "--listen", "a b"], ["bridge", "--drop", "101"],
                ["bridge", "--delay", "9-3"],
                ["gateway", "--node", "a=emulated:x", "--node", "a=emulated:y", "--listen", "127.0.0.1:0"],
            ] {
                #expect(try program.run(arguments, home: home).status == 64, "\(arguments)")
            }
            let nobody = try program.run(["status", "--node", "coap://127.0.0.1:9", "--timeout", "5"], home: home)
            #expect(nobody.status == 3, "\(nobody.error)")
            #expect(try program.run(["gateway"], home: home, environment: ["HOME": home]).status == 3)
        }
    }
}
