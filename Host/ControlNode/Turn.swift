// One conversation with a node at a time: from the number of a message to its receipt, across tasks and programs.
import Foundation
import NodeProtocol
import Reporting
import Synchronization

extension Controller {
    /// How long a turn is waited for. A conversation with a silent node ends by itself in less.
    static let patience = Duration.seconds(120)

    /// Runs `body` while no other program or task of this home signs for `node` or waits for its receipt.
    ///
    /// A node takes only numbers above all that it has seen, and its receipts are expected in the order of its log: a message that is
    /// overtaken between the two would be refused, or its receipt be taken for a log that was rolled back.
    /// - Throws: `Failure` when the turn does not come.
    func inTurn<R>(_ node: NodeAddress, _ body: () async throws -> R) async throws -> R {
        let path = book.file.path + ".\(node).turn"
        guard let turn = try await FileTurn.take(path, patience: Self.patience) else {
            throw Failure(
                .unreachable, "another program of this control node is talking to \(node)",
                advice: "Wait until it has ended, or end it, then try again")
        }
        defer { turn.end() }
        return try await body()
    }
}

/// A lock on a file that is waited for in the kernel's queue: whoever asks first has it first, however often another comes back.
private final class FileTurn: Sendable {
    private let descriptor: Int32

    private init(_ descriptor: Int32) { self.descriptor = descriptor }

    func end() { close(descriptor) }

    /// Waits in a thread of its own: one of the tasks' would be missing where the lock's holder needs it.
    /// - Returns: nil when the turn did not come within `patience`.
    /// - Throws: `Failure` when the file cannot be opened; `CancellationError`.
    static func take(_ path: String, patience: Duration) async throws -> FileTurn? {
        let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else {
            throw Failure(
                .environment, "\(path) could not be opened: \(String(cString: strerror(errno)))",
                advice: "Check the permissions of its folder and the space on its disk")
        }
        let waiting = Waiting()
        let thread = Thread {
            while flock(descriptor, LOCK_EX) != 0, errno == EINTR {}
            // Nobody waits any more.
            if !waiting.end(FileTurn(descriptor)) { close(descriptor) }
        }
        thread.stackSize = 1 << 17
        thread.start()
        let timer = Task {
            try? await Task.sleep(for: patience)
            _ = waiting.end(nil)
        }
        defer { timer.cancel() }
        let turn = await withTaskCancellationHandler {
            await waiting.result()
        } onCancel: {
            _ = waiting.end(nil)
        }
        if turn == nil { try Task.checkCancellation() }
        return turn
    }

    /// Ends once: with the turn or without.
    private final class Waiting: Sendable {
        private struct State {
            var result: FileTurn??
            var continuation: CheckedContinuation<FileTurn?, Never>?
        }

        private let state = Mutex(State())

        /// False when it has ended before.
        func end(_ turn: FileTurn?) -> Bool {
            let (isFirst, continuation) = state.withLock { state -> (Bool, CheckedContinuation<FileTurn?, Never>?) in
                guard state.result == nil else { return (false, nil) }
                state.result = .some(turn)
                defer { state.continuation = nil }
                return (true, state.continuation)
            }
            continuation?.resume(returning: turn)
            return isFirst
        }

        func result() async -> FileTurn? {
            await withCheckedContinuation { continuation in
                let result = state.withLock { state -> FileTurn?? in
                    if state.result == nil { state.continuation = continuation }
                    return state.result
                }
                if let result { continuation.resume(returning: result) }
            }
        }
    }
}
