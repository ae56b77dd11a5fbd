// What a node must be before it gets a serial number or a key: nothing was written to one that is refused here.
import Foundation
import NodeProtocol
import Records
import Reporting

extension Station {
    func check(_ status: NodeStatus, against options: Options, _ connection: String) throws {
        try check(status, connection, options.board, options.firmware, options.firmwareHash, "this run takes")
    }

    func check(_ status: NodeStatus, against batch: Batch, _ connection: String) throws {
        try check(status, connection, batch.board, batch.firmware, batch.firmwareHash, "batch \(batch.name) is of")
    }

    private func check(
        _ status: NodeStatus, _ connection: String, _ board: String, _ firmware: String, _ hash: String, _ who: String
    ) throws {
        guard board.isEmpty || status.board == board else {
            throw Failure(
                .usage, "\(connection) is a board \(status.board), but \(who) \(board)", about: "\(connection)",
                advice: "Take it to the batch of its own kind; nothing was written to it")
        }
        guard firmware.isEmpty || status.version == firmware else {
            throw Failure(
                .usage, "\(connection) has firmware \(status.version), but \(who) \(firmware)", about: "\(connection)",
                advice: "Flash it with the firmware of the batch; nothing was written to it")
        }
        guard hash.isEmpty || status.firmwareHash == hash else {
            let has =
                status.firmwareHash.isEmpty ? "tells no hash of its firmware" : "has image \(status.firmwareHash.prefix(16))…"
            throw Failure(
                .usage, "\(connection) \(has), but \(who) \(hash.prefix(16))…", about: "\(connection)",
                advice: "Flash it with the very image of the batch; nothing was written to it")
        }
    }

    /// Setting the protection of a chip that has none does nothing, and would be found out when the node has its keys already.
    func checkProtection(of board: String, _ options: Options, _ connection: String) throws {
        guard options.protection == .demanded, !options.protects(board) else { return }
        throw Failure(
            .usage, "\(connection) is a board \(board), and no readback protection is known that could be set in its chip",
            about: "\(connection)",
            remedy: .either([.leaveUnprotected, .advice("Nothing was written to it")]))
    }

    /// What was to be locked is. A node that an earlier run gave its keys to may have been left open by it.
    func checkProtection(
        _ attestation: Attestation, of record: NodeRecord, _ options: Options, isResumed: Bool
    ) throws {
        guard options.protects(record.board), !attestation.isProtected else { return }
        if isResumed, options.protection == .wherePossible { return }
        throw Failure(
            .malformedAnswer, "\(record.connection) did not set its chip's readback protection", about: "\(record.connection)",
            remedy: .either([.leaveUnprotected, .advice("Unless it got its keys so, discard the chip")]))
    }

    /// Says plainly who can read the identity key, as far as it is known of the board.
    func tellReadback(
        _ attestation: Attestation, of record: NodeRecord, _ options: Options, _ progress: @Sendable (String) -> Void
    ) {
        guard let readback = options.readback[record.board] else {
            return progress("nothing is known here of how its chip's flash can be read (board \(record.board))")
        }
        if attestation.isProtected {
            progress(
                "its chip's readback protection\(readback.protection.map { " (\($0))" } ?? "") is set: flashing it anew erases its keys"
            )
        } else if let way = readback.way {
            progress("its chip is open: \(way) can read its identity key")
        }
    }
}

extension Station {
    /// What becomes of a chip's readback protection.
    public enum Protection: Sendable {
        /// It stays as it is: a person with the cable can read the identity key.
        case open
        /// It is set in chips that are known to have one.
        case wherePossible
        /// It is set; a node whose chip is not known to have one is refused.
        case demanded
    }

    /// Who can read a chip's flash, and what keeps them from it.
    public struct Readback: Sendable {
        /// What is set in the chip; nil where nothing can be.
        public var protection: String?
        /// Who can read it as long as nothing is set, as board.json says it (`readbackWay`); nil where it is not known.
        public var way: String?

        /// - Parameters:
        ///   - protection: what can be set in the chip; nil where nothing can be.
        ///   - way: who can read it as long as nothing is set; nil where it is not known.
        public init(protection: String?, way: String?) {
            self.protection = protection
            self.way = way
        }
    }
}

/// Chips by their numbers while they are at the station.
final class ChipsUnderWay: @unchecked Sendable {
    private let lock = NSLock()
    private var connections: [String: String] = [:]

    /// Two nodes that show one number would take each other's record.
    func enter(_ chip: String, _ connection: String) throws {
        guard !chip.isEmpty else { return }
        try lock.withLock {
            if let other = connections[chip] {
                throw Failure(
                    .usage, "\(connection) and \(other) show the same chip number, \(chip)", about: "\(connection)",
                    advice:
                        "If it is one node on two cables, unplug one of them; if they are two, one record cannot tell them apart: set one aside"
                )
            }
            connections[chip] = connection
        }
    }

    func leave(_ chip: String) { lock.withLock { connections[chip] = nil } }
}
