// lightnode batch: what the factory has made.
import ArgumentParser
import Foundation
import Provisioning
import Records
import Reporting

struct BatchCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "batch",
        abstract: "List what was provisioned, export it as signed manifests, and verify those.",
        discussion: """
            EXAMPLE:
              lightnode batch list
              lightnode batch show lamps-1
              lightnode batch report --since 8h
              lightnode batch export lamps-1 --format csv --out lamps-1.csv
              lightnode batch verify lamps-1.csv
            """,
        subcommands: [
            BatchList.self, BatchShow.self, BatchReport.self, BatchExport.self, BatchVerify.self, BatchImport.self,
            BatchDiscard.self,
        ])
}

struct BatchList: AsyncParsableCommand, JSONCapable {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "All batches, with their counts.",
        discussion: """
            EXAMPLE:
              lightnode batch list --json
            """)
    @OptionGroup var station: StationOptions
    @OptionGroup var output: Output

    func run() async throws {
        let records = try station.station().recordsToRead()
        output.show(
            list: try records.batches().map { Line(batch: $0, nodes: try records.nodes(batch: $0.name)) }, empty: "no batches"
        )
    }

    struct Line: Encodable, CustomStringConvertible {
        let batch: Batch
        let done: Int
        let toBeRedone: Int
        let discarded: Int

        init(batch: Batch, nodes: [NodeRecord]) {
            self.batch = batch
            done = nodes.count { $0.step == .done }
            discarded = nodes.count { $0.step == .discarded }
            toBeRedone = nodes.count - done - discarded
        }

        var description: String {
            let kind = batch.board.isEmpty ? "nothing yet" : "\(batch.board), firmware \(batch.firmware)"
            return "\(batch.name)\(batch.isTest ? "  TEST" : "")  \(kind)  \(done) done"
                + (toBeRedone > 0 ? ", \(toBeRedone) to be redone" : "") + (discarded > 0 ? ", \(discarded) discarded" : "")
        }
    }
}

struct BatchShow: AsyncParsableCommand, JSONCapable {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "The nodes of a batch, or all that happened to one of them.",
        discussion: """
            EXAMPLE:
              lightnode batch show lamps-1
              lightnode batch show lamps-1 12
            """)
    @Argument(help: "The batch.", completion: Completions.batches) var batch: String
    @Argument(help: "The serial number of one node.") var serial: Int64?
    @OptionGroup var station: StationOptions
    @OptionGroup var output: Output

    func run() async throws {
        let records = try station.station().recordsToRead()
        _ = try records.batch(batch)
        if let serial {
            let record = try records.node(batch: batch, serial: serial)
            output.show(Story(record: record, events: try records.events(record)))
        } else {
            output.show(list: try records.nodes(batch: batch), empty: "no nodes")
        }
    }

    struct Story: Encodable, CustomStringConvertible {
        let record: NodeRecord
        let events: [NodeEvent]

        var description: String {
            let lines = events.map { "  \($0.time.formatted(.iso8601))  \($0.station)  \($0.what)" }
            return ([record.description] + lines).joined(separator: "\n")
        }
    }
}

struct BatchDiscard: AsyncParsableCommand, JSONCapable {
    static let configuration = CommandConfiguration(
        commandName: "discard",
        abstract: "Give up a node: its serial number stays taken, and its chip may be provisioned again.",
        discussion: """
            EXAMPLE:
              lightnode batch discard lamps-1 12 --reason "broken in the drop test"
            """)
    @Argument(help: "The batch.", completion: Completions.batches) var batch: String
    @Argument(help: "The serial number.") var serial: Int64
    @Option(help: "Why; it stands in the record.") var reason: String
    @OptionGroup var station: StationOptions
    @OptionGroup var output: Output

    func run() async throws {
        let station = try station.station()
        let records = try station.records()
        let record = try records.discard(try records.node(batch: batch, serial: serial), reason: reason, at: Date())
        _ = try station.recover()  // its secret, if it is still here, is needed no more
        output.show(record)
    }
}
