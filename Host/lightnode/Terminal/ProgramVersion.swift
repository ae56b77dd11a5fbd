// Which lightnode this is: the version of its tree, and the commit that it was built from where that is known.
import Foundation
import Image

enum ProgramVersion {
    /// "0.1.0+1a2b3c4d"; the version alone where nobody has noted the commit.
    static var text: String { ImageHeader.currentVersion + (commit.map { "+\($0)" } ?? "") }

    /// What `make build` has noted beside the program when it was built. A note that is older than the program is of another one.
    private static var commit: String? {
        guard let program = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe") else { return nil }
        func changed(_ path: String) -> Date? {
            (try? FileManager.default.attributesOfItem(atPath: path))?[.modificationDate] as? Date
        }
        let note = program + ".commit"
        guard let noted = changed(note), let built = changed(program), noted >= built,
            let text = try? String(contentsOfFile: note, encoding: .utf8)
        else { return nil }
        let commit = text.trimmingCharacters(in: .whitespacesAndNewlines)
        return commit.wholeMatch(of: #/[0-9a-f]{8}(-changed)?/#) == nil ? nil : commit
    }
}
