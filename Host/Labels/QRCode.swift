// QR codes: libqrencode makes the modules; a terminal shows them as they are, `LabelDrawing` draws them.
import CQREncode
import Reporting

/// A QR code (ISO/IEC 18004) with error correction level M.
public struct QRCode: Hashable, Sendable {
    /// Modules on each side, without the quiet zone.
    public let width: Int
    private let dark: [UInt8]

    /// Light modules that must surround the code.
    public static let quietZone = 4

    /// Encodes `text`; upper-case letters, digits and `:$%*+-./ ` make the smallest code (alphanumeric mode).
    /// - Throws: `Failure` of kind `usage` when the text is too long.
    public init(_ text: String) throws {
        guard let code = QRcode_encodeString(text, 0, QR_ECLEVEL_M, QR_MODE_8, 1) else {
            throw Failure(.usage, "a text of \(text.utf8.count) bytes fits no QR code", advice: "Shorten it")
        }
        defer { QRcode_free(code) }
        width = Int(code.pointee.width)
        dark = (0..<width * width).map { code.pointee.data[$0] & 1 }
    }

    /// True for a dark module; everything outside is light.
    public subscript(column: Int, row: Int) -> Bool {
        guard (0..<width).contains(column), (0..<width).contains(row) else { return false }
        return dark[row * width + column] == 1
    }

    /// Two modules a character.
    /// - Parameter coloured: black on white whatever the terminal's colours are, by escape sequences; a file or a pipe gets none.
    public func text(coloured: Bool) -> String {
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
            return coloured ? "\u{1b}[30;107m" + characters.joined() + "\u{1b}[0m" : characters.joined()
        }.joined(separator: "\n")
    }

    /// The code as an SVG document, a unit for each module.
    public var svg: String {
        let side = width + 2 * Self.quietZone
        var path = ""
        for row in 0..<width {
            for column in 0..<width where self[column, row] {
                path += "M\(column + Self.quietZone) \(row + Self.quietZone)h1v1h-1z"
            }
        }
        return """
            <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 \(side) \(side)" shape-rendering="crispEdges">\
            <rect width="\(side)" height="\(side)" fill="#fff"/><path d="\(path)"/></svg>

            """
    }
}
