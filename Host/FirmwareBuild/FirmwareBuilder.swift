// Builds a board's firmware image: the right triple, toolsets and run-time library for `swift build`, then stamps its header.
import BoardFacts
import Foundation
import Image
import Programs
import Reporting

/// Builds images of one source tree.
public struct FirmwareBuilder: Sendable {
    /// The source tree whose products are built; `swift build` runs in its root.
    public let catalogue: BoardCatalogue
    /// Compiler processes at once; nil leaves it to `swift build`.
    public var jobs: Int?
    /// Whether the compiler's lines are shown while it works.
    public var live = false
    /// Is told what is being built, and how far it is.
    public var report: WorkStep.Report = { _ in }

    /// A builder that works in the root of `catalogue`, quietly and with as many jobs as `swift build` takes.
    public init(catalogue: BoardCatalogue) { self.catalogue = catalogue }

    /// Names of what can be built: the folders of Firmware/Apps and Tests/OnTarget.
    public var products: [String] { applications + suites }
    /// Names of the applications alone, sorted; read anew from the folder at each call.
    public var applications: [String] { folders("Firmware/Apps") }
    /// On-target test images.
    public var suites: [String] { folders("Tests/OnTarget") }

    /// Where the images of a board are built.
    public func scratchFolder(_ board: Board) -> URL { catalogue.root.appendingPathComponent(".build-\(board.name)") }

    /// Builds `product` for `board`, stamps its header and returns the image, which is known to fit the board.
    /// - Throws: `Failure` with the compiler's first error, or naming the tool or the product that is missing, or both users of
    ///   one pin.
    public func build(board: Board, product: String) throws -> CheckedImage {
        try build(board: board, products: [product])[0]
    }

    /// Builds several products for one board.
    /// - Throws: `Failure` as for one product; those before it are built and stamped.
    public func build(board: Board, products wanted: [String]) throws -> [CheckedImage] {
        for product in wanted where !products.contains(product) {
            throw Failure(
                .environment, "nothing called \"\(product)\" to build", advice: "There are: \(products.joined(separator: ", "))")
        }
        try DeviceSource(board, in: catalogue).write(into: catalogue)
        defer { report(nil) }
        // A tree that was moved with what was built in it would not build.
        _ = try Tool.bash.run(["Tools/same-place"], in: catalogue.root, live: live)
        let arguments = try commonArguments(board)
        return try wanted.map { product in
            let result = try build(
                "\(product) for \(board.name)", arguments + ["--product", product], environment: environment(board))
            guard result.status == 0 else { throw try failure(result, board, product) }
            let linked = scratchFolder(board).appendingPathComponent("\(board.triple)/release/\(product)")
            let image = try ELFImage(contentsOf: linked)
            try Self.checkMap(board) { image.symbol($0)?.value }
            return try stamp(linked, board: board, product: product)
        }
    }

    /// Builds the plugin by which the emulator counts instructions, beside the host's own programs.
    /// - Throws: `Failure` with the compiler's first error.
    public func buildCounter() throws {
        defer { report(nil) }
        let result = try build(
            "the plugin that counts instructions",
            [
                "build", "--build-system", "native", "-c", "release", "-Xswiftc", "-enable-testing", "--product", "QEMUProbe",
            ], environment: [:])
        guard result.status == 0 else {
            let said = CompilerMessages(result.output + result.errors, root: catalogue.root.path).text
            throw Failure(
                .environment, "the plugin that counts instructions does not build:\n" + said,
                advice: "Correct what the compiler names, then test again")
        }
    }

    /// Runs `swift`, and tells how far it is: its lines begin with "[12/45]".
    private func build(_ what: String, _ arguments: [String], environment: [String: String]) throws -> Tool.Result {
        let report = report
        report(WorkStep("building \(what)"))
        return try Tool.swift.run(arguments, in: catalogue.root, environment: environment, live: live) { line in
            guard let match = line.prefixMatch(of: #/\[(\d+)/(\d+)\]/#), let done = Int(match.1), let total = Int(match.2) else {
                return
            }
            report(WorkStep("building \(what)", done: done, of: total))
        }
    }

    /// The linker script's memory map is the one that board.json tells the host and the chip's start.
    /// - Throws: `Failure` naming what differs.
    static func checkMap(_ board: Board, symbol: (String) -> UInt64?) throws {
        var facts = [("__image_start", "flash.address", board.flash.address)]
        if let store = board.store {
            facts += [("__store_start", "store.address", store.address), ("__store_size", "store.size", store.size)]
        }
        for (name, fact, wanted) in facts {
            guard let found = symbol(name), found != wanted.value else { continue }
            throw Failure(
                .environment,
                "Boards/\(board.name)/board.json says \(fact) \(wanted), and the linker script \(Word(found))",
                about: "Boards/\(board.name)/board.json",
                advice: "Correct one of them, or name a linker script of the board's own in Boards/\(board.name)/toolset.json")
        }
    }

    /// The command line, without the product.
    func commonArguments(_ board: Board) throws -> [String] {
        let library = try Tool.armGCC.run(["-mcpu=\(board.core)", "-mthumb", "-mfloat-abi=soft", "-print-libgcc-file-name"])
        guard library.status == 0 else {
            throw Failure(
                .environment, "arm-none-eabi-gcc knows no run-time library for \(board.core): \(library.errors)",
                advice: "Install the libraries that Tools/install-dependencies names")
        }
        let jobs = self.jobs.map { ["--jobs", String($0)] } ?? []
        return [
            "build", "--manifest-cache", "none", "--configuration", "release", "--build-system", "native",
            // The optimiser sees the whole image: on a Cortex-M0 that saves a tenth of the executor's code.
            "--experimental-lto-mode", "full",
            "--triple", board.triple, "--scratch-path", scratchFolder(board).path,
            "-Xlinker", library.output.trimmingCharacters(in: .whitespacesAndNewlines),
        ] + toolsets(board).flatMap { ["--toolset", $0] } + jobs
    }

    /// Compiler flags of every image, of the chip, and of the board where it has its own.
    func toolsets(_ board: Board) -> [String] {
        let own = "Boards/\(board.name)/toolset.json"
        let hasOwn = FileManager.default.fileExists(atPath: catalogue.root.path + "/" + own)
        return ["Firmware/toolset.json", "Firmware/MCU/\(board.mcu).toolset.json"] + (hasOwn ? [own] : [])
    }

    private func environment(_ board: Board) -> [String: String] {
        ["LIGHTNODE_BOARD": board.name, "LIGHTNODE_MCU": board.mcu]
    }

    private func failure(_ result: Tool.Result, _ board: Board, _ product: String) throws -> Failure {
        let said = CompilerMessages(result.output + result.errors, root: catalogue.root.path)
        return Failure(
            .environment, "\(product) does not build for \(board.name):\n" + said.text,
            remedy: Self.remedy(said.errors, try BoardWiring(board, in: catalogue)))
    }

    /// What to do about errors that an application's author meets.
    static func remedy(_ errors: [String], _ wiring: BoardWiring) -> Remedy {
        func lacks(_ symbols: String...) -> Bool {
            errors.contains { line in symbols.contains { line.hasSuffix("undefined symbol: \($0)") } }
        }
        if errors.contains(where: { $0.contains("no device of that name") || $0.contains("this device has no") }) {
            let devices = wiring.devices.map { "\($0.name) (\($0.driver))" }.joined(separator: ", ")
            return .inOrder([.advice("\(wiring.board) has: \(devices)"), .showLayout])
        }
        if errors.contains(where: { $0.hasSuffix("#assert condition not constant") }) {
            return .advice("A `$` takes the device's name as a literal, and its method is called where `$` is written")
        }
        if lacks("posix_memalign", "malloc", "free") {
            return .advice(
                "The firmware has no heap, and the program asks for one: look for an array, a String, a class, a closure that is kept or "
                    + "an OptionSet written as [.a, .b]; the compiler's own output says in which function")
        }
        return .advice("Correct what the compiler names, then build again")
    }

    /// Copies the linked file to build/<board>/<product>.elf and fills its header, so that `swift build`'s own output stays as linked.
    private func stamp(_ linked: URL, board: Board, product: String) throws -> CheckedImage {
        let folder = catalogue.root.appendingPathComponent("build/\(board.name)")
        let target = folder.appendingPathComponent("\(product).elf")
        var image = try ELFFile(contentsOf: linked)
        try image.stampHeader(board: board, origin: origin(of: product))
        do {
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
            try image.bytes.write(to: target, options: .atomic)
        } catch {
            throw Failure(
                .environment, "the image cannot be written to \(target.path): \(error.localizedDescription)",
                advice: "Check the permissions of its folder and the space on its disk")
        }
        return try CheckedImage(ImageFile(image.bytes, from: target), for: board)
    }

    /// What an image is made of; the commit is unknown outside of git.
    private func origin(of product: String) -> ImageOrigin {
        func git(_ arguments: String...) -> String? {
            guard let result = try? Tool.git.run(arguments, in: catalogue.root), result.status == 0 else { return nil }
            return result.output
        }
        guard let commit = git("rev-parse", "--short=8", "HEAD").flatMap({ UInt32($0.prefix(8), radix: 16) }) else {
            return ImageOrigin(application: product, build: 0)
        }
        let changes = git("status", "--porcelain", "--", "Firmware", "Boards", "LinkerScripts", "Tests/OnTarget", "Package.swift")
        return ImageOrigin(application: product, build: commit, isChanged: changes?.isEmpty == false)
    }

    private func folders(_ path: String) -> [String] {
        let root = catalogue.root.appendingPathComponent(path)
        let entries =
            (try? FileManager.default.contentsOfDirectory(at: root, includingPropertiesForKeys: [.isDirectoryKey])) ?? []
        return entries.filter { (try? $0.resourceValues(forKeys: [.isDirectoryKey]).isDirectory) == true }
            .map(\.lastPathComponent).sorted()
    }
}
