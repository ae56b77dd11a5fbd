import Foundation
import Reporting
import Testing

@testable import Transport

@Suite("Lines to nodes")
struct LineTests {
    @Test("A serial line is raw: every byte value passes both ways unchanged")
    func serial() async throws {
        var master: Int32 = 0
        var slave: Int32 = 0
        var name = [CChar](repeating: 0, count: 128)
        #expect(openpty(&master, &slave, &name, nil, nil) == 0)
        let path = String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        let pipe = try SerialLine.open(path: path)
        var settings = termios()
        tcgetattr(slave, &settings)
        #expect(cfgetospeed(&settings) == speed_t(B115200))

        let all = Array(UInt8.min...UInt8.max)
        try await pipe.send(all)
        var received = [UInt8](repeating: 0, count: 512)
        #expect(read(master, &received, received.count) == 256)
        #expect(Array(received.prefix(256)) == all)

        #expect(write(master, all, 256) == 256)
        var incoming: [UInt8] = []
        for try await chunk in pipe.incoming {
            incoming += chunk
            if incoming.count >= 256 { break }
        }
        #expect(incoming == all)

        // A second program is told that the line is in use.
        #expect { try SerialLine.open(path: path) } throws: { ($0 as? Failure)?.what.contains("in use") == true }
        pipe.close()
        close(master)
        close(slave)
    }

    /// A pseudo-terminal, its other side, and its path.
    private func terminal() throws -> (master: Int32, slave: Int32, path: String) {
        var ends: (Int32, Int32) = (0, 0)
        var name = [CChar](repeating: 0, count: 128)
        try #require(openpty(&ends.0, &ends.1, &name, nil, nil) == 0)
        return (ends.0, ends.1, String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self))
    }

    @Test(
        "A line that a program has taken for itself is shared with nobody, root included, and is free when that program gives it up"
    )
    func exclusive() throws {
        let (master, slave, path) = try terminal()
        defer { for end in [master, slave] { close(end) } }
        #expect(ioctl(slave, UInt(TIOCEXCL)) == 0)
        #expect { try SerialLine.open(path: path) } throws: {
            let failure = $0 as? Failure
            // The system refuses it to a user, and we to root; neither is a matter of cables.
            return failure?.kind == .unreachable && failure?.what.contains("\(path) is in use by") == true
                && failure?.advice.contains("cable") == false
        }
        #expect(ioctl(slave, UInt(TIOCNXCL)) == 0)
        let pipe = try SerialLine.open(path: path)
        var taken: Int32 = 0
        #expect(ioctl(slave, 0x8004_5440, &taken) == 0 && taken == 1)
        pipe.close()
    }

    @Test("A line that we gave up is free for others, though one of them had it open all the time")
    func givenUp() async throws {
        let (master, slave, path) = try terminal()
        defer { for end in [master, slave] { close(end) } }
        let pipe = try SerialLine.open(path: path)
        pipe.close()
        for try await _ in pipe.incoming {}
        var taken: Int32 = 1
        #expect(ioctl(slave, 0x8004_5440, &taken) == 0 && taken == 0)
        let again = try SerialLine.open(path: path)
        again.close()
    }

    @Test("The program that keeps a line busy is named, and EBUSY is not taken for a broken cable")
    func users() throws {
        let (master, slave, path) = try terminal()
        defer { for end in [master, slave] { close(end) } }
        let other = Process(), input = Pipe(), output = Pipe()
        other.executableURL = URL(fileURLWithPath: "/bin/sh")
        other.arguments = ["-c", "exec 3<>'\(path)' && echo && read x"]
        (other.standardInput, other.standardOutput) = (input, output)
        try other.run()
        defer {
            try? input.fileHandleForWriting.close()
            other.waitUntilExit()
        }
        _ = output.fileHandleForReading.availableData
        let found = SerialLine.refused(path, EBUSY)
        #expect(found.what == "\(path) is in use by sh (process \(other.processIdentifier))" && found.kind == .unreachable)
        #expect(
            SerialLine.refused(path, EIO).advice.contains("cable")
                && SerialLine.refused(path, EIO).what.contains("Input/output error"))
    }

    @Test("Where ModemManager runs, a busy line may be its doing, and the rule that keeps it away is offered")
    func modemManager() throws {
        let folder = FileManager.default.temporaryDirectory.path + "/ln-proc-\(UInt32.random(in: 0 ... .max))"
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try FileManager.default.createDirectory(atPath: folder + "/812", withIntermediateDirectories: true)
        try Data("ModemManager\n".utf8).write(to: URL(fileURLWithPath: folder + "/812/comm"))
        let users = LineUsers(of: "/dev/ttyACM0", processes: folder)
        #expect(users.description == "another program")
        guard case .either(let ways) = users.remedy else {
            Issue.record("\(users.remedy)")
            return
        }
        #expect(ways.contains(.installUSBRule) && ways[0].prose.contains("ModemManager runs"))
        #expect(LineUsers(of: "/dev/ttyACM0", processes: folder + "/none").remedy.prose.contains("Close it"))
    }

    @Test(
        "What is no serial line, is absent, or has a strange speed is named",
        arguments: ["/dev/null", "/nonexistent/tty", "/etc/hostname"])
    func noSerialLine(_ path: String) {
        #expect { try SerialLine.open(path: path) } throws: { ($0 as? Failure)?.what.contains(path) == true }
    }

    @Test("A socket that nobody serves, or whose path is too long, is named")
    func noSocket() {
        #expect { try UnixSocket.connect(path: "/nonexistent/uart", name: "emulated:one") } throws: {
            ($0 as? Failure)?.kind == .unreachable && ($0 as? Failure)?.what.contains("emulated:one") == true
        }
        #expect(throws: Failure.self) { try UnixSocket.connect(path: "/" + String(repeating: "x", count: 200), name: "x") }
    }

    @Test(
        "A locator is read and printed alike",
        arguments: ["emulated:one", "serial:/dev/ttyACM0", "usb:0123456789AB", "coap://[::1]:5683", "serial:/dev/with:colon"])
    func locator(_ text: String) throws {
        #expect(try NodeLocator(parsing: text).description == text)
    }

    @Test(
        "What is no locator is refused with the forms there are",
        arguments: ["", "one", "emulated:", "tcp:host", "coap://", ":x"])
    func noLocator(_ text: String) {
        #expect { try NodeLocator(parsing: text) } throws: { ($0 as? Failure)?.advice.contains("emulated:NAME") == true }
    }

    private struct Fixed: NodeSource {
        var names: [String]
        func candidates() throws -> [NodeCandidate] { names.map { NodeCandidate(.emulated(name: $0), note: "microbit") } }
        func open(_ locator: NodeLocator) async throws -> (any BytePipe)? { nil }
    }

    @Test("One candidate needs no name; with several the error lists them; with none it says what to do")
    func choice() throws {
        #expect(try NodeFinder([Fixed(names: ["one"])]).choose(nil) == .emulated(name: "one"))
        #expect(try NodeFinder([Fixed(names: ["one", "two"])]).choose(.emulated(name: "two")) == .emulated(name: "two"))
        #expect { try NodeFinder([Fixed(names: ["one"]), Fixed(names: ["two"])]).choose(nil) } throws: {
            let failure = $0 as? Failure
            return failure?.kind == .usage
                && failure?.remedy
                    == .nameNode([.init("emulated:one", note: "microbit"), .init("emulated:two", note: "microbit")])
        }
        #expect { try NodeFinder([Fixed(names: [])]).choose(nil) } throws: { ($0 as? Failure)?.kind == .unreachable }
    }

    @Test("Serial lines are found with the names that the system gives them")
    func serialCandidates() throws {
        let folder = FileManager.default.temporaryDirectory.path + "/ln-dev-\(UInt32.random(in: 0 ... .max))"
        try FileManager.default.createDirectory(atPath: folder + "/serial/by-id", withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        for name in ["ttyACM0", "ttyUSB1", "tty0", "null"] { try Data().write(to: URL(fileURLWithPath: folder + "/" + name)) }
        try FileManager.default.createSymbolicLink(
            atPath: folder + "/serial/by-id/usb-Example_Board-if00", withDestinationPath: folder + "/ttyACM0")
        let found = try SerialSource(folder: folder).candidates()
        #expect(found.map(\.locator) == [.serial(path: folder + "/ttyACM0"), .serial(path: folder + "/ttyUSB1")])
        #expect(found.map(\.note) == ["usb-Example_Board-if00", ""])
    }
}
