// Flashing by a copy to the drive of an interface chip (DAPLink). The drive cannot be read back: what it says in FAIL.TXT counts.
import BoardFacts
import Foundation
import Image
import Reporting

/// The way `mass-storage`.
public struct MassStorageWay: FlashingWay {
    public let name = WayName.massStorage
    let table: MountTable
    /// Seconds for the drive to come back after a copy.
    let patience: Double
    /// Where `--serial` may point directly.
    let givenMountPoint: String?

    /// - Parameters:
    ///   - table: where drives are looked for by the board's label.
    ///   - patience: seconds for the drive to come back after a copy.
    ///   - givenMountPoint: the one drive to take, in place of those with the label.
    public init(table: MountTable = MountTable(), patience: Double = 30, givenMountPoint: String? = nil) {
        self.table = table
        self.patience = patience
        self.givenMountPoint = givenMountPoint
    }

    private func drives(_ board: Board) -> [DAPLinkDrive] {
        let points = givenMountPoint.map { [$0] } ?? board.massStorage.map { table.mountPoints(label: $0.label) } ?? []
        return points.compactMap { DAPLinkDrive(mountPoint: $0) }
    }

    /// Mounted drives with the board's label that have a DETAILS.TXT; whether a drive is of this board is checked by `flash`.
    public func candidates(for board: Board) throws -> [FlashCandidate] {
        drives(board).map { drive in
            let version = drive.details["interface version"] ?? "unknown"
            return FlashCandidate(
                via: .massStorage, serial: givenMountPoint ?? drive.identifier, port: drive.mountPoint,
                note: "drive \(drive.mountPoint), interface firmware \(version)")
        }
    }

    /// Copies the image to the drive and waits for it to come back. A drive cannot be read back, so `write` is the only mode,
    /// everything is written, and nothing counts as verified.
    /// - Throws: `Failure`, before the copy when the drive would erase the keys too and `erasesAll` is not set; of kind
    ///   `notFlashed` when the copy was refused or its end is not known.
    public func flash(_ job: FlashJob, _ candidate: FlashCandidate, progress: any FlashProgress, cancellation: Cancellation)
        throws
        -> FlashReport
    {
        guard let drive = drives(job.board).first(where: { $0.mountPoint == candidate.port }) else {
            throw Failure(
                .unreachable, "the drive \(candidate.port) is gone", advice: "Plug the board in again and mount it")
        }
        try check(drive, job.board)
        guard job.mode == .write else {
            throw Failure(
                .usage, "a DAPLink drive cannot be read back, so there is nothing to compare",
                remedy: .nameWay(["openocd"]))
        }
        let ready = job.erasesAll ? drive : try keepingKeys(drive, job.board, progress, cancellation)
        try copy(job.image, to: ready, progress)
        try awaitReturn(of: ready, job.board, progress, cancellation)
        return FlashReport(
            outcome: .written, size: job.image.size, erased: 0, written: job.image.size, verified: 0)
    }

    private func check(_ drive: DAPLinkDrive, _ board: Board) throws {
        guard !drive.isMaintenance else {
            throw Failure(
                .unfitImage,
                "\(drive.mountPoint) is the interface chip in maintenance mode: a copy would replace its own firmware",
                about: "\(drive.mountPoint)",
                advice: "Plug the board in again without holding its RESET button")
        }
        let codes = board.massStorage?.boardCodes ?? []
        guard codes.isEmpty || codes.contains(drive.boardCode) else {
            throw Failure(
                .unfitImage,
                "\(drive.mountPoint) belongs to a board of kind \(drive.boardCode), a \(board.name) is \(codes.joined(separator: " or "))",
                about: "\(drive.mountPoint)",
                advice: "Plug in a \(board.name): the second version of the micro:bit has another chip")
        }
    }

    /// The drive, set to erase only what it writes. An interface chip that erases all would take the keys with it.
    private func keepingKeys(
        _ drive: DAPLinkDrive, _ board: Board, _ progress: any FlashProgress, _ cancellation: Cancellation
    ) throws -> DAPLinkDrive {
        if drive.erasesPages { return drive }
        if drive.details["page erasing"] != nil {
            progress.note("\(drive.mountPoint) is told to erase pages, not the whole chip")
            var comeback = DriveReturn(of: drive)
            _ = FileManager.default.createFile(atPath: drive.mountPoint + "/PAGE_ON.ACT", contents: Data())
            // The drive goes for it. A copy that begins before would be cut, and that return be taken for the one after the copy.
            let back = try wait(cancellation) { comeback.look(find(drive, board)).flatMap { $0.erasesPages ? $0 : nil } }
            if let changed = back ?? find(drive, board), changed.erasesPages { return changed }
        }
        throw Failure(
            .usage, "the interface chip at \(drive.mountPoint) erases the whole chip before it writes, the keys too",
            remedy: .either([.nameWay(["openocd"]), .eraseAll]))
    }

    /// Eight letters, as FAT has them.
    private static let imageName = "LIGHTNOD.HEX"

    private func copy(_ image: CheckedImage, to drive: DAPLinkDrive, _ progress: any FlashProgress) throws {
        let bytes = Array(image.intelHex.utf8)
        let path = drive.mountPoint + "/" + Self.imageName
        progress.begin(.write, total: bytes.count)
        defer { progress.end(.write) }
        let file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        func failed() -> Failure {
            let reason = String(cString: strerror(errno))
            let advice =
                errno == EACCES || errno == EROFS
                ? "Mount it so that you may write: udisksctl mount -b \(Quoted.shell("\(table.labels)/\(URL(fileURLWithPath: drive.mountPoint).lastPathComponent)"))"
                : "Plug the board in again and copy once more: the drive takes a whole file or none"
            return Failure(
                errno == EACCES ? .environment : .notFlashed, "\(path) cannot be written: \(reason)", advice: advice)
        }
        guard file >= 0 else { throw failed() }
        var sent = 0
        while sent < bytes.count {
            let count = bytes.withUnsafeBytes { write(file, $0.baseAddress! + sent, min(16384, bytes.count - sent)) }
            guard count > 0 else {
                let error = failed()
                close(file)
                throw error
            }
            sent += count
            progress.advance(.write, done: sent)
        }
        // The chip starts to program while the file arrives, and may leave before the system has closed it.
        _ = fsync(file)
        close(file)
    }

    /// The drive goes and comes back; only then FAIL.TXT says what went wrong with this copy, if anything did.
    private func awaitReturn(
        of drive: DAPLinkDrive, _ board: Board, _ progress: any FlashProgress, _ cancellation: Cancellation
    ) throws {
        progress.note("waiting for the drive to come back")
        var comeback = DriveReturn(of: drive)
        let back = try wait(cancellation) { () -> DAPLinkDrive? in
            guard let now = comeback.look(find(drive, board)) else { return nil }
            return FileManager.default.fileExists(atPath: now.mountPoint + "/" + Self.imageName) ? nil : now
        }
        guard let back else {
            throw Failure.notFlashed(
                "the drive \(drive.mountPoint) did not come back within \(Int(patience)) s, so nobody knows whether the image was taken",
                advice: "Mount it again and look for FAIL.TXT, then flash once more")
        }
        if let complaint = back.complaint {
            throw Failure.notFlashed(
                "the interface chip refused the image: \(complaint)", advice: "Plug the board in again and flash once more")
        }
    }

    /// The drive as it is now, also at another place, where a desktop may mount it; nil while it is gone.
    private func find(_ drive: DAPLinkDrive, _ board: Board) -> DAPLinkDrive? {
        if let now = DAPLinkDrive(mountPoint: drive.mountPoint) { return now }
        return givenMountPoint == nil ? drives(board).first { $0.identifier == drive.identifier } : nil
    }

    private func wait<R>(_ cancellation: Cancellation, _ look: () -> R?) throws -> R? {
        let limit = Date().addingTimeInterval(patience)
        while Date() < limit {
            if let found = look() { return found }
            if cancellation.isCancelled {
                throw Failure(
                    .interrupted, "interrupted while the interface chip programs its target",
                    advice: "It goes on by itself: look for FAIL.TXT on the drive, or flash it again")
            }
            usleep(50_000)
        }
        return nil
    }
}
