// One conversation with a node at a time: from the number of a message to its receipt, across tasks and programs.
import Foundation
import NodeProtocol
import Reporting

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
        let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else {
            throw Failure(
                .environment, "\(path) could not be opened: \(String(cString: strerror(errno)))",
                advice: "Check the permissions of its folder and the space on its disk")
        }
        defer { close(descriptor) }
        let deadline = ContinuousClock.now + Self.patience
        // Asked for again and again: a thread that blocks would be missing where its holder needs it.
        while flock(descriptor, LOCK_EX | LOCK_NB) != 0 {
            guard errno == EWOULDBLOCK || errno == EINTR, ContinuousClock.now < deadline else {
                throw Failure(
                    .unreachable, "another program of this control node is talking to \(node)",
                    advice: "Wait until it has ended, or end it, then try again")
            }
            try await Task.sleep(for: .milliseconds(5))
        }
        return try await body()
    }
}
