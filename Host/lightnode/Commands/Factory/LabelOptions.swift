// Options that say where labels go.
import ArgumentParser
import Foundation
import HostCrypto
import Keystore
import Labels
import Provisioning
import Reporting

struct LabelOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp("Write a file for each label into this folder; “-” shows labels on the terminal.", valueName: "folder")
    )
    var labels: String?

    @Option(help: "Format of those files: \(LabelFormat.allCases.map(\.rawValue).joined(separator: ", ")).")
    var labelFormat = LabelFormat.svg

    @Option(
        help: ArgumentHelp(
            "Gather labels on PDF sheets instead: \(Sheet.presets.map(\.name).joined(separator: ", ")), or columns and rows such as 3x8.",
            valueName: "sheet"),
        transform: { try Sheet(parsing: $0) })
    var sheet: Sheet?

    @Option(help: "Size of single labels in millimetres, such as 50x30.", transform: { try LabelOptions.size($0) })
    var labelSize = LabelSize.standard

    @Option(help: ArgumentHelp("A label printer that speaks ZPL: /dev/usb/lp0, or tcp://host:9100.", valueName: "device|url"))
    var printer: String?

    @Option(
        help: ArgumentHelp(
            "Seal every claim secret to this public key and keep it in escrow-NAME.jsonl beside the records (see “lightnode escrow”).",
            valueName: "key"))
    var escrow: String?

    var areNamed: Bool { labels != nil || printer != nil || sheet != nil }

    func validate() throws {
        if sheet != nil, labels == nil || labels == "-" { throw ValidationError("--sheet needs a folder: --labels FOLDER.") }
    }

    func output() throws -> any LabelOutput {
        var outputs: [any LabelOutput] = []
        if let labels {
            if labels == "-" {
                outputs.append(TerminalLabels())
            } else if let sheet {
                outputs.append(try SheetFolder(labels, sheet: sheet))
            } else {
                outputs.append(try LabelFolder(labels, format: labelFormat, size: labelSize))
            }
        }
        if let printer { outputs.append(try LabelPrinter(printer, size: labelSize)) }
        guard !outputs.isEmpty else {
            throw Failure(
                .usage, "nobody said where the labels go, and without its label a node can never be bound",
                advice:
                    "Add --labels FOLDER (with --sheet avery-l7160 for sheets), --printer /dev/usb/lp0, or --labels - for the terminal"
            )
        }
        return LabelOutputs(outputs)
    }

    func escrow(_ home: Home) throws -> Escrow? {
        guard let escrow else { return nil }
        let key = try EscrowPublicKey(parsing: escrow)
        return Escrow(key: key, file: home.file("escrow-\(key.description.prefix(16)).jsonl"))
    }

    static func size(_ text: String) throws -> LabelSize {
        let parts = text.split(separator: "x").map { Double($0) }
        guard parts.count == 2, let width = parts[0], let height = parts[1], 15...300 ~= width, 15...300 ~= height else {
            throw ValidationError("--label-size takes millimetres from 15 to 300, such as 50x30.")
        }
        return LabelSize(width: width, height: height)
    }
}

extension LabelFormat: ExpressibleByArgument {}

struct TerminalLabels: LabelOutput {
    let capacity = 1

    func write(_ labels: [ProvisionedLabel]) throws {
        for label in labels { try Output.deliver(secret: "\(label.name)\n\(try label.drawing.terminalText())") }
    }
}
