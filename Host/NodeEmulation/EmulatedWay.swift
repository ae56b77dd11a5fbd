// Flashing boards in QEMU: their flash file is written with the rules of a real flash. A board that is on is turned off for it.
import BoardFacts
import Emulation
import Flashing
import Foundation
import Reporting

/// The way `emulated`.
public struct EmulatedWay: FlashingWay {
    public let name = WayName.emulated
    let boards: EmulatedBoards
    let powerOn: @Sendable (EmulatedBoardRecord) throws -> Void

    /// - Parameter powerOn: starts a board that was on before.
    public init(boards: EmulatedBoards = EmulatedBoards(), powerOn: @escaping @Sendable (EmulatedBoardRecord) throws -> Void) {
        self.boards = boards
        self.powerOn = powerOn
    }

    /// The emulated boards of this user that are of that kind, on or off; one whose record cannot be read is left out.
    public func candidates(for board: Board) throws -> [FlashCandidate] {
        boards.names.compactMap { try? boards.record($0) }.filter { $0.board.name == board.name }.map {
            FlashCandidate(
                via: .emulated, serial: $0.name, port: $0.name, note: "\(board.name), \(boards.isRunning($0.name) ? "on" : "off")"
            )
        }
    }

    /// Writes the board's flash file. A board that is on is turned off and on again only when something must be written.
    /// - Throws: `Failure`. A board that was turned off is started again even so.
    public func flash(_ job: FlashJob, _ candidate: FlashCandidate, progress: any FlashProgress, cancellation: Cancellation)
        throws
        -> FlashReport
    {
        let name = candidate.port
        guard boards.isRunning(name) else { return try run(job, name, writes: job.mode == .write, progress, cancellation) }
        // A board that has the image already is left running.
        var look = job
        look.mode = job.mode == .verifyOnly ? .verifyOnly : .dryRun
        let found = try run(look, name, writes: false, job.mode == .write ? SilentProgress() : progress, cancellation)
        guard job.mode == .write else { return found }
        if found.written == 0, !job.erasesAll {
            return FlashReport(outcome: .unchanged, size: found.size, erased: 0, written: 0, verified: found.verified)
        }
        progress.note("emulated:\(name) is turned off")
        let record = try boards.record(name)
        try boards.stop(name)
        let result = Result { try run(job, name, writes: true, progress, cancellation) }
        try powerOn(record)
        progress.note("emulated:\(name) is on again")
        return try result.get()
    }

    private func run(
        _ job: FlashJob, _ name: String, writes: Bool, _ progress: any FlashProgress, _ cancellation: Cancellation
    ) throws -> FlashReport {
        let stored = try StoredBoard(name, boards: boards, writes: writes)
        let engine = FlashEngine(
            job, on: try EmulatedPart(stored, image: job.image), progress: progress, cancellation: cancellation)
        return try engine.run()
    }
}
