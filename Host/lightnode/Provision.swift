// lightnode provision: keys into blank devices, and their labels out: one at a time, or a whole production line.
import ArgumentParser
import ControlNode
import FirmwareBuild
import Foundation
import Labels
import Provisioning
import Reporting
import Transport

struct Provision: AsyncParsableCommand, JSONCapable {
    static let configuration = CommandConfiguration(
        abstract: "Give blank devices their keys, verify them by a signed challenge, and print their labels.",
        discussion: """
            EXAMPLE:
              lightnode provision --device emulated:one --svg label.svg
              lightnode provision --batch lamps-1 --watch --count 500 --labels labels --sheet avery-l7160
              lightnode provision --batch locks-1 --watch --printer /dev/usb/lp0 --protect

            A device can be provisioned once: until its chip is fully erased it refuses another identity. Alone, its label is shown and then
            forgotten here. With --batch every device that is there is taken, with --watch every device that comes, until --count are done or
            Ctrl-C (once: those under way are finished; twice: at once). Whenever it is interrupted, start it again: what was begun is
            completed. Nothing is printed twice: a label can be made again only from an --escrow. docs/factory.md is the operator's page.
            """)

    @Option(
        name: .shortAndLong,
        help:
            "Where the device is: emulated:NAME, serial:/dev/ttyACM0 or usb:SERIAL. With --batch it may be given several times.",
        transform: { try DeviceLocator(parsing: $0) })
    var device: [DeviceLocator] = []

    @Flag(help: "Show the device's log lines on standard error.")
    var logs = false

    @Option(help: "Seconds after which a device that does not answer is given up.")
    var timeout = 15.0

    @Option(help: "The batch: its devices are of one board and one firmware, and get serial numbers of their own.")
    var batch: String?

    @Flag(help: "Wait for devices, until --count are done or Ctrl-C.")
    var watch = false

    @Option(help: "How many devices.")
    var count: Int?

    @OptionGroup(title: "Labels") var labels: LabelOptions

    @Option(help: "Also write the label as an SVG file (one device).")
    var svg: String?

    @Option(help: "Take only this board.")
    var board = ""

    @Option(help: ArgumentHelp("Take only devices with this very image (ELF): board, version and hash.", valueName: "elf"))
    var image: String?

    @Option(help: "The number of the network that the device's signatures are bound to.")
    var network: UInt32 = 1

    @Flag(
        name: [.long, .customLong("test")],
        help: "A rehearsal: everything but the lock, with keys and labels that are marked TEST and that control nodes refuse.")
    var rehearse = false

    @Flag(
        inversion: .prefixedNo,
        help: "Make the identity key on this computer; without either flag only for a device without a true random generator.")
    var injectIdentity: Bool?

    @Flag(
        help:
            "Set the chip's own readback protection (nRF51 RBPCONF, STM32 RDP level 1): a debugger can then no longer read or write it. The only way back erases the whole chip, keys and all."
    )
    var protect = false

    @OptionGroup(title: "Records") var station: StationOptions
    @OptionGroup var output: Output

    func validate() throws {
        guard timeout > 0, timeout <= 3600 else { throw ValidationError("--timeout takes seconds from above 0 to 3600.") }
        guard count ?? 1 > 0 else { throw ValidationError("--count takes a number above 0.") }
        guard !(rehearse && protect) else {
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

    private var isLine: Bool { batch != nil || watch || count != nil || device.count > 1 || labels.areNamed }

    private func options() throws -> Station.Options {
        var options = Station.Options()
        options.batch = batch
        options.isTest = rehearse
        options.identity = injectIdentity.map { $0 ? .station : .device } ?? .whereNeeded
        options.protects = protect
        if protect {
            options.protectableBoards = Set(try BoardCatalogue().boards().filter { $0.readbackProtection != nil }.map(\.name))
        }
        options.board = board
        if let image {
            let header = try Self.header(image, board: board)
            options.board = header.board
            options.firmware = header.version.map(String.init).joined(separator: ".")
            options.firmwareHash = header.hash.hex
        }
        // A run that could only refuse every device does not begin.
        if protect, !options.board.isEmpty, !options.protectableBoards.contains(options.board) {
            throw Failure(
                .usage, "no readback protection is known that could be set in the chip of board \(options.board)",
                advice: "Leave --protect away for this board")
        }
        return options
    }

    /// The header of an image for whichever board it is made.
    private static func header(_ path: String, board: String) throws -> ImageHeader {
        let catalogue = try BoardCatalogue()
        let image = try ELFImage(contentsOf: URL(fileURLWithPath: path))
        var reason: (any Error)?
        for name in board.isEmpty ? catalogue.names : [board] {
            let facts = try catalogue.board(name)
            do { return try ImageHeader.check(flash: try image.flat(in: facts.flash.range), for: facts) } catch { reason = error }
        }
        throw reason ?? FirmwareError("\(path) is for no board that is known here.")
    }

    func run() async throws {
        // A crash leaves no core with secrets.
        var none = rlimit(rlim_cur: 0, rlim_max: 0)
        setrlimit(__rlimit_resource_t(4), &none)  // RLIMIT_CORE
        let station = try station.station(network: network)
        if isLine { try await runLine(station) } else { try await provisionOne(station) }
    }

    // MARK: One device

    private func provisionOne(_ station: Station) async throws {
        let locator = try DeviceOptions.finder.choose(device.first)
        let link = try await DeviceOptions.finder.connect(locator)
        let logs = logs
        let client = CoAPClient(link, name: locator.description, timing: .init(total: .seconds(timeout))) { line in
            if logs { Output.standardError("[\(locator)] \(line)") }
        }
        do {
            let output = output
            let provisioned = try await station.provision(client, options: try options()) { output.say("\(client.name): \($0)") }
            let record = provisioned.record
            let drawing = LabelDrawing(provisioned.label, isTest: record.isTest, caption: provisioned.device.label)
            // The label first: only when it is out may its secret be forgotten here.
            if let svg { try PrivateFile(svg).write(try LabelFormat.svg.encode(drawing)) }
            try Output.deliver()
            if !output.json { try Output.deliver(secret: try drawing.terminalText()) }
            let result = Result(record: record, label: provisioned.label.text, isResumed: provisioned.isResumed)
            if output.json { try Output.deliver(secret: Output.encoded(result)) } else { output.show(result) }
            try Output.deliver()
            try await station.finish(provisioned, escrow: try labels.escrow(station.home))
            await client.close()
        } catch {
            await client.close()
            throw error
        }
    }

    struct Result: Encodable, CustomStringConvertible {
        let record: ProvisioningRecord
        /// The text of the QR code. Secret until the device is bound.
        let label: String
        let isResumed: Bool

        var description: String { record.description }
    }

    // MARK: Many

    private func runLine(_ station: Station) async throws {
        var plan = ProductionLine.Plan()
        plan.options = try options()
        plan.devices = device
        plan.watches = watch
        plan.count = count
        plan.timeout = timeout
        plan.escrow = try labels.escrow(station.home)
        let display = LineDisplay(json: output.json)
        let line = ProductionLine(
            station: station, finder: DeviceOptions.finder, labels: try labels.output(), plan: plan
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
