// The drive that an interface chip with Arm's DAPLink firmware shows: what its DETAILS.TXT and FAIL.TXT say (DAPLink, docs/MSD_COMMANDS.md).
import Foundation
import Reporting

/// A mounted DAPLink drive.
public struct DAPLinkDrive: Equatable, Sendable {
    /// Where it was mounted when DETAILS.TXT was read; a desktop may mount it elsewhere after a copy.
    public let mountPoint: String
    /// What DETAILS.TXT says, by name.
    public let details: [String: String]

    /// Reads DETAILS.TXT; nil when the folder has none.
    public init?(mountPoint: String) {
        guard let lines = Self.lines(of: mountPoint + "/DETAILS.TXT") else { return nil }
        self.mountPoint = mountPoint
        details = Self.parse(lines)
    }

    /// Bytes of a text that are read: the interface chip's have one sector, 512 bytes.
    private static let longestText = 4096

    /// The lines of a text on the drive, nil when it is not there.
    private static func lines(of path: String) -> [String]? {
        guard let file = FileHandle(forReadingAtPath: path) else { return nil }
        defer { try? file.close() }
        guard let text = try? file.read(upToCount: longestText) ?? Data() else { return nil }
        return text.split { $0 == 0x0A || $0 == 0x0D }.map { PrintableText(utf8: $0, limit: 200).text }
    }

    static func parse(_ lines: [String]) -> [String: String] {
        var details: [String: String] = [:]
        for line in lines where !line.hasPrefix("#") {
            let parts = line.split(separator: ":", maxSplits: 1).map { $0.trimmingCharacters(in: .whitespaces) }
            if parts.count == 2 { details[parts[0].lowercased()] = parts[1] }
        }
        return details
    }

    /// The interface chip's unique id; the mount point when DETAILS.TXT does not tell it.
    public var identifier: String { details["unique id"] ?? mountPoint }
    /// The first four digits of the unique id: which board it is.
    public var boardCode: String { String((details["unique id"] ?? "").prefix(4)) }
    /// The interface chip waits for firmware of its own.
    public var isMaintenance: Bool { details["daplink mode"]?.lowercased() == "bootloader" }
    /// Whether a copy erases only the pages that it writes. Older firmware does not say, and erases the whole chip.
    public var erasesPages: Bool { details["page erasing"] == "1" }
    /// Rises each time the drive goes, after a copy or a command, and begins at 0 when the board is plugged in. Older firmware does not say.
    public var remountCount: Int? { details["remount count"].flatMap { Int($0) } }

    /// What FAIL.TXT says of the last copy, nil when there is none. Its first line is the error, the second who made it.
    public var complaint: String? {
        guard let lines = Self.lines(of: mountPoint + "/FAIL.TXT") else { return nil }
        let details = Self.parse(lines)
        let error = details["error"] ?? lines.prefix(3).joined(separator: " ")
        return error + (details["type"].map { " (\($0))" } ?? "")
    }
}

/// Tells whether a drive has gone and come back. What it says before that is of an earlier copy: FAIL.TXT stays until the next one.
struct DriveReturn {
    private let before: DAPLinkDrive
    private var hasLeft = false

    init(of drive: DAPLinkDrive) { before = drive }

    /// The drive, if it has left since and come back.
    /// - Parameter now: the drive as it is now, nil while it is gone.
    mutating func look(_ now: DAPLinkDrive?) -> DAPLinkDrive? {
        guard let now else {
            hasLeft = true
            return nil
        }
        return hasLeft || now.remountCount != before.remountCount ? now : nil
    }
}

/// Where drives are mounted.
public struct MountTable: Sendable {
    let mounts: String
    let labels: String

    /// - Parameters:
    ///   - mounts: the kernel's table.
    ///   - labels: the folder that has a link to the device of each label.
    public init(mounts: String = "/proc/mounts", labels: String = "/dev/disk/by-label") {
        self.mounts = mounts
        self.labels = labels
    }

    /// Mount points of FAT volumes with that label: as udev knows it, or as the folder is called that a desktop mounted it to.
    func mountPoints(label: String) -> [String] {
        let text = (try? String(contentsOfFile: mounts, encoding: .utf8)) ?? ""
        // udev's links are relative: "../../sdb".
        let link = (try? FileManager.default.destinationOfSymbolicLink(atPath: labels + "/" + label)) ?? ""
        let device = URL(fileURLWithPath: link, relativeTo: URL(fileURLWithPath: labels + "/")).standardizedFileURL.path
        return text.split(separator: "\n").compactMap { line in
            let fields = line.split(separator: " ").map { Self.unescaped(String($0)) }
            guard fields.count >= 3, ["vfat", "msdos", "exfat"].contains(fields[2]) else { return nil }
            let name = URL(fileURLWithPath: fields[1]).lastPathComponent
            // A desktop appends a number to the second drive of one name.
            let isNamed = name.uppercased().wholeMatch(of: /([A-Z_]+)\d*/).map { $0.1 == label.uppercased() } ?? false
            return fields[0] == device || isNamed ? fields[1] : nil
        }
    }

    /// Blanks and other characters are octal in the kernel's table: "\040".
    static func unescaped(_ text: String) -> String {
        text.replacing(/\\([0-7]{3})/) { match in
            UInt8(match.1, radix: 8).map { String(UnicodeScalar($0)) } ?? String(match.0)
        }
    }
}
