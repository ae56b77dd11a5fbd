// A control node: its key, its sequence numbers and the nodes that it owns.
import Foundation
import Keystore

/// What a control node keeps between programs.
public struct Controller: Sendable {
    /// Signs what it sends; the nodes that it owns obey this key alone.
    public let key: ControllerKey
    /// Where the sequence numbers of its messages come from; shared by all programs that use the key.
    public let sequence: SequenceClock
    /// The nodes that it owns.
    public let book: NodeBook
    /// Every receipt that was ever verified.
    public let log: NodeLog
    /// Is told what is found beside what was asked, and made good.
    public var notice: @Sendable (Notice) -> Void = { _ in }

    /// Opens nothing: the four parts are to belong to one home, or a node would see numbers again, or receipts be missed.
    public init(key: ControllerKey, sequence: SequenceClock, book: NodeBook, log: NodeLog) {
        self.key = key
        self.sequence = sequence
        self.book = book
        self.log = log
    }

    /// The controller that lives in `home`, with its key there or in `keyFile`.
    /// - Throws: `Failure` when the key cannot be read or opened, or the log of receipts cannot be used; what `passphrase`
    ///   throws.
    public init(
        _ home: Home, keyFile: PrivateFile? = nil, clock: ClockLimits = ClockLimits(), passphrase: () throws -> String?
    ) throws {
        let file = keyFile ?? home.controllerKey
        Leftovers.remove(in: home.path) { _ in true }
        Leftovers.remove(besides: file)
        self.init(
            key: try ControllerKey.load(from: file, passphrase: passphrase),
            sequence: home.sequenceClock(clock),
            book: NodeBook(home.nodeBook),
            log: try NodeLog(home.nodeLog))
    }
}

extension Controller {
    /// Where book, numbers and log are.
    var folder: String { (book.file.path as NSString).deletingLastPathComponent }

    /// The grants that this control node has given, beside its book of nodes.
    public var grants: GrantBook {
        GrantBook(PrivateFile(folder + "/grants.json"))
    }

    /// How far this control node's messages under grants of others have come, beside its book of nodes.
    var marks: MarkBook { MarkBook(PrivateFile(folder + "/marks.json")) }
}
