// The commands that find nodes by themselves or run until they are ended, with something hostile at the other end.
import BoardFacts
import Emulation
import Foundation
import HostedNode
import Testing

@testable import HostCrypto
@testable import NodeProtocol

@Suite("Lists, gateways and bridges before something hostile", .serialized)
struct HostileListTests {
    private let program = CommandLineTests()

    /// A program that runs until it is interrupted, and all that it prints.
    private final class Server {
        private let process = Process()
        private let (output, error) = (Pipe(), Pipe())
        private(set) var text = ""

        init(_ arguments: [String], home: String) throws {
            process.executableURL = CommandLineTests.program
            process.arguments = arguments
            process.environment = ["LIGHTNODE_HOME": home, "PATH": "/usr/bin:/bin"]
            (process.standardOutput, process.standardError) = (output, error)
            try process.run()
        }

        deinit { kill(process.processIdentifier, SIGKILL) }

        /// Waits for the URL that it serves.
        func url() throws -> String {
            while let byte = try output.fileHandleForReading.read(upToCount: 1), !byte.isEmpty {
                text += String(decoding: byte, as: UTF8.self)
                if let start = text.range(of: "coap://"), text.last == "\n" || text.last == " " {
                    return String(text[start.lowerBound...].prefix { !$0.isWhitespace })
                }
            }
            throw POSIXError(.EPIPE)
        }

        func end() {
            process.interrupt()
            for pipe in [output, error] {
                text += String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
            }
            process.waitUntilExit()
        }
    }

    @Test("A gateway and a bridge before a hostile node print nothing that a terminal obeys", arguments: ["gateway", "bridge"])
    func servers(_ command: String) throws {
        try program.withHome { home throws in
            for fault in [HostileBridge.Fault.texts, .problem, .garbage, .truncate, .blocks, .numbers(.max)] {
                let hosted = HostedNode()
                let line = ChainTests.Line(hosted)
                let bridge = HostileBridge(fault, at: .from(0))
                hosted.lead { bridge.pass($0, $1) }
                let server = try Server([command, "--node", "serial:\(line.path)", "--listen", "127.0.0.1:0"], home: home)
                let url = try server.url()
                var texts: [String] = []
                for arguments in [["status"], ["devices"], ["status", "--json"]] {
                    let result = try program.run(arguments + ["--node", url, "--timeout", "1"], home: home)
                    #expect([0, 1, 2, 3, 4, 5, 6, 64].contains(result.status), "\(fault): \(result)")
                    texts += [result.output, result.error]
                }
                server.end()
                texts.append(server.text)
                #expect(texts.compactMap(HostileRun.unprintable).isEmpty, "\(command), \(fault): \(texts)")
            }
        }
    }

    /// A socket at which a node answers, as that of an emulated board's UART.
    private final class Socket {
        private let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)

        init(_ path: String, _ hosted: HostedNode) throws {
            var address = sockaddr_un()
            address.sun_family = sa_family_t(AF_UNIX)
            withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8.prefix($0.count - 1)) }
            let result = withUnsafePointer(to: &address) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
                }
            }
            try #require(result == 0 && listen(descriptor, 4) == 0)
            let listener = descriptor
            Thread.detachNewThread {
                let connection = accept(listener, nil, nil)
                guard connection >= 0 else { return }
                // Whoever asked may be gone by now: that must not end the process that runs the tests.
                Task {
                    for try await bytes in hosted.incoming {
                        _ = send(connection, bytes, bytes.count, Int32(MSG_NOSIGNAL))
                    }
                }
                hosted.receive(from: connection)
            }
        }

        deinit { shutdown(descriptor, Int32(SHUT_RDWR)) }
    }

    @Test("A list of nodes shows what hostile ones say as plain text, on one line each")
    func list() throws {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let board = try JSONSerialization.jsonObject(
            with: try JSONEncoder().encode(try BoardCatalogue(root: root).board("microbit")))
        for fault in [HostileBridge.Fault.texts, .problem, .garbage, .numbers(.max), .truncate] {
            try program.withHome { home throws in
                let folder = home + "/emulated/one"
                try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
                let record: [String: Any] = [
                    "name": "one", "board": board, "imageSource": "x", "supervisor": 1, "uart": folder + "/uart",
                    "control": folder + "/control", "started": 0,
                ]
                try JSONSerialization.data(withJSONObject: record).write(to: URL(fileURLWithPath: folder + "/record.json"))
                let lock = open(folder + "/lock", O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
                defer { close(lock) }
                try #require(flock(lock, LOCK_EX) == 0)
                for json in [[], ["--json"]] {
                    let hosted = HostedNode()
                    let bridge = HostileBridge(fault, at: .from(0))
                    hosted.lead { bridge.pass($0, $1) }
                    unlink(folder + "/uart")
                    let socket = try Socket(folder + "/uart", hosted)
                    defer { _ = socket }
                    let result = try program.run(["list", "--timeout", "1"] + json, home: home)
                    #expect(result.status == 0 && result.output.contains("emulated:one"), "\(fault): \(result)")
                    #expect(bridge.count > 0, "the node was asked")
                    #expect([result.output, result.error].compactMap(HostileRun.unprintable).isEmpty, "\(fault): \(result)")
                    if json.isEmpty {
                        #expect(result.output.split(separator: "\n").filter { !$0.hasPrefix("    ") }.count == 1, "\(result)")
                    }
                }
            }
        }
    }
}
