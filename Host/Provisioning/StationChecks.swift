// What a device must be before it gets a serial number or a key: nothing was written to one that is refused here.
import ControlNode
import Foundation
import Records
import Reporting

extension Station {
    func check(_ status: DeviceStatus, against options: Options, _ connection: String) throws {
        try check(status, connection, options.board, options.firmware, options.firmwareHash, "this run takes")
    }

    func check(_ status: DeviceStatus, against batch: Batch, _ connection: String) throws {
        try check(status, connection, batch.board, batch.firmware, batch.firmwareHash, "batch \(batch.name) is of")
    }

    private func check(
        _ status: DeviceStatus, _ connection: String, _ board: String, _ firmware: String, _ hash: String, _ who: String
    ) throws {
        guard board.isEmpty || status.board == board else {
            throw Failure(
                .usage, "\(connection) is a board \(status.board), but \(who) \(board)",
                advice: "Take it to the batch of its own kind; nothing was written to it")
        }
        guard firmware.isEmpty || status.version == firmware else {
            throw Failure(
                .usage, "\(connection) has firmware \(status.version), but \(who) \(firmware)",
                advice: "Flash it with the firmware of the batch; nothing was written to it")
        }
        guard hash.isEmpty || status.firmwareHash == hash else {
            let has =
                status.firmwareHash.isEmpty ? "tells no hash of its firmware" : "has image \(status.firmwareHash.prefix(16))…"
            throw Failure(
                .usage, "\(connection) \(has), but \(who) \(hash.prefix(16))…",
                advice: "Flash it with the very image of the batch; nothing was written to it")
        }
    }

    /// Setting the protection of a chip that has none does nothing, and would be found out when the device has its keys already.
    func checkProtection(of board: String, _ options: Options, _ connection: String) throws {
        guard options.protects, !options.protectableBoards.contains(board) else { return }
        throw Failure(
            .usage, "\(connection) is a board \(board), and no readback protection is known that could be set in its chip",
            advice: "Leave --protect away for this board; nothing was written to it")
    }
}

/// Chips by their numbers while they are at the station.
final class ChipsUnderWay: @unchecked Sendable {
    private let lock = NSLock()
    private var connections: [String: String] = [:]

    /// Two devices that show one number would take each other's record.
    func enter(_ chip: String, _ connection: String) throws {
        guard !chip.isEmpty else { return }
        try lock.withLock {
            if let other = connections[chip] {
                throw Failure(
                    .usage, "\(connection) and \(other) show the same chip number, \(chip)",
                    advice:
                        "If it is one device on two cables, unplug one of them; if they are two, one record cannot tell them apart: set one aside"
                )
            }
            connections[chip] = connection
        }
    }

    func leave(_ chip: String) { lock.withLock { connections[chip] = nil } }
}
