// Boards with a name: one supervisor each, reached through the registry.
import BoardFacts
import Foundation
import Image
import Reporting
import Testing

@testable import Emulation

@Suite final class NamedBoardTests: NamedBoardSuite {
    private func image() throws -> CheckedImage { try TinyImage.checked(for: microbit, code: idle, to: scratch.url) }

    func run(_ supervisor: Supervisor) -> Thread {
        let thread = Thread { try? supervisor.run() }
        thread.start()
        return thread
    }

    @Test("a named board is found by its name, answers requests, and keeps its flash when stopped and started")
    func lifecycle() throws {
        let first = try Supervisor(name: "kitchen", image: image(), boards: boards)
        let before = isInterruptIgnored
        let thread = run(first)
        #expect(boards.running.map(\.name) == ["kitchen"])
        #expect(try boards.find("kitchen").uart.hasSuffix("/line"))
        #expect(try boards.request("kitchen", .readRegister(0x260)) == "0xE7FE")
        #expect(try boards.request("kitchen", .powerCycle) == "done")
        #expect(try boards.request("kitchen", .display).hasPrefix("· · · · ·"))
        #expect(try boards.request("kitchen", .stop) == "stopped")
        for _ in 0..<1000 where !thread.isFinished { usleep(10_000) }
        #expect(thread.isFinished && isInterruptIgnored == before, "Ctrl-C means what it did")
    }

    private var isInterruptIgnored: Bool {
        var action = sigaction()
        sigaction(SIGINT, nil, &action)
        return unsafeBitCast(action.__sigaction_handler.sa_handler, to: Int.self) == 1
    }

    @Test("two boards cannot have one name, and a name stays with its kind of board")
    func oneName() throws {
        let first = try Supervisor(name: "kitchen", image: image(), boards: boards)
        #expect { _ = try Supervisor(name: "kitchen", image: image(), boards: boards) } throws: {
            "\($0)".contains("\"kitchen\" runs already")
                && ($0 as? Failure)?.remedy
                    == .either([.nameNode([.init("emulated:kitchen")]), .stopEmulated(name: "kitchen"), .nameEmulated])
        }
        _ = first
    }

    @Test("a name that is no name, and one that nobody has, are refused with advice")
    func names() throws {
        #expect { _ = try Supervisor(name: "../etc", image: image(), boards: boards) } throws: {
            "\($0)".contains("Use 1 to 40 letters")
        }
        #expect { _ = try boards.find("attic") } throws: {
            let failure = $0 as? Failure
            return failure?.what == "no emulated board \"attic\"" && failure?.remedy == .startEmulated(board: nil, name: nil)
        }
    }

    @Test("a killed emulator ends its supervisor with an error, the flash as saved")
    func killed() throws {
        let supervisor = try Supervisor(name: "cellar", image: image(), boards: boards)
        kill(try #require(supervisor.emulatorProcess), SIGKILL)
        #expect { try supervisor.run() } throws: { "\($0)".contains("ended by itself") }
        let flash = try Data(contentsOf: boards.stateFolder("cellar").appendingPathComponent("flash.bin"))
        #expect(flash.count == 262144)
    }
}
