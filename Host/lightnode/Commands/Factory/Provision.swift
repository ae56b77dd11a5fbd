// lightnode provision: keys into blank nodes, and their labels out: one at a time, or a whole production line.
import ArgumentParser
import BoardFacts
import Foundation
import Image
import Keystore
import Labels
import NodeProtocol
import Provisioning
import Reporting
import Transport

struct Provision: AsyncParsableCommand, JSONCapable {
    static let configuration = CommandConfiguration(
        abstract: "Give blank nodes their keys, verify them by a signed challenge, and print their labels.",
        discussion: """
            EXAMPLE:
              lightnode provision --node emulated:one --svg label.svg
              lightnode provision --batch lamps-1 --watch --count 500 --labels labels --sheet avery-l7160
              lightnode provision --batch locks-1 --watch --printer /dev/usb/lp0

            A node can be provisioned once: until its chip is fully erased it refuses another identity. Alone, its label is shown and then
            forgotten here. With --batch every node that is there is taken, with --watch every node that comes, until --count are done or
            Ctrl-C (once: those under way are finished; twice: at once). Whenever it is interrupted, start it again: what was begun is
            completed. A chip that can be is protected against reading its flash: --no-protect leaves it open to whoever has the cable.
            Nothing is printed twice: a label can be made again only from an --escrow. docs/factory.md is the operator's page.
            """)

    @Option(
        name: .shortAndLong,
        help:
            "Where the node is: emulated:NAME, serial:/dev/ttyACM0 or usb:SERIAL. With --batch it may be given several times.",
        transform: { try NodeLocator(parsing: $0) })
    var node: [NodeLocator] = []

    /// The former name of `--node`, accepted for one release.
    @Option(name: [.customShort("d"), .customLong("device")], help: .hidden, transform: { try NodeLocator(parsing: $0) })
    var device: [NodeLocator] = []

    @Flag(help: "Show the node's log lines on standard error.")
    var logs = false

    @Option(help: "Seconds after which a node that does not answer is given up.")
    var timeout = 15.0

    @Option(help: "The batch: its nodes are of one board and one firmware, and get serial numbers of their own.")
    var batch: String?

    @Flag(help: "Wait for nodes, until --count are done or Ctrl-C.")
    var watch = false

    @Option(help: "How many nodes.")
    var count: Int?

    @OptionGroup(title: "Labels") var labels: LabelOptions

    @Option(help: "Also write the label as an SVG file (one node).")
    var svg: String?

    @Option(help: "Take only this board.")
    var board = ""

    @Option(help: ArgumentHelp("Take only nodes with this very image (ELF): board, version and hash.", valueName: "elf"))
    var image: String?

    @Option(help: "The number of the network that the node's signatures are bound to.")
    var network: UInt32 = 1

    @Flag(
        name: [.long, .customLong("test")],
        help: "A rehearsal: everything but the lock, with keys and labels that are marked TEST and that control nodes refuse.")
    var rehearse = false

    @Flag(
        inversion: .prefixedNo,
        help: "Make the identity key on this computer; without either flag only for a node without a true random generator.")
    var injectIdentity: Bool?

    @Flag(
        inversion: .prefixedNo,
        help:
            "Set the chip's own readback protection (nRF51 RBPCONF, STM32 RDP level 1): a debugger or a ROM bootloader can then no longer read or write it. The only way back erases the whole chip, keys and all. Without either flag it is set where the chip is known to have one; --protect refuses others; --no-protect leaves the identity key to whoever has the cable."
    )
    var protect: Bool?

    @OptionGroup(title: "Records") var station: StationOptions
    @OptionGroup var output: Output

    func validate() throws {
        guard timeout > 0, timeout <= 3600 else { throw ValidationError("--timeout takes seconds from above 0 to 3600.") }
        guard count ?? 1 > 0 else { throw ValidationError("--count takes a number above 0.") }
        guard !(rehearse && protect == true) else {
            throw ValidationError("--rehearse locks nothing, so it does not go with --protect.")
        }
        if let batch {
            let isName = batch.utf8.allSatisfy {
                $0 == 45 || $0 == 46 || $0 == 95 || 48...57 ~= $0 || 65...90 ~= $0 || 97...122 ~= $0
            }
            guard isName, 1...40 ~= batch.count, !batch.hasPrefix("-"), !batch.hasPrefix(".") else {
                throw ValidationError("--batch takes 1 to 40 letters, digits, “-”, “_” and “.”.")
            }
        }
    }

    private var nodes: [NodeLocator] { node + device }

    private var isLine: Bool { batch != nil || watch || count != nil || nodes.count > 1 || labels.areNamed }

    private func options() throws -> Station.Options {
        var options = Station.Options()
        options.batch = batch
        options.isTest = rehearse
        options.identity = injectIdentity.map { $0 ? .station : .node } ?? .whereNeeded
        options.protection = protect.map { $0 ? .demanded : .open } ?? .wherePossible
        // Without the boards' facts (a program that was moved away from them) nothing is known of any chip.
        for board in (try? BoardCatalogue().boards()) ?? [] {
            options.readback[board.name] = .init(protection: board.readbackProtection, way: board.readbackWay)
        }
        options.board = board
        if let image {
            let header = try Self.header(image, board: board)
            options.board = header.board
            options.firmware = header.version.map(String.init).joined(separator: ".")
            options.firmwareHash = header.hash.hex
        }
        // A run that could only refuse every node does not begin.
        if protect == true, !options.board.isEmpty, options.readback[options.board]?.protection == nil {
            throw Failure(
                .usage, "no readback protection is known that could be set in the chip of board \(options.board)",
                remedy: .either([.leaveUnprotected, .advice("Nothing was written to it")]))
        }
        return options
    }

    /// The header of an image for whichever board it is made.
    private static func header(_ path: String, board: String) throws -> ImageHeader {
        let catalogue = try BoardCatalogue()
        let file = try ImageFile(contentsOf: URL(fileURLWithPath: path))
        let name = try board.isEmpty ? file.header().header.board : board
        return try CheckedImage(file, for: try catalogue.board(name)).header
    }

    func run() async throws {
        // A crash leaves no core with secrets.
        var none = rlimit(rlim_cur: 0, rlim_max: 0)
        setrlimit(__rlimit_resource_t(4), &none)  // RLIMIT_CORE
        let station = try station.station(network: network)
        if isLine { try await runLine(station) } else { try await provisionOne(station) }
    }

    // MARK: One node

    private func provisionOne(_ station: Station) async throws {
        try await NodeOptions.withClient(of: nodes.first, timeout: timeout, logs: logs) { client in
            let output = output
            let provisioned = try await station.provision(client, options: try options()) { output.say("\(client.name): \($0)") }
            let record = provisioned.record
            let drawing = LabelDrawing(provisioned.label, isTest: record.isTest, caption: provisioned.node.label)
            // The label first: only when it is out may its secret be forgotten here.
            if let svg { try PrivateFile(svg).write(try LabelFormat.svg.encode(drawing)) }
            try Output.deliver()
            if !output.json { try Output.deliver(secret: try drawing.terminalText()) }
            let result = Result(record: record, label: provisioned.label.text, isResumed: provisioned.isResumed)
            if output.json { try Output.deliver(secret: Output.encoded(result)) } else { output.show(result) }
            try Output.deliver()
            try await station.finish(provisioned, escrow: try labels.escrow(station.home))
        }
    }

    struct Result: Encodable, CustomStringConvertible {
        let record: ProvisioningRecord
        /// The text of the QR code. Secret until the node is bound.
        let label: String
        let isResumed: Bool

        var description: String { record.description }
    }

    // MARK: Many

    private func runLine(_ station: Station) async throws {
        var plan = ProductionLine.Plan()
        plan.options = try options()
        plan.nodes = nodes
        plan.watches = watch
        plan.count = count
        plan.timeout = timeout
        plan.escrow = try labels.escrow(station.home)
        let display = LineDisplay(json: output.json)
        let line = ProductionLine(
            station: station, finder: NodeOptions.finder, labels: try labels.output(), plan: plan
        ) { display.show($0) }
        let signals = [SIGINT, SIGTERM].map { number in
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number)
            nonisolated(unsafe) var isSecond = false
            source.setEventHandler {
                if isSecond { _exit(128 + number) }
                isSecond = true
                Task { await line.stop() }
            }
            source.resume()
            return source
        }
        defer { for source in signals { source.cancel() } }
        _ = try await line.run()
    }
}
