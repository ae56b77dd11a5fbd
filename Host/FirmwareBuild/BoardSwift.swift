// The Swift that a board brings itself, for parts that no driver knows: which pins it uses, and whether anything configures them.
import BoardFacts
import Foundation
import Reporting

/// The Swift files of a board's folder, but for the one that is made from board.json.
///
/// A pin is configured because a row of board.json says so. What the board's own Swift drives besides must be named there too, as `Pin.…`, and
/// configured by a statement that the start runs: a pin that is neither would take every command and do nothing.
struct BoardSwift {
    private let files: [(path: String, lines: [Substring])]

    init(of board: Board, in catalogue: BoardCatalogue) {
        let folder = "Boards/\(board.name)"
        let names = (try? FileManager.default.contentsOfDirectory(atPath: catalogue.root.path + "/" + folder)) ?? []
        var found: [(path: String, lines: [Substring])] = []
        for name in names.sorted() where name.hasSuffix(".swift") && name != "Devices.swift" {
            let url = catalogue.root.appendingPathComponent("\(folder)/\(name)")
            guard let text = try? String(contentsOf: url, encoding: .utf8) else { continue }
            found.append(("\(folder)/\(name)", Self.code(text)))
        }
        files = found
    }

    /// The lines of a source without what is a comment.
    private static func code(_ text: String) -> [Substring] {
        text.split(separator: "\n", omittingEmptySubsequences: false).map { line -> Substring in
            guard let comment = line.firstRange(of: "//") else { return line }
            return line[..<comment.lowerBound]
        }
    }

    /// Whether an expression makes a pin of its chip: such a one no row tells of.
    static func takesPin(_ expression: some StringProtocol) -> Bool {
        String(expression).contains(
            #/\b(Output|Input|PortOutput|PortInput|PWM|TimerPin|ADCInput|PinCounter|Port)\s*(<[^>]*>)?\s*[.(]/#)
    }

    /// - Parameters:
    ///   - rows: the devices of its board.json.
    ///   - place: where the row with an index stands.
    /// - Throws: `Failure` naming the line that uses a pin which nothing configures.
    func check(_ rows: [DeviceRow], at place: (Int) -> String) throws {
        let starts = rows.compactMap(\.configure)
        for (path, lines) in files {
            for (index, line) in lines.enumerated() {
                try check(line, at: "\(path):\(index + 1)")
            }
            try checkStarts(lines, path, rows, starts, at: place)
        }
    }

    /// A pin of the chip that is made, and of what.
    private static var pinMade: Regex<(Substring, Substring, Substring?, Substring?, Substring)> {
        #/\b(Output|Input|PortOutput|PortInput|PWM|ADCInput|PinCounter)\s*(<[^>]*>)?\s*(\.init)?\s*\(([^)]*)/#
    }

    private func check(_ line: Substring, at place: String) throws {
        if line.contains(#/\bPeripheral\s*\(|\bBase\s*\./#) {
            throw Failure(
                .environment, "\(place): a board's own Swift works on registers", about: place,
                advice: "Put what knows registers into a driver of the chip in Firmware/MCU, and give it the pin as Pin.…")
        }
        for match in line.matches(of: Self.pinMade)
        where !match.4.contains(#/\bPin\s*\.\s*\w+/#) {
            throw Failure(
                .environment, "\(place): \(match.1) takes a pin that no row of board.json names", about: place,
                advice: "Give the pin a row in wires, and take it from there: \(match.1)(Pin.NAME.rawValue)")
        }
        // What drives a pin by its row's name must have been made an output, by itself or by a statement of a row.
        for match in line.matches(of: #/\bOutput\s*(?:\.init)?\s*\(\s*Pin\s*\.\s*(\w+)/#) where !isConfigured(match.1) {
            throw Failure(
                .environment, "\(place): nothing makes Pin.\(match.1) an output", about: place,
                advice:
                    "Write a static func configure() that does, with the safe level, and name it as configure in the device's row"
            )
        }
    }

    /// Whether some line of the board's Swift configures the pin.
    private func isConfigured(_ pin: Substring) -> Bool {
        files.contains { _, lines in
            lines.contains { $0.contains("configure(") && $0.contains("Pin.\(pin).") }
        }
    }

    /// A `configure` that no row names is never called.
    private func checkStarts(
        _ lines: [Substring], _ path: String, _ rows: [DeviceRow], _ starts: [String], at place: (Int) -> String
    ) throws {
        var type: Substring?
        for (index, line) in lines.enumerated() {
            if let match = line.firstMatch(of: #/\b(?:struct|enum|extension)\s+(\w+)/#) { type = match.1 }
            guard line.contains(#/\bstatic\s+func\s+configure\s*\(/#), let type else { continue }
            if starts.contains(where: { $0.contains("\(type).configure(") }) { continue }
            let row = rows.firstIndex { $0.with?.contains { $0.contains("\(type)(") } == true }
            throw Failure(
                .environment, "\(path):\(index + 1): nothing calls \(type).configure(), so its pins stay as they are at reset",
                about: path,
                advice: "Add \"configure\": \"\(type).configure()\" to the device's row"
                    + (row.map { " at \(place($0))" } ?? ""))
        }
    }
}
