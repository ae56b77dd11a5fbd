// The words that a driver answers to, from the one line in which it states its interface.
import BoardFacts
import Foundation
import Reporting

/// Methods and events of a driver as an application writes them: "open(for:)", "relocked".
struct DriverWords {
    let words: [String]

    /// Takes the text of an interface apart; its grammar is in Firmware/DeviceModel/Interface.swift.
    init(interface: String) {
        let parts = interface.split(separator: "|", omittingEmptySubsequences: false)
        let methods = (parts.first ?? "").split(separator: ";").map { method in
            let name = method.prefix { $0 != "(" && $0 != ":" }
            guard method.dropFirst(name.count).first == "(" else { return String(name) }
            let arguments = method.dropFirst(name.count + 1).prefix { $0 != ")" }.split(separator: ",")
            return "\(name)(\(arguments.map { "\($0.prefix { $0 != ":" }):" }.joined()))"
        }
        words = methods + (parts.count > 2 ? parts[2].split(separator: ";").map(String.init) : [])
    }

    /// Reads the interface of `driver`, a type of Firmware/Drivers, from its file.
    /// - Throws: `Failure` when there is no such file, or no such line in it.
    init(of driver: String, in catalogue: BoardCatalogue) throws {
        let folder = catalogue.root.appendingPathComponent("Firmware/Drivers"), path = "Firmware/Drivers/\(driver).swift"
        guard let text = try? String(contentsOf: folder.appendingPathComponent("\(driver).swift"), encoding: .utf8) else {
            let files = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
            throw Failure(
                .environment, "there is no driver \"\(driver)\": \(path) does not exist", about: path,
                advice:
                    "There are: \(files.filter { $0.hasSuffix(".swift") }.map { String($0.dropLast(6)) }.sorted().joined(separator: ", "))"
            )
        }
        guard let found = text.firstMatch(of: /static var interface: StaticString \{\s*"([^"\\]*)"\s*\}/) else {
            throw Failure(
                .environment, "\(path) does not state the driver's interface in one text", about: path,
                advice: "Write it as: public static var interface: StaticString { \"methods|kind|events\" }")
        }
        self.init(interface: String(found.1))
    }
}
