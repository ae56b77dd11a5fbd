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

    /// Writes a file for each label; one of that name is replaced.
    public func write(_ labels: [ProvisionedLabel]) throws { try prepare(labels).write() }

    /// Writes drafts, which become the files when the labels go out.
    public func prepare(_ labels: [ProvisionedLabel]) throws -> PreparedLabels {
        let drafts = try labels.map { label in
            var bytes = try format.encode(label.drawing, size: size)
            defer { wipe(&bytes) }
            return try PrivateFile("\(path)/\(label.name).\(format.rawValue)").draft(bytes)
        }
        return PreparedLabels { for draft in drafts { try draft.commit() } }
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

    /// One file, named after the first label, with as many pages as it takes; one of that name is replaced.
    public func write(_ labels: [ProvisionedLabel]) throws {
        guard let first = labels.first else { return }
        var bytes = try sheet.pdf(labels.map(\.drawing))
        defer { wipe(&bytes) }
        try PrivateFile("\(path)/sheet-\(first.name).pdf").write(bytes)
    }
}

/// A label printer that understands ZPL: a device file, or a network printer's raw port.
public struct LabelPrinter: LabelOutput {
    let destination: String
    let size: LabelSize
    /// Labels are printed one by one.
    public let capacity = 1

    /// - Parameter destination: `/dev/usb/lp0`, or `tcp://host:9100`.
    public init(_ destination: String, size: LabelSize = .standard) {
        self.destination = destination
        self.size = size
    }

    /// Prints the labels over a connection each; a network printer must acknowledge all bytes, within 10 s.
    /// - Throws: `Failure` of kind `environment` when it does not: labels before the one that failed may be out.
    public func write(_ labels: [ProvisionedLabel]) throws {
        for label in labels {
            var bytes = try LabelFormat.zpl.encode(label.drawing, size: size)
            defer { wipe(&bytes) }
            let descriptor = try connect()
            defer { close(descriptor) }
            var sent = 0
            while sent < bytes.count {
                let count = bytes.withUnsafeBytes { Foundation.write(descriptor, $0.baseAddress! + sent, $0.count - sent) }
                if count < 0 && errno == EINTR { continue }
                guard count > 0 else {
                    // What SO_SNDTIMEO says.
                    if errno == EAGAIN { errno = ETIMEDOUT }
                    throw failure()
                }
                sent += count
            }
            try awaitAcknowledgement(descriptor)
        }
    }

    /// What a network has only queued is not out: the secret is forgotten after this.
    private func awaitAcknowledgement(_ descriptor: Int32) throws {
        var kind = stat()
        guard fstat(descriptor, &kind) == 0, kind.st_mode & S_IFMT == S_IFSOCK else { return }
        for _ in 0..<1000 {
            var code: Int32 = 0, size = socklen_t(MemoryLayout<Int32>.size)
            // SIOCOUTQ (tcp(7)): bytes that the other end has not acknowledged. One that hung up leaves an error instead.
            var queued: Int32 = 0
            guard getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &code, &size) == 0, code == 0,
                ioctl(descriptor, UInt(TIOCOUTQ), &queued) == 0
            else {
                errno = code != 0 ? code : errno
                throw failure()
            }
            if queued == 0 { return }
            usleep(10_000)
        }
        errno = ETIMEDOUT
        throw failure()
    }

    private func failure() -> Failure {
        Failure(
            .environment, "the label printer \(destination) does not take the label: \(String(cString: strerror(errno)))",
            advice: "Check its paper, its cable and its name, then start again: labels that are not out are printed then")
    }

    private func connect() throws -> Int32 {
        guard let url = URLComponents(string: destination), url.scheme == "tcp",
            let host = url.host?.trimmingCharacters(in: ["[", "]"])
        else {
            let descriptor = open(destination, O_WRONLY | O_NOCTTY | O_CLOEXEC)
            guard descriptor >= 0 else { throw failure() }
            return descriptor
        }
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var found: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(host, String(url.port ?? 9100), &hints, &found) == 0 else {
            errno = EHOSTUNREACH
            throw failure()
        }
        defer { freeaddrinfo(found) }
        var next = found
        while let address = next?.pointee {
            let descriptor = socket(address.ai_family, address.ai_socktype | Int32(SOCK_CLOEXEC.rawValue), address.ai_protocol)
            if descriptor >= 0 {
                var limit = timeval(tv_sec: 10, tv_usec: 0)
                setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
                if Foundation.connect(descriptor, address.ai_addr, address.ai_addrlen) == 0 { return descriptor }
                close(descriptor)
            }
            next = address.ai_next
        }
        throw failure()
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
