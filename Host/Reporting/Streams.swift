// The one way to standard output and standard error: what cannot be written is known, and ends no program by a trap.
import Foundation
import Synchronization

/// Standard output. Nothing is kept back in a buffer; the first failure is remembered, and nothing is written after it.
public enum StandardOutput {
    /// errno of the first write that failed, else 0.
    private static let code = Mutex<Int32>(0)

    /// Writes `text` as it is. Foreign text in it has been through `Quoted`.
    public static func write(_ text: String) { write(bytes: Array(text.utf8)) }

    /// Writes bytes as they are.
    public static func write(bytes: [UInt8]) {
        code.withLock { code in
            guard code == 0 else { return }
            code = Descriptor.write(bytes, to: STDOUT_FILENO)
        }
    }

    /// Whether all that was written has left this program; a reader that has gone has taken none of the rest.
    public static var isWhole: Bool { code.withLock { $0 == 0 } }

    /// Whether the other end of a pipe has had enough, as `head` has. That is no failure of a command that prints.
    public static var isClosed: Bool { code.withLock { $0 == EPIPE } }

    /// Whether escape sequences may be written: to a terminal alone, whose user has nothing against them (https://no-color.org).
    public static var takesEscapes: Bool {
        isatty(STDOUT_FILENO) == 1 && (ProcessInfo.processInfo.environment["NO_COLOR"] ?? "").isEmpty
    }

    /// What went wrong, nil while all is well.
    public static var failure: Failure? { code.withLock { $0 == 0 ? nil : failure($0) } }

    /// Writes what is secret: no copy stays in this program. Throws unless all of it is out.
    /// - Throws: `Failure` of kind `environment`; some of it may have been written then.
    public static func write(secret bytes: inout [UInt8]) throws {
        defer { for index in bytes.indices { bytes[index] = 0 } }
        if let failure { throw failure }
        let result = Descriptor.write(bytes, to: STDOUT_FILENO)
        if result != 0 { throw failure(result) }
    }

    private static func failure(_ code: Int32) -> Failure {
        Failure(
            .environment, "standard output could not be written: \(String(cString: strerror(code)))",
            advice: "Print it to a terminal or to a file with enough space")
    }
}

/// Standard error. What cannot be written there is told nowhere.
public enum StandardError {
    /// Writes `text` as it is. Foreign text in it has been through `Quoted`.
    public static func write(_ text: String) { write(bytes: Array(text.utf8)) }

    /// Writes bytes as they are.
    public static func write(bytes: [UInt8]) { _ = Descriptor.write(bytes, to: STDERR_FILENO) }
}

/// Standard input, by lines.
public enum StandardInput {
    /// The next line without its end; nil when there is none. Nothing behind it is taken.
    /// - Parameter limit: bytes that it may have: what goes on without end is not read without end.
    /// - Throws: `Failure` of kind `usage` when it has more.
    public static func line(limit: Int = 1 << 16) throws -> String? {
        var bytes: [UInt8] = [], byte: UInt8 = 0
        while bytes.count <= limit {
            let count = read(STDIN_FILENO, &byte, 1)
            if count < 0, errno == EINTR { continue }
            guard count > 0 || !bytes.isEmpty else { return nil }
            if count > 0, byte != 0x0A {
                bytes.append(byte)
                continue
            }
            if bytes.last == 0x0D { bytes.removeLast() }
            return String(decoding: bytes, as: UTF8.self)  // foreign: whoever asked for the line looks at it
        }
        throw Failure(
            .usage, "the line on standard input has more than \(limit) bytes",
            advice: "Give one line of text: a label, an acceptance, a number")
    }
}

/// The descriptors that every program starts with.
public enum Descriptor {
    /// Opens those of standard input, output and error that were closed when the program began: the next file that it opened would take
    /// their numbers, and what is printed would go into it. Writing to such an output fails.
    public static func occupyStandardOnes() {
        for (number, mode) in [(STDIN_FILENO, O_RDONLY), (STDOUT_FILENO, O_RDONLY), (STDERR_FILENO, O_WRONLY)]
        where fcntl(number, F_GETFD) < 0 {
            _ = open("/dev/null", mode)
        }
    }

    /// Writes all of `bytes`, waiting for a descriptor that does not block.
    /// - Returns: 0, or errno of what failed.
    public static func write(_ bytes: [UInt8], to descriptor: Int32) -> Int32 {
        var sent = 0
        while sent < bytes.count {
            let count = bytes.withUnsafeBytes { Foundation.write(descriptor, $0.baseAddress! + sent, $0.count - sent) }
            if count > 0 {
                sent += count
                continue
            }
            switch count < 0 ? errno : ENOSPC {
            case EINTR: continue
            case EAGAIN:
                var wait = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                _ = poll(&wait, 1, 1000)
            case let code: return code
            }
        }
        return 0
    }
}
