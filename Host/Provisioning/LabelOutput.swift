// Where labels go: files in a folder, sheets, a label printer, a terminal.
import Foundation
import HostCrypto
import Keystore
import Labels
import Reporting

/// Takes labels, and returns when they are out: then their secrets may be forgotten.
public protocol LabelOutput: Sendable {
    /// As many labels go out together: 1, or those of a sheet.
    var capacity: Int { get }
    /// Writes the labels, and returns when they are out. May block for as long as a printer takes.
    /// - Throws: `Failure`; it is not known then which of them are out, so all are to be written again.
    func write(_ labels: [ProvisionedLabel]) throws
    /// Does what can be done before they may go out. Nothing of them stays unless they do.
    /// - Throws: `Failure`; none of them is out then.
    func prepare(_ labels: [ProvisionedLabel]) throws -> PreparedLabels
}

extension LabelOutput {
    /// Does nothing before `write`: for an output that cannot prepare.
    public func prepare(_ labels: [ProvisionedLabel]) throws -> PreparedLabels { PreparedLabels { try write(labels) } }
}

/// Labels of which only the last step is missing.
public struct PreparedLabels: Sendable {
    let goOut: @Sendable () throws -> Void

    /// They go out; once.
    /// - Throws: `Failure`; it is not known then which of them are out.
    public func write() throws { try goOut() }
}

/// A label and what it is called.
public struct ProvisionedLabel: Sendable {
    /// Ready to be drawn in any format. It holds the claim secret.
    public let drawing: LabelDrawing
    /// "BATCH-000012", fit for a file's name.
    public let name: String

    /// The label of `provisioned`, with batch and serial number as its caption.
    public init(_ provisioned: Provisioned) {
        let node = provisioned.node
        drawing = LabelDrawing(provisioned.label, isTest: node.isTest, caption: node.label)
        let digits = String(node.serial)
        name = node.batch + "-" + String(repeating: "0", count: max(0, 6 - digits.count)) + digits
    }
}

/// One file a label, readable to its owner only.
public struct LabelFolder: LabelOutput {
    let path: String
    let format: LabelFormat
    let size: LabelSize
    /// Each label goes out by itself.
    public let capacity = 1

    /// Makes the folder, for its owner only, if it is not there, and removes drafts that a killed station left in it.
    /// - Parameters:
    ///   - format: of every file; also their extension.
    ///   - size: of the label, in millimetres; counts for the formats that have one.
    /// - Throws: `Failure` when the folder cannot be made.
    public init(_ path: String, format: LabelFormat, size: LabelSize = .standard) throws {
        self.path = path
        self.format = format
        self.size = size
        try Self.make(path)
    }

    /// Writes a file for each label; one of that name that holds another label gets another name first.
    public func write(_ labels: [ProvisionedLabel]) throws { try prepare(labels).write() }

    /// Writes drafts, which become the files when the labels go out.
    public func prepare(_ labels: [ProvisionedLabel]) throws -> PreparedLabels {
        let drafts = try labels.map { label in
            var bytes = try format.encode(label.drawing, size: size)
            defer { wipe(&bytes) }
            let file = PrivateFile("\(path)/\(label.name).\(format.rawValue)")
            try Self.setAside(file, unless: bytes)
            return try file.draft(bytes)
        }
        return PreparedLabels { for draft in drafts { try draft.commit() } }
    }

    /// Gives a file that holds something else than `bytes` a name of its own: a label of other records with the same batch and number is not
    /// lost, nor taken for the one that is to be written.
    static func setAside(_ file: PrivateFile, unless bytes: [UInt8]) throws {
        guard file.exists else { return }
        var former = (try? file.read()) ?? []
        defer { wipe(&former) }
        guard former != bytes else { return }
        let url = URL(fileURLWithPath: file.path)
        for number in 1...10_000 {
            let name = "\(url.deletingPathExtension().path).former-\(number).\(url.pathExtension)"
            // Never in the place of another one.
            if link(file.path, name) == 0 {
                unlink(file.path)
                return
            }
            guard errno == EEXIST else { break }
        }
        throw Failure(
            .environment,
            "the label \(file.path) is there from before, and could not be set aside: \(String(cString: strerror(errno)))",
            about: file.path, advice: "Name another folder for labels")
    }

    static func make(_ path: String) throws {
        try makePrivateFolder(path, purpose: " for labels", advice: "Name a folder that you may write")
        // Labels that a killed station was about to write hold their secrets too.
        Leftovers.remove(in: path) { _ in true }
    }
}

/// PDF sheets in a folder.
public struct SheetFolder: LabelOutput {
    let path: String
    let sheet: Sheet
    /// Places on a sheet.
    public var capacity: Int { sheet.capacity }

    /// Makes the folder, for its owner only, if it is not there, and removes drafts that a killed station left in it.
    /// - Throws: `Failure` when the folder cannot be made.
    public init(_ path: String, sheet: Sheet) throws {
        self.path = path
        self.sheet = sheet
        try LabelFolder.make(path)
    }

    /// One file, named after the first label, with as many pages as it takes; another one of that name gets another name first.
    public func write(_ labels: [ProvisionedLabel]) throws {
        guard let first = labels.first else { return }
        var bytes = try sheet.pdf(labels.map(\.drawing))
        defer { wipe(&bytes) }
        let file = PrivateFile("\(path)/sheet-\(first.name).pdf")
        try LabelFolder.setAside(file, unless: bytes)
        try file.write(bytes)
    }
}

/// Several outputs: a label is out when all have it.
public struct LabelOutputs: LabelOutput {
    let outputs: [any LabelOutput]
    /// That of the largest output: smaller ones get several portions.
    public var capacity: Int { outputs.map(\.capacity).max() ?? 1 }

    /// - Parameter outputs: written in this order; one at least, or labels are out without being anywhere.
    public init(_ outputs: [any LabelOutput]) { self.outputs = outputs }

    /// Prepares all outputs when labels go out one by one; with a sheet among them nothing before `write`.
    public func prepare(_ labels: [ProvisionedLabel]) throws -> PreparedLabels {
        guard capacity == 1 else { return PreparedLabels { try write(labels) } }
        let prepared = try outputs.map { try $0.prepare(labels) }
        return PreparedLabels { for labels in prepared { try labels.write() } }
    }

    /// Each output gets the labels in portions of its own capacity, one output after the other.
    public func write(_ labels: [ProvisionedLabel]) throws {
        for output in outputs {
            for start in stride(from: 0, to: labels.count, by: output.capacity) {
                try output.write(Array(labels[start..<min(start + output.capacity, labels.count)]))
            }
        }
    }
}
