// The rules of every flash (R17): compare, erase only what changes, write, read back, start. The store is never touched unless all is erased.
import BoardFacts
import Foundation
import Image
import Reporting

/// What is wanted of one flash.
public struct FlashJob: Sendable {
    /// How far a job goes.
    public enum Mode: String, Codable, Sendable {
        /// Write what differs, then read it back.
        case write
        /// Only compare.
        case verifyOnly
        /// Compare and say what would be done.
        case dryRun
    }

    /// The board that is flashed: its store stays untouched unless all is erased, its name stands in messages.
    public var board: Board { image.board }
    /// What its flash shall hold.
    public var image: CheckedImage
    /// How far it goes; `erasesAll` counts with `write`, and in what `dryRun` says.
    public var mode: Mode
    /// Erase everything, the store with its keys too.
    public var erasesAll: Bool

    /// - Parameter erasesAll: erase the keys and records too; the node is blank afterwards.
    public init(image: CheckedImage, mode: Mode = .write, erasesAll: Bool = false) {
        self.image = image
        self.mode = mode
        self.erasesAll = erasesAll
    }
}

/// What was done to one flash.
public struct FlashReport: Codable, Equatable, Sendable {
    /// How a job ended well.
    public enum Outcome: String, Codable, Sendable {
        /// Something was erased or written, and all of it read back right.
        case written
        /// Everything was there already.
        case unchanged
        /// It holds the image; nothing was to be written.
        case verified
        /// What would be done.
        case planned
    }

    /// How it ended; a job that failed throws and has no report.
    public var outcome: Outcome
    /// Bytes of the image.
    public var size: Int
    /// Bytes in sectors that were erased, or would be.
    public var erased: Int
    /// Bytes that were written, or would be.
    public var written: Int
    /// Bytes that were read back and found right.
    public var verified: Int

    /// All numbers are bytes.
    public init(outcome: Outcome, size: Int, erased: Int, written: Int, verified: Int) {
        (self.outcome, self.size, self.erased, self.written, self.verified) = (outcome, size, erased, written, verified)
    }
}

/// Runs one job on one part, once, in one thread.
public final class FlashEngine {
    let job: FlashJob
    let part: any FlashPart
    let progress: any FlashProgress
    let cancellation: Cancellation
    /// Bytes in sectors that held the image already.
    private var right = 0
    /// Whether anything was erased or written.
    private(set) var isTouched = false

    /// Nothing is read or written before `run`.
    /// - Parameter cancellation: asked between two blocks.
    public init(_ job: FlashJob, on part: any FlashPart, progress: any FlashProgress, cancellation: Cancellation = Cancellation())
    {
        self.job = job
        self.part = part
        self.progress = progress
        self.cancellation = cancellation
    }

    /// How much of a sector is known, and what is in it.
    private enum Content: Equatable {
        /// The image's bytes are there.
        case same
        case blank
        case other(at: UInt64)
    }

    /// - Throws: `Failure`; when the flash may be partly written, of kind `notFlashed` with the way to recover.
    public func run() throws -> FlashReport {
        do { return try carryOut() } catch is Interrupted {
            throw Failure(
                .interrupted, "flashing \(part.name) was interrupted" + (isTouched ? "; its flash is partly written" : ""),
                advice: isTouched ? part.recovery : "Nothing was changed: flash it again when you like")
        } catch let fault as PartFault {
            guard isTouched else { throw Failure(fault.kind, fault.what, remedy: fault.remedy) }
            throw Failure.notFlashed("\(fault.what); its flash is partly written", advice: part.recovery)
        }
    }

    private func carryOut() throws -> FlashReport {
        let sectors = try sectorsOfImage()
        let contents = job.erasesAll && job.mode == .write ? sectors.map { _ in .other(at: 0) } : try compare(sectors)
        let changed = zip(sectors, contents).filter { $0.1 != .same }
        var report = FlashReport(
            outcome: .unchanged, size: job.image.size, erased: 0, written: 0, verified: right)
        switch job.mode {
        case .verifyOnly:
            guard changed.isEmpty else { throw differs(changed[0].0, changed[0].1) }
            report.outcome = .verified
            return report
        case .dryRun:
            report.outcome = .planned
            let erased = job.erasesAll ? part.sectors : changed.filter { $0.1 != .blank }.map(\.0)
            report.erased = erased.reduce(0) { $0 + $1.size }
            report.written = changed.reduce(0) { $0 + blocks($1.0).count * part.blockSize }
            return report
        case .write: break
        }
        if !changed.isEmpty || job.erasesAll {
            let toErase = job.erasesAll ? part.sectors : changed.filter { $0.1 != .blank }.map(\.0)
            // The vector table goes first and comes back last: half an image never starts.
            func isStart(_ sector: FlashSector) -> Bool { sector.range.contains(job.image.address) }
            report.erased = try erase(toErase.filter(isStart) + toErase.filter { !isStart($0) })
            report.written = try write(changed.map(\.0))
            report.verified += try verify(changed.map(\.0))
            report.outcome = .written
        }
        // From here on it holds the image, whatever happens.
        isTouched = false
        try part.finish()
        return report
    }

    // MARK: Planning

    /// The sectors that a piece of the image lies in.
    private func sectorsOfImage() throws -> [FlashSector] {
        let touched = part.sectors.filter { piece(in: $0) != nil }
        let room = touched.reduce(0) { $0 + overlap($1) }
        let misplaced = job.image.pieces.contains { piece in
            !part.sectors.contains {
                $0.range.contains(piece.address) && (piece.address - $0.address).isMultiple(of: UInt64(part.blockSize))
            }
        }
        guard room == job.image.size, !misplaced else {
            throw Failure.unfit(
                "the flash of \(part.name) does not hold what the image needs: it ends at "
                    + hexadecimal(part.sectors.last?.range.upperBound ?? 0),
                advice: "Check that this is a \(job.board.name)")
        }
        if let store = job.board.store?.range, !job.erasesAll, let shared = touched.first(where: { $0.range.overlaps(store) }) {
            throw Failure.unfit(
                "the sector \(hexadecimal(shared.address)) of the image holds keys as well", advice: "Make the image smaller")
        }
        return touched
    }

    private func piece(in sector: FlashSector) -> Segment? { job.image.pieces.first { $0.range.overlaps(sector.range) } }

    private func overlap(_ sector: FlashSector) -> Int {
        job.image.pieces.reduce(0) { $0 + $1.range.clamped(to: sector.range).count }
    }

    /// Addresses of the image's blocks in `sector`.
    private func blocks(_ sector: FlashSector) -> [UInt64] {
        guard let piece = piece(in: sector) else { return [] }
        let range = piece.range.clamped(to: sector.range)
        return Array(stride(from: range.lowerBound, to: range.upperBound, by: UInt64.Stride(part.blockSize)))
    }

    /// The image's bytes at a block; after its end none.
    private func imageBlock(at address: UInt64) -> Data {
        guard let piece = job.image.pieces.first(where: { $0.range.contains(address) }) else { return Data() }
        return piece.bytes.dropFirst(Int(address - piece.address)).prefix(part.blockSize)
    }

    private func check() throws { if cancellation.isCancelled { throw Interrupted() } }

    private func staged<R>(_ stage: FlashStage, total: Int, _ body: (inout Int) throws -> R) throws -> R {
        progress.begin(stage, total: max(total, 1))
        defer { progress.end(stage) }
        var done = 0
        return try body(&done)
    }

    // MARK: Stages

    /// Reads each sector as far as it takes to know whether it must be erased and written.
    private func compare(_ sectors: [FlashSector]) throws -> [Content] {
        let total = job.image.size
        return try staged(.compare, total: total) { done in
            try sectors.map { sector in
                var matching = 0, difference: UInt64?, isBlank = true
                for address in stride(from: sector.address, to: sector.range.upperBound, by: UInt64.Stride(part.blockSize)) {
                    let wanted = imageBlock(at: address)
                    // Behind the image only blankness matters, and only when the sector is to be written.
                    if wanted.isEmpty, difference == nil || !isBlank { break }
                    try check()
                    let found = try part.readBlock(at: address)
                    isBlank = isBlank && found.allSatisfy { $0 == 0xFF }
                    if difference == nil { difference = firstDifference(found, wanted).map { address + UInt64($0) } }
                    matching += wanted.count
                    done += wanted.count
                    progress.advance(.compare, done: min(done, total))
                    if difference != nil, !isBlank { break }
                }
                guard let difference else {
                    right += matching
                    return .same
                }
                return isBlank ? .blank : .other(at: difference)
            }
        }
    }

    private func erase(_ sectors: [FlashSector]) throws -> Int {
        let total = sectors.reduce(0) { $0 + $1.size }
        guard total > 0 else { return 0 }
        return try staged(.erase, total: total) { done in
            for sector in sectors {
                try check()
                isTouched = true
                try part.erase(sector)
                done += sector.size
                progress.advance(.erase, done: done)
            }
            return done
        }
    }

    private func write(_ sectors: [FlashSector]) throws -> Int {
        let all = sectors.flatMap(blocks), start = job.image.address
        let addresses = all.filter { $0 != start } + all.filter { $0 == start }
        return try staged(.write, total: addresses.count * part.blockSize) { done in
            var written = 0
            for address in addresses {
                try check()
                let bytes = imageBlock(at: address)
                // Erased flash reads as this already.
                if !bytes.allSatisfy({ $0 == 0xFF }) {
                    isTouched = true
                    try part.writeBlock(bytes + Data(repeating: 0xFF, count: part.blockSize - bytes.count), at: address)
                    written += part.blockSize
                }
                done += part.blockSize
                progress.advance(.write, done: done)
            }
            return written
        }
    }

    private func verify(_ sectors: [FlashSector]) throws -> Int {
        let addresses = sectors.flatMap(blocks)
        return try staged(.verify, total: addresses.count * part.blockSize) { done in
            var verified = 0
            for address in addresses {
                try check()
                let wanted = imageBlock(at: address)
                let found = try part.readBlock(at: address)
                if let difference = firstDifference(found, wanted) {
                    throw Failure.notFlashed(
                        "\(part.name) was written, but reads back differently from "
                            + "\(hexadecimal(address + UInt64(difference))) on",
                        advice: "Flash it again; if it happens at the same address again, the chip is worn out")
                }
                verified += wanted.count
                done += part.blockSize
                progress.advance(.verify, done: done)
            }
            return verified
        }
    }

    private func differs(_ sector: FlashSector, _ content: Content) -> Failure {
        let address = if case .other(let at) = content { at } else { sector.address }
        return .notFlashed(
            "the flash of \(part.name) differs from the image from \(hexadecimal(address)) on",
            remedy: .flash)
    }
}

/// Index of the first byte of `wanted` that `found` has not.
private func firstDifference(_ found: Data, _ wanted: Data) -> Int? {
    guard found.prefix(wanted.count) != wanted else { return nil }
    return zip(found, wanted).enumerated().first { $0.element.0 != $0.element.1 }?.offset ?? found.count
}
