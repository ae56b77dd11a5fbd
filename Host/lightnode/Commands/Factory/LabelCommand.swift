// lightnode label: check a label's text and draw it.
import ArgumentParser
import Foundation
import HostCrypto
import Keystore
import Labels
import NodeProtocol
import Reporting

struct LabelCommand: ParsableCommand, JSONCapable {
    static let configuration = CommandConfiguration(
        commandName: "label",
        abstract: "Check the text of a label and draw its QR code.",
        discussion: """
            EXAMPLE:
              lightnode label 'LN1:NODE1…:CLAIM1…' --svg label.svg
              lightnode label - --png label.png < scanned.txt
            """)

    @Argument(help: "The label's text; “-” reads it from standard input, where no other user can see it.")
    var text: String

    @OptionGroup var output: Output

    @Option(help: "Write the label as an SVG file instead of drawing it here.")
    var svg: String?
    @Option(help: "Write it as a PNG file of 300 dots an inch.")
    var png: String?
    @Option(help: "Write it as a PDF file.")
    var pdf: String?
    @Option(help: "Write it in ZPL, for a label printer.")
    var zpl: String?

    @Option(help: "Size in millimetres, such as 50x30.", transform: { try LabelOptions.size($0) })
    var size = LabelSize.standard

    @Flag(help: "Mark the label as a TEST one.")
    var test = false

    func run() throws {
        let label = try LabelText.read(text)
        let drawing = LabelDrawing(label, isTest: test)
        let files = [(LabelFormat.svg, svg), (.png, png), (.pdf, pdf), (.zpl, zpl)].compactMap { format, path in
            path.map { (format, $0) }
        }
        for (format, path) in files { try PrivateFile(path).write(try format.encode(drawing, size: size)) }
        if files.isEmpty, !output.json { try Output.deliver(secret: try drawing.terminalText()) }
        output.show(Result(address: label.address, claim: label.claimKey.publicKey, files: files.map(\.1)))
    }

    struct Result: Encodable, CustomStringConvertible {
        let address: NodeAddress
        let claim: PublicKey
        let files: [String]

        var description: String {
            "the label of \(address) is whole" + (files.isEmpty ? "" : "; written to \(files.joined(separator: ", "))")
        }
    }
}

enum LabelText {
    /// Whose label it is; nil for one that has yet to be read from standard input.
    static func peek(_ text: String) throws -> NodeAddress? { text == "-" ? nil : try ClaimLabel(parsing: text).address }

    /// The label in `text`, or in standard input if `text` is "-".
    static func read(_ text: String) throws -> ClaimLabel {
        guard text == "-" else { return try ClaimLabel(parsing: text) }
        guard let line = try StandardInput.line() else {
            throw Failure(.usage, "standard input holds no label", advice: "Scan one, or give its text")
        }
        return try ClaimLabel(parsing: line)
    }
}
