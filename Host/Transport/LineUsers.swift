// Which programs have a serial line open, as the kernel tells it of this user's processes (of all, to root): proc(5).
import Foundation
import Reporting

/// The programs that keep a serial line busy.
struct LineUsers: CustomStringConvertible {
    /// "screen (process 4711)"; empty when none can be seen.
    let names: [String]
    /// ModemManager runs, which opens each new line for some seconds to see whether a modem is there; it is root's, and seen by its name alone.
    let isProbed: Bool

    /// - Parameter processes: where the kernel lists processes.
    init(of path: String, processes: String = "/proc") {
        let files = FileManager.default
        let target = URL(fileURLWithPath: path).resolvingSymlinksInPath().path
        let numbers = ((try? files.contentsOfDirectory(atPath: processes)) ?? []).compactMap { pid_t($0) }.sorted()
        var names: [String] = [], isProbed = false
        for number in numbers where number != getpid() {
            let folder = "\(processes)/\(number)"
            let name = PrintableText(utf8: files.contents(atPath: folder + "/comm")?.prefix { $0 != 0x0A } ?? Data(), limit: 40)
                .text
            isProbed = isProbed || name == "ModemManager"
            let open = (try? files.contentsOfDirectory(atPath: folder + "/fd")) ?? []
            if open.contains(where: { (try? files.destinationOfSymbolicLink(atPath: "\(folder)/fd/\($0)")) == target }) {
                names.append("\(name) (process \(number))")
            }
        }
        self.names = Array(names.prefix(3))
        self.isProbed = isProbed
    }

    var description: String { names.isEmpty ? "another program" : names.joined(separator: " and ") }

    var remedy: Remedy {
        let close = Remedy.advice("Close it (a console or a serial monitor?) and try again")
        guard isProbed, names.isEmpty || names.contains(where: { $0.hasPrefix("ModemManager ") }) else { return close }
        return .either([
            .advice("Wait some seconds: ModemManager runs, and opens new lines to look for modems"), .installUSBRule, close,
        ])
    }
}
