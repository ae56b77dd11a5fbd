// lightnode watch: what happens in a node's devices, live.
import ArgumentParser
import ControlNode
import Foundation
import NodeProtocol

struct Watch: OptionedCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show events and changes of state as they happen, each signed by the node.",
        discussion: """
            EXAMPLE:
              lightnode watch
              lightnode watch button-a thermometer --count 10 --json

            Events are numbered by the node: what was lost on the way is shown as a gap. With --json each line is one object. Ends after
            --count events or with Ctrl-C. Needs no ownership: whoever can talk to a node may watch it. Of a node that this control node
            does not know the signatures say only that they are of the address shown; --mine refuses such a one.
            """)

    @Argument(help: "Only these devices of the node.")
    var names: [String] = []
    @Option(help: "End after so many events.")
    var count: Int?
    @Flag(help: "Only a node that this control node has bound: whatever else answers is refused.")
    var mine = false
    @OptionGroup var options: ActingOptions

    func run() async throws {
        if let count, count < 1 { throw ValidationError("--count takes a number from 1.") }
        try await options.withNode(as: try options.key.controllerOrNew(output)) { node in
            var left = count ?? .max
            for try await event in try await node.happenings(onlyKnown: mine) {
                if case .sample(let sample) = event, !names.isEmpty, !names.contains(sample.device) { continue }
                show(event)
                if case .sample = event { left -= 1 }
                if try left == 0 || !Output.isFollowed() { return }
            }
        }
    }

    private func show(_ event: Happening) {
        if output.json {
            Output.write(Output.line(Line(event)))
        } else {
            let time = Date.now.formatted(.iso8601.time(includingFractionalSeconds: true).timeSeparator(.colon))
            Output.write("\(time)  \(Self.text(event))")
        }
    }

    private static func text(_ event: Happening) -> String {
        switch event {
        case .sample(let sample):
            "#\(sample.number) \(sample.device)" + (sample.event.map { " \($0)" } ?? "")
                + (sample.value.map { " = \($0)" } ?? "")
        case .missed(let numbers):
            numbers.count == 1
                ? "#\(numbers.lowerBound) was lost" : "#\(numbers.lowerBound) to #\(numbers.upperBound - 1) were lost"
        case .restarted: "the node was powered on again"
        }
    }

    /// One event as JSON: which of the fields are there depends on `kind`.
    struct Line: Encodable {
        let kind: String
        var sample: Sample?
        var from: UInt32?
        var to: UInt32?
        var boot: UInt32?

        init(_ event: Happening) {
            switch event {
            case .sample(let sample): (kind, self.sample) = ("sample", sample)
            case .missed(let numbers): (kind, from, to) = ("gap", numbers.lowerBound, numbers.upperBound - 1)
            case .restarted(let boot): (kind, self.boot) = ("restarted", boot)
            }
        }
    }
}
