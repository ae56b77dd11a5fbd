// lightnode flash: an image into a board, by any way that the board has.
import ArgumentParser
import BoardFacts
import Emulation
import FirmwareBuild
import Flashing
import Foundation
import Image
import NodeEmulation
import Reporting
import Transport

struct FlashCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "flash", abstract: "Write an image into a board's flash and verify it, or read the flash.",
        discussion: """
            EXAMPLE:
              lightnode flash --board microbit
              lightnode flash read flash.bin --node emulated:kitchen

            Without a subcommand it writes; `lightnode help flash write` shows its options.
            """,
        subcommands: [Flash.self, FlashRead.self], defaultSubcommand: Flash.self)
}

struct Flash: AsyncParsableCommand, JSONCapable {
    static let configuration = CommandConfiguration(
        commandName: "write", abstract: "Write an image into a board's flash, and verify it. Its keys stay.",
        discussion: """
            EXAMPLE:
              lightnode flash --board microbit
              lightnode flash build/blackpill-f411/light-node.elf --wait
              lightnode flash --board microbit --via emulated --serial kitchen
              lightnode flash --board blackpill-f411 --all

            Takes the name of an application, which is built first, or an image file whose header names its board: \(ImageCommand.readable).
            The image is checked before anything is touched; what the flash holds already is not written again; what is written is read
            back. The first of the board's ways that finds a node is used; --via names one. See docs/flashing.md.
            """)

    @Argument(help: "An image file, or an application: a folder of Firmware/Apps.")
    var image = "light-node"
    @Option(name: .shortAndLong, help: "The board; not needed with an image file.")
    var board: String?
    @Option(help: "The way: \(WayName.allCases.map(\.rawValue).joined(separator: ", ")).")
    var via: WayName?
    @Option(name: .shortAndLong, help: "The node: a serial number, its port (such as 1-2.3), or the name of an emulated board.")
    var serial: String?
    @OptionGroup var node: NodeOption
    @Option(help: "Where the drive of a board's interface chip is mounted.")
    var drive: String?
    @Flag(help: "Flash every node that is found, all at once.")
    var all = false
    @Flag(help: "Wait for a node to be plugged in.")
    var wait = false
    @Flag(help: "Only compare the flash with the image.")
    var verifyOnly = false
    @Flag(help: "Compare, and say what would be done.")
    var dryRun = false
    @Flag(help: "Erase everything first, the node's keys too. Asks for its address.")
    var eraseAll = false
    @Flag(help: "Do not ask.")
    var yes = false
    @Flag(help: "List the nodes that could be flashed.")
    var list = false
    @Option(help: "Seconds to wait for the node to come back; 0 does not wait.")
    var returnTimeout = 20.0
    @OptionGroup var output: Output

    func validate() throws {
        if verifyOnly, dryRun { throw ValidationError("--verify-only and --dry-run exclude each other.") }
        if eraseAll, verifyOnly || dryRun {
            throw ValidationError("--erase-all writes: it goes with neither --verify-only nor --dry-run.")
        }
        if serial != nil, node.name != nil { throw ValidationError("--serial and --node name the same thing: give one.") }
        if all, serial != nil || node.name != nil {
            throw ValidationError("--all means every node: give no --serial or --node.")
        }
        guard (0...3600).contains(returnTimeout) else { throw ValidationError("--return-timeout takes seconds from 0 to 3600.") }
    }

    func run() async throws {
        let interruption = Interruption()
        defer { interruption.end() }
        let catalogue = try BoardCatalogue()
        let selection = try await self.selection()
        if list { return try show(selection, catalogue) }
        let image = try self.image(catalogue), board = image.board
        let progress = progress()
        let chosen =
            try wait
            ? selection.wait(for: board, progress: progress("")) {
                usleep(200_000)
                if interruption.cancellation.isCancelled {
                    throw Failure(.interrupted, "interrupted while waiting", advice: "Nothing was changed")
                }
            }
            : selection.choose(for: board)
        if eraseAll { for candidate in chosen.devices { try await confirm(erasing: candidate) } }
        let mode: FlashJob.Mode = verifyOnly ? .verifyOnly : dryRun ? .dryRun : .write
        let job = FlashJob(image: image, mode: mode, erasesAll: eraseAll)
        let results = await Self.flash(job, chosen.devices, via: chosen.way, progress, interruption.cancellation)
        var lines: [FlashOutcome] = []
        for result in results { lines.append(await outcome(result, job)) }
        try report(lines, image)
    }

    // MARK: What is flashed

    private func image(_ catalogue: BoardCatalogue) throws -> CheckedImage {
        let isFile = image.contains("/") || image.contains(".") || FileManager.default.fileExists(atPath: image)
        if isFile {
            let file = try ImageFile(contentsOf: URL(fileURLWithPath: image))
            return try CheckedImage(file, for: try catalogue.board(try board ?? file.header().header.board))
        }
        guard let board else {
            throw Failure(
                .usage, "no board is named", remedy: .nameBoard(catalogue.names))
        }
        return try FirmwareBuilder.shown(catalogue).build(board: try catalogue.board(board), product: image)
    }

    // MARK: Where it goes

    private func selection() async throws -> FlashSelection {
        var via = via, serial = serial
        var place: NodeLocator?
        if let name = node.name { place = try await NodePlace.find(name).locator }
        switch place {
        case .emulated(let name)?:
            guard via == nil || via == .emulated else {
                throw Failure(
                    .usage, "emulated:\(name) cannot be flashed via \(via!.rawValue)", advice: "Name no way, or another node")
            }
            via = .emulated
            serial = name
        case .usb(let number)?: serial = number
        case .some(let other):
            throw Failure(
                .usage, "nothing can be flashed at “\(other)”", remedy: .nameNode([.init("emulated:NAME"), .init("usb:SERIAL")]))
        case nil: break
        }
        if drive != nil { via = .massStorage }
        let ways: [any FlashingWay] = [
            EmulatedWay { record in
                _ = try EmulateStart.detach(
                    ["emulate", "start", "--board", record.board.name, "--name", record.name], name: record.name, timeout: 60)
            },
            MassStorageWay(givenMountPoint: drive), OpenOCDWay(), DFUWay(bus: LazyBus()),
        ]
        return FlashSelection(ways: ways, via: via, serial: serial, all: all)
    }

    private func show(_ selection: FlashSelection, _ catalogue: BoardCatalogue) throws {
        let boards = try board.map { [try catalogue.board($0)] } ?? catalogue.boards()
        var found: [(board: String, candidate: FlashCandidate)] = []
        for board in boards {
            let ways = via.map { way in selection.ways.filter { $0.name == way } } ?? selection.ways
            for way in ways where board.flashing.contains(way.name.rawValue) {
                found += try way.candidates(for: board).map { (board.name, $0) }
            }
        }
        let listed = found.map { board, candidate in
            ListedNode(
                board: board, candidate: candidate,
                name: candidate.name(among: found.filter { $0.board == board }.map(\.candidate)))
        }
        output.show(list: listed, empty: "no nodes to flash")
    }

    /// Keys that are erased are gone for ever, so the one who does it has read which node it is.
    private func confirm(erasing candidate: FlashCandidate) async throws {
        guard !yes else { return }
        let address = await NodeReturn.address(of: candidate) ?? candidate.port
        guard isatty(STDIN_FILENO) == 1 else {
            throw Failure(
                .usage, "--erase-all erases the keys of \(address), and nobody is here to be asked",
                advice: "Add --yes if that is what you want")
        }
        Output.standardError("This erases the keys of \(address) for ever. Type that address to go on:")
        guard try StandardInput.line()?.trimmingCharacters(in: .whitespaces) == address else {
            throw Failure(.usage, "that is not \(address)", advice: "Nothing was changed: type the address as it is shown")
        }
    }

    // MARK: Doing it

    private func progress() -> @Sendable (String) -> any FlashProgress {
        let isTerminal = isatty(STDERR_FILENO) == 1
        let several = all
        let style: TerminalProgress.Style = output.json ? .silent : !isTerminal ? .notes : several ? .lines : .drawn
        return { name in TerminalProgress(prefix: several && !name.isEmpty ? "\(name): " : "", style: style) }
    }

    private static func flash(
        _ job: FlashJob, _ nodes: [FlashCandidate], via way: any FlashingWay,
        _ progress: @escaping @Sendable (String) -> any FlashProgress,
        _ cancellation: Cancellation
    ) async -> [FlashResult] {
        await withCheckedContinuation { done in
            // Flashing blocks, so it has a thread of its own.
            Thread {
                done.resume(
                    returning: FlashSelection.flash(
                        job, nodes, via: way, progress: { progress($0.name(among: nodes)) }, cancellation: cancellation))
            }.start()
        }
    }

    private func outcome(_ result: FlashResult, _ job: FlashJob) async -> FlashOutcome {
        switch result.result {
        case .failure(let error): return FlashOutcome(result.device, job, error: error)
        case .success(let report):
            var outcome = FlashOutcome(result.device, job, report: report)
            guard job.mode == .write, returnTimeout > 0, NodeReturn.isExpected(result.device) else { return outcome }
            do { outcome.node = try await NodeReturn.node(result.device, timeout: returnTimeout) } catch {
                outcome.fail(error)
            }
            return outcome
        }
    }

    private func report(_ outcomes: [FlashOutcome], _ image: CheckedImage) throws {
        // One node that failed is an error like any other.
        if outcomes.count == 1, let error = outcomes[0].thrown {
            if outcomes[0].report != nil { output.say(outcomes[0].description) }
            throw error
        }
        output.show(FlashSummary(image: image, nodes: outcomes))
        if let worst = outcomes.compactMap(\.thrown).first {
            if !output.json {
                for error in outcomes.compactMap(\.thrown) { Output.standardError(ErrorReport(error).description) }
            }
            throw ExitCode(ErrorReport(worst).exitCode)
        }
    }
}

extension WayName: ExpressibleByArgument {}
