// Hands on an emulated board, as a developer has them: press, set, look, read the log, attach a debugger, read the flash.
import Foundation
import Testing

@Suite("Hands on an emulated board", .serialized)
struct HandsTests: WorkbenchSuite {
    let bench: Workbench

    init() throws { bench = try Workbench() }

    /// Waits until the program says so.
    private func wait(_ seconds: Double = 20, for condition: () throws -> Bool) throws -> Bool {
        let end = Date().addingTimeInterval(seconds)
        while Date() < end {
            if try condition() { return true }
            usleep(50_000)
        }
        return try condition()
    }

    private func reading(_ pin: String, of name: String) throws -> [String: Any] {
        let shown = try lightnode("emulate", "pins", name, pin, "--json")
        let pins = try JSONSerialization.jsonObject(with: Data(shown.output.utf8)) as? [[String: Any]]
        return try #require(pins?.first, "\(shown.output)\(shown.error)")
    }

    private func owned(_ board: String, _ name: String) throws {
        let node = try bench.emulate(board, name)
        let provisioned = try lightnode.run(["provision", "--json", "--inject-identity"] + node)
        let label = try #require(try provisioned.json()["label"] as? String, "\(provisioned.error)")
        #expect(try lightnode.run(["bind", label] + node).status == 0)
    }

    @Test("A button that is pressed by its name is low at its pin and pressed to the node; let go, it is neither")
    func press() throws {
        try owned("microbit", "hands")
        let node = ["--node", "emulated:hands"]
        #expect(try reading("button-a", of: "hands")["meaning"] as? String == "released")
        #expect(try lightnode("emulate", "press", "hands", "button-a", "--hold").status == 0)
        let pin = try reading("P0.17", of: "hands")
        #expect(pin["isHigh"] as? Bool == false && pin["meaning"] as? String == "pressed" && pin["name"] as? String == "button-a")
        #expect(try wait { try lightnode.run(["devices", "button-a"] + node).output.contains("true") })
        #expect(try lightnode("emulate", "release", "hands", "button-a").status == 0)
        #expect(try wait { try lightnode.run(["devices", "button-a"] + node).output.contains("false") })

        let unknown = try lightnode("emulate", "press", "hands", "button-c")
        #expect(unknown.status == 64 && unknown.error.contains("button-a, button-b"), "\(unknown.error)")
        let driven = try lightnode("emulate", "set", "hands", "lock", "high")
        #expect(driven.status == 64 && driven.error.contains("driven by the firmware"), "\(driven.error)")
        let wrong = try lightnode("emulate", "set", "hands", "button-a", "loud")
        #expect(wrong.status == 64 && wrong.error.contains("no level"), "\(wrong.error)")
    }

    @Test("What the firmware drives is seen at the pin, by the direction register too, and followed as it changes")
    func pins() throws {
        try owned("microbit", "pins")
        let before = try reading("lock", of: "pins")
        #expect(
            before["isOutput"] as? Bool == true && before["isHigh"] as? Bool == false && before["meaning"] as? String == "off")
        let follow = Process(), output = Pipe()
        follow.executableURL = Program.beside("lightnode")
        follow.arguments = ["emulate", "pins", "pins", "relay", "--follow", "--json"]
        follow.environment = ["LIGHTNODE_HOME": lightnode.home, "PATH": "/usr/bin:/bin"]
        follow.currentDirectoryURL = sourceRoot
        follow.standardOutput = output
        try follow.run()
        defer { follow.terminate() }
        var said = String(decoding: output.fileHandleForReading.availableData, as: UTF8.self)
        #expect(said.contains("\"isHigh\":false"))
        #expect(try lightnode("send", "$('relay').on()").status == 0)
        said = String(decoding: output.fileHandleForReading.availableData, as: UTF8.self)
        #expect(said.contains("\"isHigh\":true") && said.contains("\"meaning\":\"on\""), "\(said)")
        let all = try lightnode("emulate", "pins", "pins").output
        #expect(all.contains("P0.17") && all.contains("column9") && !all.contains("NOT CONFIGURED"), "\(all)")
        let none = try lightnode("emulate", "pins", "pins", "siren")
        #expect(none.status == 64 && none.error.contains("button-a"))
    }

    @Test("A part measures what it is told: the thermometer of the M4 board, below zero too; the other board has none there")
    func thermometer() throws {
        try owned("mps2-an386", "warm")
        func read() throws -> Int? {
            let sent = try lightnode("send", "$('thermometer').read()", "--node", "emulated:warm", "--json")
            return try sent.json()["value"] as? Int
        }
        #expect(try read() == 21_000)
        #expect(try lightnode("emulate", "set", "warm", "thermometer", "25.5").status == 0)
        #expect(try read() == 25_500)
        #expect(try lightnode("emulate", "reset", "warm").status == 0)
        #expect(try wait { try read() == 25_500 }, "a room keeps its temperature when a chip is reset")
        #expect(try lightnode("emulate", "set", "warm", "thermometer", "-5").status == 0)
        #expect(try read() == -5000)
        let hot = try lightnode("emulate", "set", "warm", "thermometer", "warm")
        #expect(hot.status == 64 && hot.error.contains("Give a number in °C"), "\(hot.error)")
        let button = try lightnode("emulate", "press", "warm", "button")
        #expect(button.status == 4 && button.error.contains("does not model the input pins"), "\(button.error)")
        // A board that is provisioned after another kind of board is no member of the other's batch.
        try owned("microbit", "cold")
        let cold = try lightnode("emulate", "set", "cold", "thermometer", "20")
        #expect(cold.status == 64 && cold.error.contains("no part that thermometer measures with"), "\(cold.error)")
    }

    @Test("What a board said is kept from its first boot on, with time and level, whoever listened, and after it was turned off")
    func log() throws {
        _ = try bench.emulate("microbit", "said")
        func log(_ options: String...) throws -> [String] {
            let shown = try lightnode.run(["emulate", "log", "said"] + options)
            #expect(shown.status == 0, "\(shown.error)")
            return shown.output.split(separator: "\n").map(String.init)
        }
        #expect(try wait { try log().contains { $0.hasSuffix(" info light node: blank") } })
        #expect(try lightnode("reset", "--node", "emulated:said").status == 0)
        #expect(try wait { try log("--filter", "light node").count == 2 })
        #expect(try log("--level", "board").map { $0.dropFirst(24) } == [" board power on", " board reset"])
        #expect(try log("--level", "fault").isEmpty)
        let first = try #require(try log().first?.firstMatch(of: #/^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z) /#))
        let time = try Date(String(first.1), strategy: Date.ISO8601FormatStyle(includingFractionalSeconds: true))
        #expect(abs(time.timeIntervalSinceNow) < 600)
        // It has a display after it was turned off and on, and its log goes on.
        #expect(try lightnode("emulate", "stop", "said").status == 0)
        #expect(try lightnode("emulate", "start", "--board", "microbit", "--name", "said", "--detach").status == 0)
        #expect(try lightnode("emulate", "display", "said").output.contains("· · · · ·"))
        let file = scratch.url.path + "/said.txt"
        #expect(try wait { try log("--filter", "light node").count == 3 })
        #expect(try log("--last", "1", "--out", file).isEmpty)
        #expect(try String(contentsOfFile: file, encoding: .utf8).hasSuffix("light node: blank\n"))
    }

    @Test("A debugger stops at a line of a source, sees how it came there, and the node goes on when it is gone")
    func debug() throws {
        _ = try bench.emulate("microbit", "debugged")
        let path = "Firmware/NodeRuntime/BoardPlatform.swift"
        let source = try String(contentsOf: sourceRoot.appendingPathComponent(path), encoding: .utf8)
        let line = try #require(source.components(separatedBy: "\n").firstIndex { $0.hasPrefix("func uptime()") }) + 1
        let stopped = try lightnode(
            "debug", "--node", "emulated:debugged", "--", "-batch", "-ex", "tbreak BoardPlatform.swift:\(line)", "-ex",
            "continue",
            "-ex", "backtrace 3", "-ex", "detach")
        #expect(stopped.status == 0, "\(stopped.error)")
        #expect(stopped.output.contains("Temporary breakpoint 1, "), "\(stopped.output)\(stopped.error)")
        #expect(stopped.output.contains("BoardPlatform.swift:\(line)"), "\(stopped.output)")
        #expect(stopped.output.contains("func uptime() -> UInt64 {"), "its source is found: \(stopped.output)")
        #expect(try lightnode("status", "--node", "emulated:debugged").status == 0, "it runs on")
    }

    @Test("A flash that is read holds the image, for its owner's eyes alone; the store is read alone")
    func read() throws {
        _ = try bench.emulate("microbit", "held")
        let file = scratch.url.appendingPathComponent("flash.bin")
        let read = try lightnode("flash", "read", file.path, "--node", "emulated:held", "--json")
        #expect(read.status == 0, "\(read.error)")
        #expect(try read.json()["size"] as? Int == 0x40000)
        let image = try checkedImage("microbit").flat
        #expect(try Data(contentsOf: file).prefix(image.count) == image)
        let mode = try FileManager.default.attributesOfItem(atPath: file.path)[.posixPermissions] as? Int
        #expect(mode == 0o600)
        _ = try bench.emulate("mps2-an386", "apart")
        let store = try lightnode("flash", "read", file.path, "--node", "emulated:apart", "--store", "--json")
        #expect(store.status == 0, "\(store.error)")
        #expect(try store.json()["size"] as? Int == 0x10000)
    }

    @Test("Status, image show and the factory's record say what runs: application, version, commit")
    func whatRuns() throws {
        let node = try bench.emulate("microbit", "named")
        let shown = try lightnode("image", "show", try lightNodeImage("microbit").path, "--json").json()
        #expect(shown["application"] as? String == "light-node")
        let commit = try #require(shown["build"] as? String)
        let status = try #require(try lightnode.run(["status", "--json"] + node).json()["status"] as? [String: Any])
        #expect(status["application"] as? String == "light-node" && status["commit"] as? String == commit)
        #expect(status["isChanged"] as? Bool == shown["isChanged"] as? Bool)
        #expect(try lightnode.run(["status"] + node).output.contains("firmware   light-node 0.1.0+\(commit)"))
        #expect(try lightnode.run(["provision"] + node).status == 0)
        let record = try lightnode("batch", "show", "default", "1").output
        #expect(record.contains("runs light-node 0.1.0+\(commit)"), "\(record)")
        let version = try lightnode("--version")
        #expect(version.status == 0 && version.output.hasPrefix("lightnode 0.1.0"), "\(version.output)")
    }
}
