// Asking for a passphrase without showing it.
import Foundation
import Reporting

enum Passphrase {
    /// `LIGHTNODE_PASSPHRASE`, for scripts.
    static var fromEnvironment: String? {
        guard let value = ProcessInfo.processInfo.environment["LIGHTNODE_PASSPHRASE"], !value.isEmpty else { return nil }
        return value
    }

    /// The passphrase of an existing key: from the environment, else asked for; nil without a terminal.
    static func existing() -> String? { fromEnvironment ?? ask("Passphrase: ") }

    /// A new passphrase, asked for twice.
    static func new() throws -> String {
        if let fromEnvironment { return fromEnvironment }
        guard let first = ask("New passphrase: "), let second = ask("Once more: ") else {
            throw Failure(.environment, "there is no terminal to ask for a passphrase", advice: "Set LIGHTNODE_PASSPHRASE")
        }
        guard first == second else {
            throw Failure(.usage, "the two passphrases differ", advice: "Try again; nothing was written")
        }
        guard !first.isEmpty else {
            throw Failure(.usage, "the passphrase is empty", advice: "Leave --passphrase away for a key without one")
        }
        return first
    }

    private static func ask(_ prompt: String) -> String? {
        let terminal = open("/dev/tty", O_RDWR | O_CLOEXEC)
        guard terminal >= 0 else { return nil }
        defer { close(terminal) }
        var settings = termios()
        guard tcgetattr(terminal, &settings) == 0 else { return nil }
        let before = settings
        settings.c_lflag &= ~tcflag_t(ECHO)
        tcsetattr(terminal, TCSAFLUSH, &settings)
        var saved = before
        defer {
            tcsetattr(terminal, TCSAFLUSH, &saved)
            _ = write(terminal, "\n", 1)
        }
        _ = prompt.withCString { write(terminal, $0, strlen($0)) }
        var bytes: [UInt8] = []
        var byte: UInt8 = 0
        while read(terminal, &byte, 1) == 1, byte != UInt8(ascii: "\n") { bytes.append(byte) }
        return String(decoding: bytes, as: UTF8.self)
    }
}
