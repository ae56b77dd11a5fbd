// lightnode escrow: for those who must be able to print a label again.
import ArgumentParser
import Foundation
import HostCrypto
import Keystore
import Labels
import Provisioning
import Reporting

struct EscrowCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "escrow",
        abstract: "Make an escrow key, and open what a station has sealed to it.",
        discussion: """
            EXAMPLE:
              lightnode escrow new escrow.key
              lightnode provision --batch lamps-1 --watch --labels labels --escrow escrow.key.pub
              lightnode escrow open escrow-5e0c….jsonl --key escrow.key --serial 12 --svg label.svg

            Take the .pub file to the station and keep the other far from it: whoever has it can claim every node that was not claimed yet.
            """,
        subcommands: [EscrowNew.self, EscrowOpen.self])
}

struct EscrowNew: AsyncParsableCommand, JSONCapable {
    static let configuration = CommandConfiguration(
        commandName: "new", abstract: "Make an escrow key and its .pub file.",
        discussion: """
            EXAMPLE:
              lightnode escrow new escrow.key
            """)
    @Argument(help: "The file of the secret half.") var file: String
    @OptionGroup var output: Output

    func run() async throws {
        let key = EscrowKey.generate()
        try key.save(to: PrivateFile(file))
        output.show(Result(file: file, publicKey: key.publicKey.description))
    }

    struct Result: Encodable, CustomStringConvertible {
        let file: String
        let publicKey: String
        var description: String { "\(file)  opens what is sealed to\n\(file).pub  \(publicKey)" }
    }
}

struct EscrowOpen: AsyncParsableCommand, JSONCapable {
    static let configuration = CommandConfiguration(
        commandName: "open", abstract: "Make the label of a node again from its sealed secret.",
        discussion: """
            EXAMPLE:
              lightnode escrow open escrow-5e0c….jsonl --key escrow.key --batch lamps-1 --serial 12
            """)
    @Argument(help: "The file of sealed secrets.") var file: String
    @Option(help: "The escrow key's file.") var key: String
    @Option(help: "The batch; not needed when there is only one.") var batch: String?
    @Option(help: "The serial number.") var serial: Int64
    @Option(help: "Write the label as an SVG file instead of showing it.") var svg: String?
    @OptionGroup var output: Output

    func run() async throws {
        let entries = try Escrow.entries(PrivateFile(file)).filter { $0.serial == serial && batch ?? $0.batch == $0.batch }
        guard Set(entries.map(\.batch)).count < 2 else {
            throw Failure(
                .usage, "\(file) has several batches with a node \(serial)", about: "\(file)", advice: "Name one: --batch NAME")
        }
        // The last: an attempt that was begun again has sealed its secret again.
        guard let entry = entries.last else {
            throw Failure(.usage, "\(file) has no node \(serial)", about: "\(file)", advice: "Check batch and serial number")
        }
        let label = try entry.open(try EscrowKey.load(from: PrivateFile(key)))
        let drawing = LabelDrawing(label, isTest: entry.isTest, caption: "\(entry.batch)#\(entry.serial)")
        if let svg {
            try PrivateFile(svg).write(try LabelFormat.svg.encode(drawing))
        } else if output.json {
            return try Output.deliver(secret: Output.encoded(["label": label.text]))
        } else {
            try Output.deliver(secret: try drawing.terminalText())
        }
        output.say("the label of \(entry.batch)#\(entry.serial), \(entry.address)")
    }
}
