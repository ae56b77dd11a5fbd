// lightnode bridge: a relay for testing that drops, duplicates, delays, reorders and replays on request.
import ArgumentParser
import Bridge
import Foundation
import Transport

struct BridgeCommand: AsyncParsableCommand, JSONCapable {
    static let configuration = CommandConfiguration(
        commandName: "bridge",
        abstract: "Relay CoAP to a node as a bad network would: drop, duplicate, delay, reorder, replay.",
        discussion: """
            EXAMPLE:
              lightnode bridge --node emulated:one --drop 20 --duplicate 20 --reorder 20 --replay 10 --seed 7
              lightnode send --node coap://127.0.0.1:5684 '$("led").toggle()'

            For testing: whatever it does, a state change holds and a control command is carried out once. Ctrl-C ends it and
            shows what it did.
            """)

    @OptionGroup var node: NodeOption

    @Option(help: "The address and port to listen at.", transform: { try ListenAddress.parse($0) })
    var listen: SocketAddress?

    @Option(help: "Per cent of messages that are lost.")
    var drop = 0
    @Option(help: "Per cent of messages that arrive twice.")
    var duplicate = 0
    @Option(help: "Per cent of messages that a later one overtakes.")
    var reorder = 0
    @Option(help: "Per cent of requests after which an earlier one comes again, in a new message.")
    var replay = 0
    @Option(help: ArgumentHelp("By how many milliseconds messages are late.", valueName: "least-most"))
    var delay = "0"
    @Option(help: "Decides which messages meet which fault.")
    var seed: UInt64 = 1

    @OptionGroup var output: Output

    func validate() throws {
        guard [drop, duplicate, reorder, replay].allSatisfy({ (0...100).contains($0) }) else {
            throw ValidationError("Per cent are 0 to 100.")
        }
        _ = try milliseconds()
    }

    private func milliseconds() throws -> ClosedRange<Duration> {
        let parts = delay.split(separator: "-", omittingEmptySubsequences: false).map { Int($0) }
        guard parts.count <= 2, let least = parts[0], let most = parts[parts.count - 1], 0 <= least, least <= most, most <= 60_000
        else { throw ValidationError("--delay takes milliseconds up to 60000: 20 or 0-200.") }
        return .milliseconds(least) ... .milliseconds(most)
    }

    func run() async throws {
        var faults = Faults()
        (faults.drop, faults.duplicate, faults.reorder, faults.replay, faults.seed) = (drop, duplicate, reorder, replay, seed)
        faults.delay = try milliseconds()
        let locator = try await NodePlace.find(node.name).locator
        let link = try await NodeOptions.finder.connect(locator)
        let bridge = try Bridge(
            at: try listen ?? SocketAddress(host: "127.0.0.1", port: UDPLink.defaultPort + 1), to: link, faults: faults)
        output.show(Started(listening: "coap://\(bridge.address)", node: locator))
        try Output.deliver()
        let signals = [SIGINT, SIGTERM].map { number in
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
            source.setEventHandler { bridge.close() }
            source.activate()
            return source
        }
        defer { for source in signals { source.cancel() } }
        try await bridge.run()
        let (requests, answers) = bridge.counts
        output.show(Ended(requests: requests, answers: answers))
        try Output.deliver()
    }

    struct Started: Encodable, CustomStringConvertible {
        let listening: String
        let node: NodeLocator

        var description: String { "\(listening) leads to \(node), badly; Ctrl-C ends it" }
    }

    struct Ended: Encodable, CustomStringConvertible {
        let requests: FaultCounts
        let answers: FaultCounts

        var description: String { "requests   \(requests)\nanswers    \(answers)" }
    }
}
