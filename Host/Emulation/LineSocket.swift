// A client of a Unix stream socket: bytes and lines, always with a time limit.
import Foundation
import Reporting
import VirtualUSB

/// A connection to QEMU: monitor, test interface or UART.
public final class LineSocket: @unchecked Sendable {
    private let descriptor: Int32
    private var buffer = Data()

    /// Connects, retrying until `timeout` seconds have passed while `alive` holds.
    /// - Throws: `Failure` when no program listens there.
    public init(path: String, timeout: Double = 5, alive: () -> Bool = { true }) throws {
        let limit = Date().addingTimeInterval(timeout)
        while true {
            let handle = try Self.open(path)
            if handle >= 0 {
                descriptor = handle
                return
            }
            let reason = systemError()
            guard alive(), Date() < limit else {
                throw Failure(.environment, "nothing answers at \(path): \(reason)", advice: "Start the board again")
            }
            usleep(1000)
        }
    }

    /// A connected socket; −1 and `errno` when no program listens.
    static func open(_ path: String) throws -> Int32 {
        let handle = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard handle >= 0 else {
            throw Failure(
                .environment, "no socket to be had: \(systemError())",
                advice: "Check the permissions of these folders, and the number of files that are open")
        }
        let connected = try withUnixAddress(path) { connect(handle, $0, $1) }
        if connected == 0 { return handle }
        let code = errno
        close(handle)
        errno = code
        return -1
    }

    /// A socket that listens at `path`.
    static func listen(_ path: String) throws -> Int32 {
        let handle = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        let bound = try withUnixAddress(path) { bind(handle, $0, $1) }
        guard bound == 0, Glibc.listen(handle, 8) == 0 else {
            throw Failure(
                .environment, "the socket \(path) cannot be made: \(systemError())",
                advice: "Check the permissions of its folder and the space on its disk")
        }
        return handle
    }

    deinit { close(descriptor) }

    /// Sends all of it.
    /// - Throws: `Failure` when the other side has closed; some of it may have gone.
    public func send(_ data: some DataProtocol) throws {
        guard Self.send([UInt8](data), to: descriptor) else {
            throw Failure(.environment, "the emulator closed its connection: \(systemError())", advice: "Start the board again")
        }
    }

    /// Sends all of it; false when the other side is gone or, unless `patient`, does not take it now: not everybody waits for one that sleeps.
    static func send(_ bytes: [UInt8], to descriptor: Int32, patient: Bool = true) -> Bool {
        let flags = Int32(MSG_NOSIGNAL) | (patient ? 0 : Int32(MSG_DONTWAIT))
        var sent = 0
        while sent < bytes.count {
            let count = bytes.withUnsafeBytes { Glibc.send(descriptor, $0.baseAddress! + sent, $0.count - sent, flags) }
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { return false }
            sent += count
        }
        return true
    }

    /// Sends the text in UTF-8 and a line feed; the text must have none.
    /// - Throws: `Failure` when the other side has closed.
    public func send(line: String) throws { try send(Data((line + "\n").utf8)) }

    /// What has arrived, waiting `timeout` seconds for a first byte. Empty when nothing came.
    /// - Throws: `Failure` when the other side has closed.
    public func receive(timeout: Double) throws -> Data {
        if buffer.isEmpty { _ = try fill(timeout: timeout) }
        defer { buffer.removeAll() }
        return buffer
    }

    /// One line without its end, nil when none is complete after `timeout` seconds.
    /// - Throws: `Failure` when the other side has closed.
    public func receiveLine(timeout: Double) throws -> String? {
        let limit = Date().addingTimeInterval(timeout)
        while true {
            if let end = buffer.firstIndex(of: 0x0A) {
                let line = String(decoding: buffer[buffer.startIndex..<end], as: UTF8.self)
                buffer = Data(buffer[(end + 1)...])
                return line.hasSuffix("\r") ? String(line.dropLast()) : line
            }
            let left = limit.timeIntervalSinceNow
            guard try fill(timeout: max(left, 0)) || left > 0 else { return nil }
        }
    }

    private func fill(timeout: Double) throws -> Bool {
        var poll = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        guard Glibc.poll(&poll, 1, Int32(min(timeout, 3600) * 1000)) > 0 else { return false }
        var bytes = [UInt8](repeating: 0, count: 65536)
        let count = recv(descriptor, &bytes, bytes.count, 0)
        if count < 0 && errno == EINTR { return false }
        guard count > 0 else {
            throw Failure(.environment, "the emulator closed its connection", advice: "Start the board again")
        }
        buffer.append(contentsOf: bytes[..<count])
        return true
    }
}

/// What comes next from a socket, at most 4096 bytes; nil when there is no more.
func received(from handle: Int32) -> [UInt8]? {
    var bytes = [UInt8](repeating: 0, count: 4096)
    while true {
        let count = recv(handle, &bytes, bytes.count, 0)
        if count < 0 && errno == EINTR { continue }
        return count > 0 ? Array(bytes[..<count]) : nil
    }
}

/// Calls `body` with the address of a Unix socket.
/// - Throws: `Failure` when the path is longer than the system allows.
func withUnixAddress<Result>(_ path: String, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Result) throws -> Result {
    try withUnixAddress(path, advice: "Set XDG_RUNTIME_DIR to a shorter folder", body)
}
