// `lightnode flash` with boards in QEMU: an owned node gets new firmware and is still owned.
import Emulation
import Foundation
import Image
import Testing

@Suite("Flashing boards in QEMU", .serialized)
struct FlashCommandTests: WorkbenchSuite {
    let bench: Workbench

    init() throws { bench = try Workbench() }

    /// The light node as a plain binary with another build in its header: new firmware that does the same.
    private func nextBuild(_ name: String) throws -> URL {
        let board = try board(name)
        var flat = try checkedImage(name).flat
        flat.stampImageHeader(board: board, version: [0, 1, 0], origin: ImageOrigin(application: "blinky", build: 0x1234_5678))
        let file = scratch.url.appendingPathComponent("next-\(name).bin")
        try flat.write(to: file)
        return file
    }

    private func device(_ result: Program.Result) throws -> [String: Any] {
        try #require((try result.json()["nodes"] as? [[String: Any]])?.first, "\(result.output)\(result.error)")
    }

    private func state() throws -> [String: Any] {
        try #require(try lightnode("status", "--node", "emulated:lamp", "--json").json()["status"] as? [String: Any])
    }

    // R17
    @Test(
        "New firmware on an owned node: it comes back, says its version and state, and still obeys its owner",
        arguments: emulatedBoards)
    func reflash(board: String) throws {
        let old = try lightNodeImage(board).path, next = try nextBuild(board).path
        #expect(try lightnode("emulate", "start", "--board", board, "--name", "lamp", "--image", old, "--detach").status == 0)
        let provisioned = try lightnode.run(["provision", "--json"] + (board == "mps2-an386" ? ["--inject-identity"] : []))
        let label = try #require(try provisioned.json()["label"] as? String, "\(provisioned.error)")
        #expect(try lightnode("bind", label).status == 0)
        let before = try state()

        // Nothing is touched by looking, nor by an image for another board.
        let compared = try lightnode("flash", next, "--via", "emulated", "--verify-only", "--json")
        #expect(compared.status == 9 && compared.error.contains("differs from the image"), "\(compared.error)")
        let plan = try lightnode("flash", next, "--serial", "lamp", "--dry-run", "--json")
        #expect(try (device(plan)["report"] as? [String: Any])?["outcome"] as? String == "planned")
        let other = board == "microbit" ? "mps2-an386" : "microbit"
        let wrong = try lightnode("flash", try lightNodeImage(other).path, "--board", board, "--serial", "lamp", "--json")
        #expect(wrong.status == 8, "\(wrong.output)\(wrong.error)")
        #expect(try (wrong.failure()["error"] as? String)?.contains("is made for board “\(other)”") == true)
        #expect(try state()["highWater"] as? UInt64 == before["highWater"] as? UInt64)

        let flashed = try lightnode("flash", next, "--node", "emulated:lamp", "--json")
        #expect(flashed.status == 0, "\(flashed.output)\(flashed.error)")
        let node = try #require(try device(flashed)["node"] as? [String: Any])
        #expect(node["version"] as? String == before["version"] as? String && node["state"] as? String == "owned", "\(node)")
        #expect(try lightnode("flash", next, "--serial", "lamp", "--verify-only").status == 0)
        #expect(try lightnode("flash", old, "--serial", "lamp", "--verify-only").status == 9)
        #expect(node["address"] as? String == before["address"] as? String)
        #expect(try state()["epoch"] as? Int == before["epoch"] as? Int)
        #expect(try lightnode("send", "$('led').on()", "--json").json()["outcome"] as? String == "done")

        let again = try lightnode("flash", next, "--node", "emulated:lamp")
        #expect(
            again.status == 0 && again.output.contains("unchanged") && again.output.contains("version 0.1.0, owned"),
            "\(again.output)")
        #expect(!again.error.contains("turned off"))

        // Keys go only when someone says so.
        let refused = try lightnode("flash", next, "--node", "emulated:lamp", "--erase-all", "--json")
        let address = try #require(before["address"] as? String)
        #expect(refused.status == 64 && refused.error.contains(address), "\(refused.error)")
        #expect(try state()["state"] as? String == "owned")
        let erased = try lightnode("flash", old, "--node", "emulated:lamp", "--erase-all", "--yes", "--json")
        #expect(erased.status == 0, "\(erased.error)")
        #expect(try (device(erased)["node"] as? [String: Any])?["state"] as? String == "blank")
    }

    @Test("Two boards: one must be named, --all takes both, and an image that no board waits for says what to do")
    func several() throws {
        let image = try lightNodeImage("microbit").path
        let none = try lightnode("flash", image, "--via", "emulated", "--json")
        #expect(none.status == 3 && none.error.contains("lightnode emulate start --board microbit"), "\(none.error)")
        for name in ["one", "two"] {
            #expect(
                try lightnode("emulate", "start", "--board", "microbit", "--name", name, "--image", image, "--detach").status == 0
            )
            #expect(try lightnode("emulate", "stop", name).status == 0)
        }
        let next = try nextBuild("microbit").path
        let ambiguous = try lightnode("flash", next, "--via", "emulated", "--json")
        #expect(ambiguous.status == 64 && ambiguous.error.contains("--serial one") && ambiguous.error.contains("--serial two"))
        let all = try lightnode("flash", next, "--via", "emulated", "--all", "--json")
        #expect(all.status == 0, "\(all.error)")
        let devices = try #require(try all.json()["nodes"] as? [[String: Any]])
        #expect(devices.map { $0["serial"] as? String } == ["one", "two"])
        // Boards that were off stay off.
        #expect(devices.allSatisfy { $0["node"] == nil && ($0["report"] as? [String: Any])?["outcome"] as? String == "written" })
        #expect(EmulatedBoards(home: scratch.url).running.isEmpty)
    }

    @Test("`image show` describes an image and exits with 8 when it is damaged")
    func show() throws {
        let shown = try lightnode("image", "show", try lightNodeImage("microbit").path, "--json")
        #expect(shown.status == 0, "\(shown.error)")
        let facts = try shown.json()
        #expect(
            facts["magic"] as? String == "LNIM" && facts["board"] as? String == "microbit" && facts["mcu"] as? String == "nRF51")
        let file = try nextBuild("microbit")
        var bytes = try Data(contentsOf: file)
        bytes[0x1000] ^= 1
        try bytes.write(to: file)
        let damaged = try lightnode("image", "show", file.path)
        #expect(damaged.status == 8 && damaged.output.contains("not to be flashed"), "\(damaged.output)\(damaged.error)")
    }
}
