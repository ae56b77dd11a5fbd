// Emulated boards that are killed while they are commanded: what was printed stays true.
import ControlNode
import Emulation
import Foundation
import Keystore
import NodeProtocol
import Reporting
import Testing
import Transport

@Suite("An emulated board that is killed under fire") struct BoardKillTests {
    /// Kills of each board, two at a time; `make soak` asks for a thousand.
    private static let kills = ProcessInfo.processInfo.environment["LIGHTNODE_BOARD_KILLS"].flatMap { Int($0) } ?? 4

    /// Seconds after which no more are begun; for who has little time.
    private static let seconds = ProcessInfo.processInfo.environment["LIGHTNODE_KILL_SECONDS"].flatMap { Double($0) }

    /// What the kills did to what an owner has seen.
    private struct Count {
        var (kills, receipts, replays, lost, repeated, deadEnds) = (0, 0, 0, 0, 0, 0)
    }

    private static func connect(_ boards: EmulatedBoards, _ controller: Controller) throws -> RemoteNode {
        let pipe = try UnixSocket.connect(path: try boards.find("fire").uart, name: "fire")
        return RemoteNode(CoAPClient(pipe, name: "fire", timing: .init(total: .seconds(5))), controller: controller)
    }

    /// QEMU of a supervisor: its one child.
    private static func emulator(of supervisor: Int32) -> Int32? {
        let tasks = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/\(supervisor)/task")) ?? []
        return tasks.lazy.compactMap { try? String(contentsOfFile: "/proc/\(supervisor)/task/\($0)/children", encoding: .utf8) }
            .flatMap { $0.split(separator: " ") }.compactMap { Int32($0) }.first
    }

    @Test(
        "No receipt that was handed over is lost, nothing is carried out twice, and the next command is done",
        arguments: emulatedBoards)
    func underFire(_ board: String) async throws {
        let bench = try Workbench()
        let boards = EmulatedBoards(home: bench.scratch.url)
        let node = try bench.emulate(board, "fire")
        let label = try #require(try bench.lightnode("provision", "--json", node[0], node[1]).json()["label"] as? String)
        try #require(try bench.lightnode("bind", label, node[0], node[1]).status == 0)
        let controller = try Controller(try Home(bench.scratch.url.path), passphrase: { nil })
        var count = Count()
        var receipts: [Receipt] = []
        var messages: [SignedMessage] = []
        /// Where in the log each number was seen.
        var places: [UInt64: UInt32] = [:]
        let end = Self.seconds.map { ContinuousClock.now + .seconds($0) }
        while count.kills < Self.kills, end.map({ .now < $0 }) ?? true {
            let owner = try Self.connect(boards, controller)
            let supervisor = try boards.find("fire").supervisor
            // The supervisor itself one time of four: its emulator goes with it.
            let victim = Int.random(in: 0..<4) == 0 ? supervisor : try #require(Self.emulator(of: supervisor))
            let killer = Task.detached {
                try await Task.sleep(for: .milliseconds(.random(in: 5...250)))
                kill(victim, SIGKILL)
            }
            do {
                let known = try await owner.known()
                while true {
                    let message = try owner.sign(Call(device: "led", method: "toggle"), for: known)
                    messages.append(message)
                    receipts.append(try await owner.transmit(message))
                }
            } catch is Failure {}
            try await killer.value
            await owner.client.close()
            for _ in 0..<1000 where boards.isRunning("fire") { try await Task.sleep(for: .milliseconds(10)) }
            let started = try bench.lightnode("emulate", "start", "--name", "fire", "--detach")
            try #require(started.status == 0, "\(started.error)")
            count.kills += 1

            let after = try Self.connect(boards, controller)
            for message in messages.suffix(2) {
                count.replays += 1
                // One that it had not taken before it may take now; one with a receipt never.
                let again = try? await after.transmit(message)
                if let again, receipts.contains(where: { $0.answers(message) && $0.index != again.index }) { count.repeated += 1 }
            }
            // What was there long before was looked at then.
            let recent = receipts.suffix(200)
            let entries = try await after.history(from: recent.first?.index ?? 0)
            let here = Dictionary(grouping: entries.receipts, by: \.index)
            count.lost += recent.count { receipt in here[receipt.index]?.first?.entry != receipt.entry }
            count.lost += entries.branches.reduce(0) { $0 + $1.receipts.count }
            for receipt in entries.receipts where receipt.type == .command {
                if places.updateValue(receipt.index, forKey: receipt.sequence) ?? receipt.index != receipt.index {
                    count.repeated += 1
                }
            }
            do { receipts.append(try await after.send(Call(device: "led", method: "on"))) } catch { count.deadEnds += 1 }
            await after.client.close()
        }
        count.receipts = receipts.count
        print(
            "\(board): \(count.kills) kills, \(count.receipts) receipts, \(count.replays) replays tried; \(count.lost) receipts lost, "
                + "\(count.repeated) carried out twice, \(count.deadEnds) dead ends")
        #expect(count.lost == 0 && count.repeated == 0 && count.deadEnds == 0)
        #expect(count.receipts > count.kills)
    }
}
