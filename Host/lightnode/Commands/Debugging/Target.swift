// A board to look into: an emulated one by its name, or the chip behind a debug probe.
import ArgumentParser
import BoardFacts
import Emulation
import Flashing
import Foundation
import Reporting
import Transport

/// `--node emulated:NAME`, or `--board` and `--serial` for a probe.
struct DebugTargetOptions: ParsableArguments {
    @Option(name: .shortAndLong, help: "An emulated board: emulated:NAME.", transform: { try NodeLocator(parsing: $0) })
    var node: NodeLocator?
    @Option(name: .shortAndLong, help: "The kind of board behind a debug probe.")
    var board: String?
    @Option(name: .shortAndLong, help: "The probe: its serial number or its port, when there are several.")
    var serial: String?

    func validate() throws {
        if node != nil, board != nil || serial != nil {
            throw ValidationError("--node names an emulated board, --board and --serial what is behind a probe: give one.")
        }
    }

    enum Target {
        case emulated(String)
        case probe(OpenOCDWay, Board, FlashCandidate)
    }

    /// What is meant: what is named, or the only emulated board that runs.
    func target() throws -> Target {
        if let node {
            guard case .emulated(let name) = node else {
                throw Failure(
                    .usage, "“\(node)” is no board to be looked into", about: "\(node)",
                    advice: "Name an emulated board as emulated:NAME, or with --board the kind of board behind a debug probe")
            }
            return .emulated(name)
        }
        if let board {
            let facts = try BoardCatalogue().board(board), way = OpenOCDWay()
            let chosen = try FlashSelection(ways: [way], via: .openocd, serial: serial).choose(for: facts)
            return .probe(way, facts, chosen.devices[0])
        }
        let running = EmulatedBoards().running.map(\.name)
        guard running.count == 1 else {
            throw Failure(
                .usage, running.isEmpty ? "no board is named, and no emulated one runs" : "\(running.count) emulated boards run",
                remedy: running.isEmpty
                    ? .startEmulated(board: nil, name: nil) : .nameNode(running.map { .init("emulated:\($0)") }))
        }
        return .emulated(running[0])
    }
}
