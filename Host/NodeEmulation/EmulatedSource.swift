// Emulated boards as nodes: `emulated:NAME` is the UART socket of the running board of that name.
import Emulation
import Foundation
import Reporting
import Transport

/// The running boards of this user, as nodes that a command line can name.
public struct EmulatedSource: NodeSource {
    public init() {}

    public func candidates() throws -> [NodeCandidate] {
        EmulatedBoards().running.map { NodeCandidate(.emulated(name: $0.name), note: $0.board.name) }
    }

    public func open(_ locator: NodeLocator) async throws -> (any BytePipe)? {
        guard case .emulated(let name) = locator else { return nil }
        let board: EmulatedBoardRecord
        do { board = try EmulatedBoards().find(name) } catch let failure as Failure {
            // A node that is off is out of reach, whatever kind of failure the emulator calls it.
            throw Failure(.unreachable, failure.what, about: locator.description, remedy: failure.remedy)
        }
        return try UnixSocket.connect(path: board.uart, name: locator.description)
    }
}
