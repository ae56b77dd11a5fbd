// Transport: how bytes reach a node and how CoAP exchanges run over them. It knows nothing of keys or commands.
import Reporting

/// A two-way stream of bytes to one node: a serial line, a socket of the emulator, an executor in this process.
public protocol BytePipe: Sendable {
    /// What arrives, in chunks of any size. It has one consumer, ends when the other side hangs up, and throws when the line breaks.
    var incoming: AsyncThrowingStream<[UInt8], any Error> { get }
    /// Sends all of `bytes`, or throws a `Failure` of kind `unreachable`.
    func send(_ bytes: [UInt8]) async throws
    /// Closes the line; `incoming` ends. Closing twice is harmless.
    func close()
}
