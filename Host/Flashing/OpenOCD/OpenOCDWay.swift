// Flashing with a debug probe: OpenOCD reads, writes and verifies; what is to be done is decided here, by the rules of every flash.
import FirmwareBuild
import Foundation
import Reporting

/// The way `openocd`.
public struct OpenOCDWay: FlashingWay {
    public let name = WayName.openocd
    /// Where the kernel lists USB devices.
    let devices: String
    var executable = "openocd"

    public init(devices: String = "/sys/bus/usb/devices") { self.devices = devices }

    private enum Probe: String {
        case stLink = "interface/stlink.cfg"
        case cmsisDAP = "interface/cmsis-dap.cfg"
    }

    /// A probe that is plugged in.
    private func probes() -> [(probe: Probe, serial: String, product: String)] {
        func text(_ device: String, _ file: String) -> String {
            ((try? String(contentsOfFile: "\(devices)/\(device)/\(file)", encoding: .utf8)) ?? "")
                .trimmingCharacters(in: .whitespacesAndNewlines)
        }
        return ((try? FileManager.default.contentsOfDirectory(atPath: devices)) ?? []).sorted().compactMap { device in
            let product = text(device, "product"), serial = text(device, "serial")
            // ST's own vendor id, and its products' names begin alike.
            if text(device, "idVendor") == "0483", product.uppercased().replacing("-", with: "").contains("STLINK") {
                return (.stLink, serial, product)
            }
            // What CMSIS-DAP asks of a probe's product string (Arm, "CMSIS-DAP: USB configuration").
            return product.uppercased().contains("CMSIS-DAP") ? (.cmsisDAP, serial, product) : nil
        }
    }

    public func candidates(for board: Board) throws -> [FlashCandidate] {
        guard board.openocd != nil else { return [] }
        return probes().map { FlashCandidate(via: .openocd, serial: $0.serial, note: $0.product) }
    }

    public func flash(_ job: FlashJob, _ candidate: FlashCandidate, progress: any FlashProgress, cancellation: Cancellation)
        throws
        -> FlashReport
    {
        guard let facts = job.board.openocd, let probe = probes().first(where: { $0.serial == candidate.serial }) else {
            throw FlashingError(.unreachable, "the probe \(candidate.serial) is gone", advice: "Plug it in again")
        }
        var configuration = ["-f", probe.probe.rawValue]
        if !probe.serial.isEmpty { configuration += ["-c", "adapter serial \(probe.serial)"] }
        configuration += ["-f", facts.target] + (facts.commands ?? []).flatMap { ["-c", $0] }
        return try Self.flash(
            job, OpenOCD(executable: executable, configuration: configuration), progress: progress, cancellation: cancellation)
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
                    throw FlashingError.notFlashed(
                        "the flash differs from the image", advice: "Flash it: the same command without --verify-only")
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
        let file = folder.appendingPathComponent("image.hex")
        try Data(job.image.intelHex.utf8).write(to: file)
        try openocd.run(programming(job, file), progress: progress, size: size, cancellation: cancellation)
        if job.erasesAll { report.erased = job.board.wholeFlash.count }
        return report
    }

    /// `program` erases the sectors of the image alone; the store's stay.
    static func programming(_ job: FlashJob, _ file: URL) -> [String] {
        let flash = job.board.wholeFlash
        let all = "flash erase_address pad \(flash.lowerBound) \(flash.count)"
        return (job.erasesAll ? ["init", "reset init", all] : []) + ["program {\(file.path)} verify reset exit"]
    }

    /// Reads the image's place back and compares.
    private static func holds(
        _ image: FlashImage, _ openocd: OpenOCD, _ folder: URL, _ progress: any FlashProgress, _ cancellation: Cancellation
    ) throws -> Bool {
        progress.begin(.compare, total: image.size)
        defer { progress.end(.compare) }
        let files = image.pieces.indices.map { folder.appendingPathComponent("flash-\($0).bin") }
        let dumps = zip(image.pieces, files).map { "dump_image {\($1.path)} \($0.address) \($0.bytes.count)" }
        try openocd.run(
            ["init", "halt"] + dumps + ["resume", "shutdown"], progress: SilentProgress(), size: image.size,
            cancellation: cancellation)
        progress.advance(.compare, done: image.size)
        return try zip(image.pieces, files).allSatisfy { try Data(contentsOf: $1) == $0.bytes }
    }
}
