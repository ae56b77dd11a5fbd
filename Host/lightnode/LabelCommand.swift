// lightnode label: check a label's text and draw it.
import ArgumentParser
import ControlNode
import Foundation
import Provisioning
import Reporting

struct LabelCommand: ParsableCommand, JSONCapable {
    static let configuration = CommandConfiguration(
        commandName: "label",
        abstract: "Check the text of a label and draw its QR code.",
        discussion: """
            EXAMPLE:
              lightnode label 'LN1:NODE1…:CLAIM1…' --svg label.svg
              lightnode label - < scanned.txt
            """)

    @Argument(help: "The label's text; “-” reads it from standard input, where no other user can see it.")
    var text: String

    @OptionGroup var output: Output

    @Option(help: "Write the label as an SVG file instead of drawing it here.")
    var svg: String?

    @Flag(help: "Mark the label as a TEST one.")
    var test = false

    func run() throws {
        let label = try LabelText.read(text)
        let drawing = LabelDrawing(label, isTest: test)
        if let svg {
            try PrivateFile(svg).write(Array(try drawing.svg().utf8))
        } else {
            output.say(try drawing.terminalText())
        }
        output.show(Result(address: label.address, claim: label.claimKey.publicKey, svg: svg))
    }

    struct Result: Encodable, CustomStringConvertible {
        let address: DeviceAddress
        let claim: PublicKey
        let svg: String?

        var description: String { "the label of \(address) is whole" + (svg.map { "; written to \($0)" } ?? "") }
    }
}

enum LabelText {
    /// The label in `text`, or in standard input if `text` is "-".
    static func read(_ text: String) throws -> ClaimLabel {
        guard text == "-" else { return try ClaimLabel(parsing: text) }
        guard let line = readLine() else {
            throw Failure(.usage, "standard input holds no label", advice: "Scan one, or give its text")
        }
        return try ClaimLabel(parsing: line)
    }
}
