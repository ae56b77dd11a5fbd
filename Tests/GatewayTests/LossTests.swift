import Foundation
import HostedNode
import Testing
import Transport

@testable import Bridge
@testable import ControlNode
@testable import NodeProtocol

@Suite("A network that loses one message of ten", .serialized) struct LossTests {
    /// Commands; ten thousand in `make soak`.
    private static let commands = ProcessInfo.processInfo.environment["LIGHTNODE_LOSS_COMMANDS"].flatMap { Int($0) } ?? 150

    @Test("Commands are done, each once, with the times of the program's own --timeout")
    func tenPerCent() async throws {
        let stage = try await Stage()
        let flash = stage.hosted.flash
        await stage.owner.client.close()
        let hosted = HostedNode(flash: flash)
        var faults = Faults()
        (faults.drop, faults.seed) = (10, .random(in: 0 ... .max))
        let link = FaultyLink(SlipmuxLink(hosted), faults: faults)
        // As often as in 15 s, in a fifth of the time.
        let client = CoAPClient(link, name: "far", timing: .init(total: .seconds(3)))
        let remote = RemoteNode(client, controller: stage.owner.controller)
        var (done, others): (Int, [String]) = (0, [])
        for _ in 0..<Self.commands {
            do {
                let receipt = try await remote.send(Call(device: "led", method: "toggle"))
                if receipt.outcome == .done { done += 1 } else { others.append("\(receipt.outcome)") }
            } catch { others.append("\(error)") }
        }
        let (requests, answers) = link.counts
        print(
            "\(done) of \(Self.commands) commands done; seed \(faults.seed), \(requests.dropped + answers.dropped) messages lost",
            others)
        // 99.9 per cent; of fewer than a thousand one may fail by chance.
        #expect(done >= Self.commands - max(1, Self.commands / 1000), "\(others)")
        #expect(hosted.changes("led") >= done && hosted.changes("led") <= Self.commands)
    }
}
