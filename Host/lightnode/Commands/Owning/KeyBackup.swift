// lightnode keys backup, keys restore: an owner's key on paper or in a sealed file, and back.
import ArgumentParser
import Foundation
import HostCrypto
import Keystore
import NodeProtocol
import Reporting

struct KeyBackup: ParsableCommand, JSONCapable {
    static let configuration = CommandConfiguration(
        commandName: "backup",
        abstract:
            "Show the controller's key as 24 words for paper, or write it sealed to a file; make sure that it could be restored.",
        discussion: """
            EXAMPLE:
              lightnode keys backup
              lightnode keys backup --check
              lightnode keys backup --file /media/stick/controller-backup.key

            Who has the words owns the nodes: write them by hand, and keep them away from this computer. --check asks for them, and compares; only
            then “lightnode bind” warns no more. The file is sealed with a passphrase (asked for, or from LIGHTNODE_PASSPHRASE) and read
            back. The words are those of BIP 39. What else is lost with this computer, the names and the history, the nodes and a copy of
            the folder know: “lightnode adopt” takes a node in again.
            """)

    @Flag(help: "Type the words that were written down: they are compared with the key.")
    var check = false

    @Option(help: "Write the key, sealed, to this file instead.", completion: .file())
    var file: String?

    @OptionGroup var key: KeyOptions
    @OptionGroup var output: Output

    func validate() throws {
        guard !check || file == nil else { throw ValidationError("Give --check or --file.") }
    }

    func run() throws {
        let controller = try key.controller(), book = BackupBook(try .standard())
        let own = controller.key
        if check {
            guard try RestoredKey.fromWords(output).publicKey == own.publicKey else {
                throw Failure(
                    .usage, "these are the words of another key", about: "\(own.publicKey)",
                    advice: "Write them down anew, with lightnode keys backup")
            }
            try book.note(own.publicKey)
            return output.show(Result(key: own.publicKey, file: nil, isProven: true))
        }
        if let file {
            let passphrase = try Passphrase.new()
            try own.save(to: PrivateFile(file), passphrase: passphrase)
            // Read back: what cannot be opened is no backup.
            guard try ControllerKey.load(from: PrivateFile(file), passphrase: { passphrase }).publicKey == own.publicKey else {
                throw Failure(
                    .environment, "\(file) does not hold the key that was written", about: file, advice: "Try another disk")
            }
            try book.note(own.publicKey)
            return output.show(Result(key: own.publicKey, file: file, isProven: true))
        }
        let words = KeyWords.words(of: own.signing.seed)
        let rows = stride(from: 0, to: words.count, by: 4).map { row in
            let cells = (row..<row + 4).map { place in
                (place < 9 ? " " : "") + "\(place + 1). " + words[place].padding(toLength: 9, withPad: " ", startingAt: 0)
            }
            return cells.joined(separator: " ")
        }
        try Output.deliver(
            secret: output.json ? Output.encoded(["words": words.joined(separator: " ")]) : rows.joined(separator: "\n"))
        output.say("Write them down, then: lightnode keys backup --check")
    }

    struct Result: Encodable, CustomStringConvertible {
        let key: PublicKey
        let file: String?
        let isProven: Bool

        var description: String {
            file.map { "the key \(key.description.prefix(16))… is in \($0), sealed with the passphrase, and was read back" }
                ?? "these are the words of the key \(key.description.prefix(16))…"
        }
    }
}

struct KeyRestore: ParsableCommand, JSONCapable {
    static let configuration = CommandConfiguration(
        commandName: "restore",
        abstract: "Make the controller's key file again, from the 24 words or from a sealed file.",
        discussion: """
            EXAMPLE:
              lightnode keys restore
              lightnode keys restore --file /media/stick/controller-backup.key
              lightnode adopt --node serial:/dev/ttyACM0

            The words are asked for, or read from standard input. A key that is there is never replaced. Each node is then taken in again with
            “lightnode adopt”.
            """)

    @Option(help: "The sealed file, instead of words.", completion: .file())
    var file: String?

    @Flag(help: "Seal the key here with a passphrase (asked for, or from LIGHTNODE_PASSPHRASE).")
    var passphrase = false

    @OptionGroup var key: KeyOptions
    @OptionGroup var output: Output

    func run() throws {
        let home = try Home.standard()
        let target = key.key.map { PrivateFile($0) } ?? home.controllerKey
        if target.exists {
            throw Failure(
                .environment, "\(target.path) exists already", about: target.path,
                remedy: .inOrder([.advice("Keys are never replaced"), .nameKey]))
        }
        let restored =
            if let file {
                try ControllerKey.load(from: PrivateFile(file), passphrase: { Passphrase.existing() })
            } else { try RestoredKey.fromWords(output) }
        try restored.save(to: target, passphrase: passphrase ? try Passphrase.new() : nil)
        try BackupBook(home).note(restored.publicKey)
        output.show(Keys.KeyReport(file: target.path, publicKey: restored.publicKey, isSealed: passphrase))
    }
}

enum RestoredKey {
    /// The key of the words that standard input holds; on a terminal they are asked for.
    static func fromWords(_ output: Output) throws -> ControllerKey {
        if isatty(STDIN_FILENO) == 1 { Output.standardError("The \(KeyWords.count) words, in one line or several:") }
        var text = ""
        while text.split(whereSeparator: { !$0.isLetter }).count < KeyWords.count, let line = readLine() { text += line + "\n" }
        guard let key = SigningKey(seed: try KeyWords.seed(from: text)) else {
            preconditionFailure("a seed of words has 32 bytes")
        }
        return ControllerKey(key)
    }
}
