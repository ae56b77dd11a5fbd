// What the firmware of a named board says, kept with its time whether or not anybody listens.
import Foundation
import Reporting
import Slipmux

/// A line of a board's log.
public struct BoardLogLine: Codable, Equatable, Sendable, CustomStringConvertible {
    /// How much a line matters, the least first.
    public enum Level: String, Codable, CaseIterable, Sendable {
        /// What the firmware says.
        case info
        /// What happened to the board from outside: power, reset.
        case board
        /// The last words of a processor that has faulted (Firmware/NodeRuntime/Fault.swift).
        case fault
    }

    /// When it came, on the host's clock.
    public var time: Date
    /// How much it matters.
    public var level: Level
    /// The text; foreign, in one line.
    public var text: String

    private static let stamp = Date.ISO8601FormatStyle(includingFractionalSeconds: true)

    /// As it is kept, and shown: "2026-11-30T20:25:01.123Z info light node: blank".
    public var description: String { "\(Self.stamp.format(time)) \(level.rawValue) \(text)" }

    /// - Parameter text: made one line.
    init(_ level: Level, _ text: String, at time: Date) {
        (self.level, self.time) = (level, time)
        self.text = Quoted.line(text)
    }

    /// A kept line; nil for what is none.
    public init?(_ line: some StringProtocol) {
        let words = line.split(separator: " ", maxSplits: 2, omittingEmptySubsequences: false)
        guard words.count == 3, let level = Level(rawValue: String(words[1])),
            let time = try? Self.stamp.parse(String(words[0]))
        else { return nil }
        self.init(level, String(words[2]), at: time)
    }
}

/// Takes a copy of a board's serial line and keeps the log lines in it.
final class BoardLog: @unchecked Sendable {
    /// Bytes of a file after which a new one is begun; the one before is kept.
    static let longest = 1 << 20

    /// For `EmulatedBoard.Configuration.uartCopy`.
    let pipe: URL
    private let file: URL
    private let descriptor: Int32
    // Under the lock.
    private let lock = NSLock()
    private var isClosed = false

    /// - Parameter pipe: is made; the emulator opens it anew each time that the board is turned on.
    init(pipe: URL, file: URL) throws {
        (self.pipe, self.file) = (pipe, file)
        // For reading and writing: an emulator that ends is then no end of the pipe.
        guard mkfifo(pipe.path, 0o600) == 0, case let opened = open(pipe.path, O_RDWR | O_CLOEXEC), opened >= 0 else {
            throw Failure(
                .environment, "the pipe \(pipe.path) cannot be made: \(systemError())",
                advice: "Check the permissions of its folder and the space on its disk")
        }
        descriptor = opened
        let thread = Thread { [self] in read() }
        thread.name = "board-log"
        thread.start()
    }

    /// Notes what happened to the board.
    func note(_ text: String) { keep(.init(.board, text, at: Date())) }

    /// Ends the reading.
    func close() {
        let wasClosed = lock.withLock {
            defer { isClosed = true }
            return isClosed
        }
        // An END of slipmux (RFC 1055) wakes the reader up.
        if !wasClosed { _ = Descriptor.write([0xC0], to: descriptor) }
    }

    private func read() {
        var decoder = SlipmuxDecoder<1024>()
        var bytes = [UInt8](repeating: 0, count: 4096)
        while true {
            let count = Glibc.read(descriptor, &bytes, bytes.count)
            if count < 0, errno == EINTR { continue }
            guard count > 0, !(lock.withLock { isClosed }) else { break }
            let now = Date()
            for byte in bytes[..<count] {
                guard case .diagnostic = decoder.receive(byte) else { continue }
                let text = decoder.content.withUnsafeBytes { String(decoding: $0, as: UTF8.self) }
                for line in text.split(whereSeparator: \.isNewline) {
                    keep(.init(line.hasPrefix("FAULT ") ? .fault : .info, String(line), at: now))
                }
            }
        }
        Glibc.close(descriptor)
    }

    /// What cannot be kept is lost: a log is no reason to stop a board.
    private func keep(_ line: BoardLogLine) {
        lock.withLock {
            let size = (try? FileManager.default.attributesOfItem(atPath: file.path))?[.size] as? Int ?? 0
            if size > Self.longest { rename(file.path, EmulatedBoards.earlier(file).path) }
            let handle = open(file.path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
            guard handle >= 0 else { return }
            defer { Glibc.close(handle) }
            _ = Descriptor.write(Array("\(line)\n".utf8), to: handle)
        }
    }
}

extension EmulatedBoards {
    /// Where a board's log is kept.
    public func logFile(_ name: String) -> URL { stateFolder(name).appendingPathComponent("log") }

    static func earlier(_ file: URL) -> URL { file.appendingPathExtension("1") }
}

/// Reads a board's log, and goes on from there.
public struct BoardLogReader {
    private let file: URL
    private var place: UInt64 = 0
    private var identity: ino_t = 0
    private var rest = Data()
    private var hasBegun = false

    /// From the oldest line that is kept.
    /// - Throws: `Failure` when there is no such board.
    public init(_ boards: EmulatedBoards, _ name: String) throws {
        _ = try boards.record(name)
        file = boards.logFile(name)
    }

    /// The lines that came since the last call; at first all that are kept.
    public mutating func next() -> [BoardLogLine] {
        var lines: [BoardLogLine] = []
        var status = stat()
        guard stat(file.path, &status) == 0 else { return [] }
        if status.st_ino != identity {
            // Another file was begun; the end of the one before is in its place now.
            let before = EmulatedBoards.earlier(file)
            if let earlier = try? Data(contentsOf: before) {
                lines += Self.lines(hasBegun ? rest + earlier.dropFirst(Int(place)) : earlier)
            }
            (place, identity, rest) = (0, status.st_ino, Data())
        }
        hasBegun = true
        guard UInt64(status.st_size) > place, let handle = try? FileHandle(forReadingFrom: file) else { return lines }
        defer { try? handle.close() }
        guard (try? handle.seek(toOffset: place)) != nil, let more = try? handle.readToEnd() else { return lines }
        place += UInt64(more.count)
        rest.append(more)
        guard let end = rest.lastIndex(of: 0x0A) else { return lines }
        lines += Self.lines(rest[..<end])
        rest = Data(rest[(end + 1)...])
        return lines
    }

    private static func lines(_ bytes: Data) -> [BoardLogLine] {
        String(decoding: bytes, as: UTF8.self).split(separator: "\n").compactMap { BoardLogLine($0) }
    }
}
