// Emulated boards as devices: `emulated:NAME` is the UART socket of the running board of that name.
import Emulation
import Foundation
import Reporting
import Transport

struct EmulatedSource: DeviceSource {
    func candidates() throws -> [DeviceCandidate] {
        EmulatedBoards().running.map { DeviceCandidate(.emulated(name: $0.name), note: $0.board.name) }
    }

    func open(_ locator: DeviceLocator) async throws -> (any BytePipe)? {
        guard case .emulated(let name) = locator else { return nil }
        let board: EmulatedBoardRecord
        do { board = try EmulatedBoards().find(name) } catch let error as EmulationError {
            // A device that is off is out of reach, whatever kind of failure the emulator calls it.
            let parts = error.description.components(separatedBy: ". ")
            throw Failure(
                .unreachable, parts[0],
                advice: parts.count > 1 ? parts[1...].joined(separator: ". ") : "See “lightnode emulate --list”")
        }
        return try UnixSocket.connect(path: board.uart, name: locator.description)
    }
}
