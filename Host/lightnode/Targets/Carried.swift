// What people hand to each other, acceptances and grants: as a line, a file or a QR code.
import ArgumentParser
import Foundation
import Keystore
import Labels
import Reporting

enum Carried {
    /// The line itself, if it begins with `prefix`; standard input for “-”; else what the file of that name holds.
    static func read(_ text: String, prefix: String, _ what: String) throws -> String {
        if text == "-" || text.hasPrefix(prefix) { return try Line.read(text, what) }
        guard PrivateFile(text).exists else {
            throw Failure(
                .usage, "“\(text)” is no \(what), and no file of that name is here", about: text,
                advice: "Give the whole line, which begins with \(prefix), the file that holds it, or “-” for standard input")
        }
        return String(decoding: try PrivateFile(text).read(), as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
    }
}

/// `--qr` and `--qr-file`: what is to be handed on as a QR code.
struct CodeOptions: ParsableArguments {
    @Flag(help: "Show it as a QR code too, to be scanned from this terminal.")
    var qr = false

    @Option(help: ArgumentHelp("Write it as a QR code to an SVG file.", valueName: "file"), completion: .file())
    var qrFile: String?

    /// Shows and writes the code, as far as it was asked for. No secret is in what is handed on so.
    func show(_ text: String, _ output: Output) throws {
        guard qr || qrFile != nil else { return }
        let code = try QRCode(text)
        if let qrFile { try PrivateFile(qrFile).write(Array(code.svg.utf8), replacing: false) }
        if qr, !output.json { StandardOutput.write(code.text(coloured: StandardOutput.takesEscapes) + "\n") }
    }
}
