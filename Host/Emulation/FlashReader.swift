// Reads memory of a running QEMU as it is at one moment, without a file: through a pipe with a name.
import Foundation
import Reporting

/// The pipe that QEMU writes memory to.
final class FlashReader {
    private let path: String
    private let descriptor: Int32
    /// Bytes that it holds: so many are read at one moment.
    private let capacity: Int

    /// - Parameter folder: a private one of the board's run.
    init(folder: URL, wanted: Int) throws {
        path = folder.path + "/memory"
        unlink(path)
        guard mkfifo(path, 0o600) == 0 else { throw Self.failure("cannot be made", path) }
        // Open for writing too: QEMU does not wait for a reader, nor this program for a writer.
        descriptor = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC)
        guard descriptor >= 0 else { throw Self.failure("cannot be opened", path) }
        _ = fcntl(descriptor, Self.setPipeSize, Int32(wanted))
        capacity = max(4096, Int(fcntl(descriptor, Self.getPipeSize)))
    }

    deinit { close(descriptor) }

    // <linux/fcntl.h>
    private static let setPipeSize: Int32 = 1031
    private static let getPipeSize: Int32 = 1032

    /// The bytes at `address`, as the processor sees them. What fits the pipe is of one moment: QEMU's monitor lets no instruction store to
    /// flash meanwhile.
    func read(_ address: Int, count: Int, through monitor: QMP) throws -> Data {
        var bytes = Data(capacity: count)
        drain()
        while bytes.count < count {
            let part = min(capacity, count - bytes.count)
            // By the processor's addresses (memsave): QEMU's nRF51 keeps its flash out of the system's address space, which pmemsave reads.
            try monitor.execute("memsave", ["val": address + bytes.count, "size": part, "filename": path])
            let received = drain()
            guard received.count == part else {
                throw Failure(
                    .environment, "the emulator handed over \(received.count) of \(part) bytes of its memory",
                    advice: "Start the board again")
            }
            bytes += received
        }
        return bytes
    }

    /// What is in the pipe now.
    @discardableResult
    private func drain() -> Data {
        var bytes = Data()
        var buffer = [UInt8](repeating: 0, count: 65536)
        while true {
            let count = Glibc.read(descriptor, &buffer, buffer.count)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return bytes }
            bytes.append(contentsOf: buffer[..<count])
        }
    }

    private static func failure(_ what: String, _ path: String) -> Failure {
        Failure(
            .environment, "the pipe \(path) \(what): \(systemError())",
            advice: "Check the permissions of these folders, and the number of files that are open")
    }
}
