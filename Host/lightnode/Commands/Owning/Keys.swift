// lightnode keys: the controller's own keys.
import ArgumentParser
import HostCrypto
import Keystore
import NodeProtocol
import Reporting

struct Keys: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Make, show, back up and restore the keys of this control node.",
        discussion: """
            EXAMPLE:
              lightnode keys show
              lightnode keys backup
            """,
        subcommands: [New.self, Show.self, KeyBackup.self, KeyRestore.self, Renumber.self])

    struct New: ParsableCommand, JSONCapable {
        static let configuration = CommandConfiguration(
            abstract: "Make a controller key.",
            discussion: """
                EXAMPLE:
                  lightnode keys new --passphrase

                An existing key is never replaced: the nodes that it owns would be lost.
                """)

        @Flag(help: "Seal the key with a passphrase (asked for, or from LIGHTNODE_PASSPHRASE).")
        var passphrase = false

        @OptionGroup var key: KeyOptions
        @OptionGroup var output: Output

        func run() throws {
            let file = try key.key.map { PrivateFile($0) } ?? Home.standard().controllerKey
            if file.exists {
                throw Failure(
                    .environment, "\(file.path) exists already", about: "\(file.path)",
                    remedy: .inOrder([.advice("Keys are never replaced"), .nameKey]))
            }
            let made = ControllerKey.generate()
            try made.save(to: file, passphrase: passphrase ? try Passphrase.new() : nil)
            output.show(KeyReport(file: file.path, publicKey: made.publicKey, isSealed: passphrase))
        }
    }

    struct Show: ParsableCommand, JSONCapable {
        static let configuration = CommandConfiguration(
            abstract: "Show the public half of the controller key, and the nodes it owns.",
            discussion: """
                EXAMPLE:
                  lightnode keys show
                """)

        @OptionGroup var key: KeyOptions
        @OptionGroup var output: Output

        func run() throws {
            let home = try Home.standard()
            let file = key.key.map { PrivateFile($0) } ?? home.controllerKey
            let publicKey = try key.controller().key.publicKey
            let owned = try NodeBook(home.nodeBook).nodes().filter { $0.owner == publicKey && $0.unconfirmedBind == nil }
            output.show(
                KeyReport(
                    file: file.path, publicKey: publicKey, isSealed: try ControllerKey.isSealed(file),
                    nodes: owned.map(\.address)))
        }
    }

    struct Renumber: ParsableCommand, JSONCapable {
        static let configuration = CommandConfiguration(
            abstract: "Begin the numbers of messages anew at this computer's clock.",
            discussion: """
                EXAMPLE:
                  lightnode keys renumber

                For a file of numbers that is damaged, or that a wrong clock has run up. A node refuses what it has seen, so nothing is carried
                out twice; where a node has taken higher numbers they are stepped over.
                """)

        @OptionGroup var key: KeyOptions
        @OptionGroup var output: Output

        func run() throws {
            try Home.standard().sequenceClock(ClockLimits(trusts: key.trustClock)).renumber()
            output.show(Renumbered())
        }
    }

    struct Renumbered: Encodable, CustomStringConvertible {
        let renumbered = true
        var description: String { "The numbers begin anew at this computer's clock" }
    }

    struct KeyReport: Encodable, CustomStringConvertible {
        let file: String
        let publicKey: PublicKey
        let isSealed: Bool
        var nodes: [NodeAddress] = []

        var description: String {
            (["\(publicKey)   \(file)\(isSealed ? " (sealed with a passphrase)" : "")"] + nodes.map { "  owns \($0)" })
                .joined(separator: "\n")
        }
    }
}
