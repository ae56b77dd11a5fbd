// Where the sockets of a board that runs are.
import Foundation
import Reporting

/// Private folders for sockets.
enum RunFolder {
    static func make() throws -> URL {
        let environment = ProcessInfo.processInfo.environment
        let candidates = [environment["XDG_RUNTIME_DIR"], environment["TMPDIR"], "/tmp"].compactMap { $0 }
        for base in candidates where base.utf8.count < 60 {
            var template = Array((base + "/lightnode-XXXXXX").utf8CString)
            if mkdtemp(&template) != nil {
                return URL(fileURLWithPath: String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self))
            }
        }
        throw Failure(
            .environment, "no folder for sockets can be made in \(candidates.joined(separator: ", ")): \(systemError())",
            advice: "Check the permissions of these folders, and the number of files that are open")
    }
}
