// A terminal as a person sits at it: a program on a pseudo-terminal, and the screen that its escape sequences draw.
import Foundation

/// What is on a screen: the sequences that `lightnode` uses, and no others.
public struct Screen: Sendable {
    public let columns: Int
    private var lines: [[Character]] = [[]]
    private var row = 0
    private var column = 0
    private var rest: [UInt8] = []
    /// Sequences that this screen does not know.
    public private(set) var unknown: [String] = []

    public init(columns: Int) { self.columns = columns }

    /// Its lines, those that scrolled away too, without trailing spaces.
    public var text: [String] {
        lines.map { line in
            var line = line
            while line.last == " " { line.removeLast() }
            return String(line)
        }
    }

    public mutating func write(_ bytes: [UInt8]) {
        rest += bytes
        // A character or a sequence that is not whole yet waits for its end.
        while let length = nextLength() {
            let piece = String(decoding: rest[..<length], as: UTF8.self)
            rest.removeFirst(length)
            if piece.hasPrefix("\u{1B}") { obey(piece) } else { show(Character(piece)) }
        }
    }

    private func nextLength() -> Int? {
        guard let first = rest.first else { return nil }
        if first == 0x1B {
            guard let end = rest.dropFirst(2).firstIndex(where: { 0x40...0x7E ~= $0 }) else { return nil }
            return end + 1
        }
        let length = first < 0x80 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4
        return rest.count >= length ? length : nil
    }

    private mutating func obey(_ sequence: String) {
        let count = Int(sequence.dropFirst(2).dropLast()) ?? 1
        switch sequence.last {
        case "F": (row, column) = (max(0, row - count), 0)
        case "J": lines.replaceSubrange(row..., with: [Array(lines[row].prefix(column))])
        case "K": lines[row] = Array(lines[row].prefix(column))
        default: unknown.append(sequence)
        }
    }

    private mutating func show(_ character: Character) {
        switch character {
        case "\r": column = 0
        case "\n": moveDown()
        default:
            if column == columns {
                column = 0
                moveDown()
            }
            while lines[row].count <= column { lines[row].append(" ") }
            lines[row][column] = character
            column += 1
        }
    }

    private mutating func moveDown() {
        row += 1
        if row == lines.count { lines.append([]) }
    }
}

/// A program that runs at a terminal. It is killed with the object.
public final class Terminal: @unchecked Sendable {
    public let process = Process()
    private let master: Int32
    private let lock = NSLock()
    private var shown: Screen
    private var bytes: [UInt8] = []
    /// How far `reads` has come.
    private var place = 0
    /// Signalled once all has been read.
    private let isRead = DispatchSemaphore(value: 0)

    public init(
        _ command: [String], environment: [String: String], folder: URL? = nil, columns: Int = 80, rows: Int = 24
    ) throws {
        var (master, slave): (Int32, Int32) = (0, 0)
        var size = winsize(ws_row: UInt16(rows), ws_col: UInt16(columns), ws_xpixel: 0, ws_ypixel: 0)
        guard openpty(&master, &slave, nil, nil, &size) == 0 else { throw POSIXError(.ENOTTY) }
        _ = fcntl(master, F_SETFD, FD_CLOEXEC)
        self.master = master
        shown = Screen(columns: columns)
        let end = FileHandle(fileDescriptor: slave, closeOnDealloc: true)
        process.executableURL = URL(fileURLWithPath: command[0])
        process.arguments = Array(command.dropFirst())
        process.environment = environment
        process.currentDirectoryURL = folder
        (process.standardInput, process.standardOutput, process.standardError) = (end, end, end)
        try process.run()
        try end.close()
        Thread.detachNewThread { [weak self, master, isRead] in
            var buffer = [UInt8](repeating: 0, count: 4096)
            // Ends with EIO when the program has closed its side.
            while case let count = read(master, &buffer, buffer.count), count > 0 { self?.take(Array(buffer[..<count])) }
            isRead.signal()
        }
    }

    deinit {
        if process.isRunning { kill(process.processIdentifier, SIGKILL) }
        close(master)
    }

    private func take(_ new: [UInt8]) {
        lock.withLock {
            bytes += new
            shown.write(new)
        }
    }

    /// What is on the screen now, and what has scrolled away above it.
    public var screen: Screen { lock.withLock { shown } }
    /// All that came, escape sequences too.
    public var output: String { lock.withLock { String(decoding: bytes, as: UTF8.self) } }

    public func type(_ text: String) {
        let bytes = Array(text.utf8)
        _ = write(master, bytes, bytes.count)
    }

    /// Waits until `words` have come, for a minute at most.
    public func wait(for words: String) -> Bool {
        for _ in 0..<3000 {
            if output.contains(words) { return true }
            if !process.isRunning { break }
            usleep(20_000)
        }
        if !process.isRunning { end() }
        return output.contains(words)
    }

    /// Waits until `words` come after those that the last call found; false after ten seconds.
    public func reads(_ words: String) async -> Bool {
        for _ in 0..<500 {
            let isFound = lock.withLock {
                guard let range = Data(bytes[place...]).range(of: Data(words.utf8)) else { return false }
                place += range.upperBound
                return true
            }
            if isFound { return true }
            try? await Task.sleep(for: .milliseconds(20))
        }
        return false
    }

    /// Waits for the program's end; its last words have come then.
    @discardableResult
    public func end() -> Int32 {
        process.waitUntilExit()
        // Not for ever: what the program has started may keep the terminal open.
        if isRead.wait(timeout: .now() + 5) == .success { isRead.signal() }
        return process.terminationStatus
    }
}
