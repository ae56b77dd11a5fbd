// Flashing with a debug probe: OpenOCD reads, writes and verifies; what is to be done is decided here, by the rules of every flash.
import BoardFacts
import Foundation
import Image
import Reporting

/// The way `openocd`.
public struct OpenOCDWay: FlashingWay {
    public let name = WayName.openocd
    /// Where the kernel lists USB devices.
    let devices: String
    var executable = "openocd"

    /// - Parameter devices: where the kernel lists USB devices; another folder in tests.
    public init(devices: String = "/sys/bus/usb/devices") { self.devices = devices }

    /// Probes that are plugged in.
    private func probes() -> [DebugProbe] { DebugProbe.all(in: devices) }

    /// The debug probes that are plugged in, whatever is behind them; none for a board without facts for OpenOCD.
    public func candidates(for board: Board) throws -> [FlashCandidate] {
        guard board.openocd != nil else { return [] }
        return probes().map {
            FlashCandidate(via: .openocd, serial: $0.serial, port: $0.port, note: "\($0.product) at port \($0.port)")
        }
    }

    /// Reads the flash back and compares, then has OpenOCD erase the image's sectors, write and verify them. Works in a temporary
    /// folder, which is removed. Runs the program `openocd`.
    /// - Throws: `Failure`, of kind `notFlashed` when OpenOCD does not say that the flash reads back right; Foundation's error when
    ///   the folder or the image in it cannot be written.
    public func flash(_ job: FlashJob, _ candidate: FlashCandidate, progress: any FlashProgress, cancellation: Cancellation)
        throws
        -> FlashReport
    {
        try Self.flash(job, try openocd(for: job.board, candidate), progress: progress, cancellation: cancellation)
    }

    /// OpenOCD with the probe that is meant.
    /// - Throws: `Failure` when it is gone, or OpenOCD cannot tell it from another.
    func openocd(for board: Board, _ candidate: FlashCandidate) throws -> OpenOCD {
        let present = probes()
        guard let facts = board.openocd, let probe = present.first(where: { $0.port == candidate.port }) else {
            throw Failure(.unreachable, "the probe at port \(candidate.port) is gone", advice: "Plug it in again")
        }
        let configuration =
            ["-f", probe.kind.rawValue] + (try probe.selection(among: present)).flatMap { ["-c", $0] }
            + ["-f", facts.target] + (facts.commands ?? []).flatMap { ["-c", $0] }
        return OpenOCD(executable: executable, configuration: configuration)
    }

    static func flash(_ job: FlashJob, _ openocd: OpenOCD, progress: any FlashProgress, cancellation: Cancellation) throws
        -> FlashReport
    {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("lightnode-openocd-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let size = job.image.size
        var report = FlashReport(outcome: .written, size: size, erased: 0, written: size, verified: size)
        if !(job.erasesAll && job.mode == .write) {
            let same = try holds(job.image, openocd, folder, progress, cancellation)
            switch job.mode {
            case .verifyOnly:
                guard same else {
                    throw Failure.notFlashed(
                        "the flash differs from the image", remedy: .flash)
                }
                return FlashReport(outcome: .verified, size: size, erased: 0, written: 0, verified: size)
            case .dryRun:
                report.outcome = .planned
                report.verified = 0
                if same { report.written = 0 }
                return report
            case .write:
                if same { return FlashReport(outcome: .unchanged, size: size, erased: 0, written: 0, verified: size) }
            }
        }
        try Data(job.image.intelHex.utf8).write(to: folder.appendingPathComponent(imageName))
        let outcome = try openocd.run(
            programming(job), in: folder, progress: progress, size: size, cancellation: cancellation)
        try check(outcome, size: size)
        if job.erasesAll { report.erased = job.board.wholeFlash.count }
        return report
    }

    /// What OpenOCD did not say was not done, whatever its exit status is: it must say that the flash reads back as the image. Its procedure
    /// `program` (0.12) counts no bytes; a count that is there must be the whole image's.
    /// - Throws: `Failure` of kind `notFlashed`.
    static func check(_ outcome: OpenOCD.Outcome, size: Int) throws {
        guard outcome.isVerified, (outcome.written ?? size) >= size else {
            throw Failure.notFlashed(
                "OpenOCD ended without an error, but "
                    + (outcome.isVerified
                        ? "says that it wrote \(outcome.written ?? 0) of \(size) bytes"
                        : "does not say that the flash reads back right"),
                advice: "Flash it again; if it stays so, run OpenOCD by hand to see all that it says")
        }
    }

    /// The image's name in the folder where OpenOCD runs: its procedure `program` evaluates the name twice, so no text from elsewhere is
    /// in it.
    static let imageName = "image.hex"

    /// `program` erases the sectors of the image alone; the store's stay.
    static func programming(_ job: FlashJob) -> [String] {
        let flash = job.board.wholeFlash
        let all = "flash erase_address pad \(flash.lowerBound) \(flash.count)"
        return (job.erasesAll ? ["init", "reset init", all] : []) + ["program \(imageName) verify reset exit"]
    }

    /// Reads the image's place back and compares.
    private static func holds(
        _ image: CheckedImage, _ openocd: OpenOCD, _ folder: URL, _ progress: any FlashProgress, _ cancellation: Cancellation
    ) throws -> Bool {
        progress.begin(.compare, total: image.size)
        defer { progress.end(.compare) }
        let names = image.pieces.indices.map { "flash-\($0).bin" }
        let dumps = zip(image.pieces, names).map { "dump_image \($1) \($0.address) \($0.bytes.count)" }
        try openocd.run(
            ["init", "halt"] + dumps + ["resume", "shutdown"], in: folder, progress: SilentProgress(), size: image.size,
            cancellation: cancellation)
        progress.advance(.compare, done: image.size)
        return try zip(image.pieces, names).allSatisfy { piece, name in
            guard let bytes = try? Data(contentsOf: folder.appendingPathComponent(name)) else {
                throw Failure(
                    .environment, "OpenOCD ended without an error, but left no copy of the flash",
                    advice:
                        "Run it by hand to see all that it says, and check the space in \(folder.deletingLastPathComponent().path)"
                )
            }
            return bytes == piece.bytes
        }
    }
}
