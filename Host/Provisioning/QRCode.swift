// QR codes: libqrencode makes the modules, this draws them for a terminal and as SVG.
import CQREncode
import Foundation
import Reporting

/// A QR code (ISO/IEC 18004) with error correction level M.
public struct QRCode: Hashable, Sendable {
    /// Modules on each side, without the quiet zone.
    public let width: Int
    private let dark: [Bool]

    /// Light modules that must surround the code.
    public static let quietZone = 4

    /// Encodes `text`; upper-case letters, digits and `:$%*+-./ ` make the smallest code (alphanumeric mode).
    public init(_ text: String) throws {
        guard let code = QRcode_encodeString(text, 0, QR_ECLEVEL_M, QR_MODE_8, 1) else {
            throw Failure(.usage, "a text of \(text.utf8.count) bytes fits no QR code", advice: "Shorten it")
        }
        defer { QRcode_free(code) }
        width = Int(code.pointee.width)
        dark = (0..<width * width).map { code.pointee.data[$0] & 1 == 1 }
    }

    /// True for a dark module; everything outside is light.
    public subscript(column: Int, row: Int) -> Bool {
        guard (0..<width).contains(column), (0..<width).contains(row) else { return false }
        return dark[row * width + column]
    }

    /// For a terminal: two modules a character, black on white whatever the terminal's colours are.
    public var terminalText: String {
        let range = -Self.quietZone..<width + Self.quietZone
        return stride(from: range.lowerBound, to: range.upperBound, by: 2).map { row in
            let characters = range.map { column in
                switch (self[column, row], self[column, row + 1]) {
                case (false, false): " "
                case (true, false): "▀"
                case (false, true): "▄"
                case (true, true): "█"
                }
            }
            return "\u{1b}[30;107m" + characters.joined() + "\u{1b}[0m"
        }.joined(separator: "\n")
    }

    /// As an SVG image, a module being one unit, with `caption` below it in lines of monospaced text.
    public func svg(caption: [String] = []) -> String {
        let side = width + 2 * Self.quietZone
        let line = 2.5
        let height = Double(side) + (caption.isEmpty ? 0 : Double(caption.count) * line + 1)
        var path = ""
        for row in 0..<width {
            var column = 0
            while column < width {
                guard self[column, row] else {
                    column += 1
                    continue
                }
                let start = column
                while self[column, row] { column += 1 }
                path += "M\(start + Self.quietZone) \(row + Self.quietZone)h\(column - start)v1h-\(column - start)z"
            }
        }
        let texts = caption.enumerated().map { number, text in
            let y = Double(side) + Double(number) * line + 1
            return
                "<text x=\"\(Double(side) / 2)\" y=\"\(y)\" font-family=\"monospace\" font-size=\"1.9\" text-anchor=\"middle\">\(Self.escaped(text))</text>"
        }
        return """
            <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 \(side) \(height)" shape-rendering="crispEdges">
            <rect width="\(side)" height="\(height)" fill="#fff"/>
            <path d="\(path)"/>
            \(texts.joined(separator: "\n"))
            </svg>

            """
    }

    private static func escaped(_ text: String) -> String {
        text.replacingOccurrences(of: "&", with: "&amp;").replacingOccurrences(of: "<", with: "&lt;")
    }
}
