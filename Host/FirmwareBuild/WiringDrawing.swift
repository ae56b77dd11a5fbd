// Draws a board's wiring: a chip in the middle, its places in order, and what is behind each; for a terminal and as SVG.
import Foundation
import Reporting

/// A drawing of a board's wiring.
public struct WiringDrawing: Sendable {
    private let wiring: BoardWiring

    /// Nothing is drawn yet. A wiring with clashes can be drawn: `text` shows them all, `svg` the first.
    public init(_ wiring: BoardWiring) { self.wiring = wiring }

    /// What stands at the far end of a wire.
    private func end(_ place: BoardWiring.Place) -> String {
        guard let user = place.users.first, let device = wiring.devices.first(where: { $0.name == user }) else {
            return place.name
        }
        return "$('\(device.name)')  \(device.driver)"
    }

    /// Devices that use no place that a row names, such as a sensor on the chip itself.
    private var inside: [BoardWiring.Device] {
        wiring.devices.filter { device in !wiring.places.contains { $0.users.contains(device.name) } }
    }

    /// Lines for a terminal of at least 72 columns.
    public var text: String {
        let width = wiring.places.map(\.label.count).max() ?? 0
        let far = wiring.places.map { end($0).count }.max() ?? 0
        var lines = ["\(wiring.board): \(wiring.title)", "┌" + String(repeating: "─", count: width + 2) + "┐"]
        for place in wiring.places {
            let label = place.label.padding(toLength: width, withPad: " ", startingAt: 0)
            let wire = place.users.isEmpty ? "╌╌╌╌" : "────"
            let note = place.note.map { "  " + $0 } ?? ""
            let behind = note.isEmpty ? end(place) : end(place).padding(toLength: far, withPad: " ", startingAt: 0)
            lines.append("│ \(label) ├\(wire) \(behind)\(note)")
        }
        lines.append("└" + String(repeating: "─", count: width + 2) + "┘")
        if !inside.isEmpty {
            lines.append("on the board itself: " + inside.map { "$('\($0.name)') \($0.driver)" }.joined(separator: ", "))
        }
        return (lines + wiring.clashes.map { "CLASH: \($0)" }).joined(separator: "\n")
    }

    /// A picture of its own, 720 units wide.
    public var svg: String {
        let rows = wiring.places.enumerated().map { index, place in (y: 70 + index * 26, place: place) }
        let height = 70 + rows.count * 26 + 60
        var parts = [
            """
            <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 720 \(height)" font-family="sans-serif" font-size="13">
            <title>\(Quoted.xml(wiring.board)): wiring</title>
            <rect width="720" height="\(height)" fill="white"/>
            <text x="20" y="30" font-size="16">\(Quoted.xml(wiring.title))</text>
            <rect x="20" y="46" width="130" height="\(rows.count * 26 + 8)" rx="6" fill="#223" stroke="#000"/>
            """
        ]
        for (y, place) in rows {
            let isDevice = !place.users.isEmpty
            let note = place.note.map { " <tspan fill=\"#777\">\(Quoted.xml($0))</tspan>" } ?? ""
            parts.append(
                """
                <text x="140" y="\(y - 2)" fill="white" text-anchor="end">\(Quoted.xml(place.label))</text>
                <path d="M150 \(y - 6) H250" stroke="\(isDevice ? "#06c" : "#999")" stroke-width="2"\(isDevice ? "" : " stroke-dasharray=\"4 4\"")/>
                <circle cx="250" cy="\(y - 6)" r="4" fill="\(isDevice ? "#06c" : "#999")"/>
                <text x="262" y="\(y - 2)">\(Quoted.xml(end(place)))\(note)</text>
                """)
        }
        if !inside.isEmpty {
            let names = inside.map { "$('\($0.name)') \($0.driver)" }.joined(separator: ", ")
            parts.append("<text x=\"20\" y=\"\(height - 30)\">on the board itself: \(Quoted.xml(names))</text>")
        }
        for clash in wiring.clashes.prefix(1) {
            parts.append("<text x=\"20\" y=\"\(height - 10)\" fill=\"#c00\">\(Quoted.xml(clash))</text>")
        }
        return (parts + ["</svg>"]).joined(separator: "\n") + "\n"
    }
}
