// A label in a label printer's own language: the printer draws the code and the letters, some hundred bytes tell it how.
import CCairo

/// One label as ZPL II text (ZPL II Programming Guide: ^BQ, ^FD, ^FO, ^A): a QR code in the printer's own hand, with lines in its resident fonts beside it.
struct ZPLText {
    /// The print job.
    let job: String

    /// A printer moves a QR code down by the height of a bar code (^BY, 10 dots unless it was told otherwise); some programs do not.
    private static let shift = 10
    /// The largest magnification that every printer with ^BQ knows.
    private static let largestModule = 10

    /// A font that every printer has, of one width for all characters (ZPL II Programming Guide, “Fonts and Bar Codes”).
    private struct Font {
        let name: Character
        let height: Int
        let width: Int
        let gap: Int
        let times: Int

        /// From one character's left edge to the next one's.
        var pitch: Int { (width + gap) * times }
        /// From one line's top to the next one's.
        var leading: Int { height * times * 5 / 4 }
        var command: String { "^A\(name)N,\(height * times),\(width * times)" }

        /// From large to small.
        static let all = (1...10).reversed().flatMap { times in
            [("F", 26, 13, 3), ("D", 18, 10, 2), ("A", 9, 5, 1)].map { name, height, width, gap in
                Font(name: name, height: height, width: width, gap: gap, times: times)
            }
        }.sorted { $0.pitch > $1.pitch }
    }

    /// Nil for a label that the printer's own code and fonts cannot show: too small, a line too long, or a character that not every printer has
    /// or that would be a command to it.
    /// - Throws: `Failure` when the text does not fit a QR code.
    init?(_ drawing: LabelDrawing, width: Int, height: Int) throws {
        let (text, lines) = (drawing.label.text, drawing.lines)
        guard ([text] + lines).allSatisfy(Self.isPlain) else { return nil }
        // Automatic input (^FDMA): by hand the mode would be the data's first letter, which not every printer takes away. A printer may then choose
        // bytes, whose code is larger, so there is room for that one; in lower case no other mode is possible.
        let modules = try QRCode(text.lowercased()).width + 2 * QRCode.quietZone
        let module = min(height - Self.shift, width * 7 / 10) / modules
        guard module >= 2 else { return nil }
        let magnification = min(module, Self.largestModule)
        let side = modules * magnification
        let left = side + magnification
        let room = width - left - magnification
        let font = Font.all.first {
            $0.pitch * (lines.map(\.count).max() ?? 0) <= room && $0.leading * lines.count <= height - 2 * magnification
        }
        guard let font else { return nil }
        let top = (height - Self.shift - side) / 2 + QRCode.quietZone * magnification
        var job = "^XA^PW\(width)^LL\(height)^LH0,0"
        job += "^FO\(QRCode.quietZone * magnification),\(top)^BQN,2,\(magnification)^FDMA,\(text)^FS"
        for (number, line) in lines.enumerated() {
            let y = (height - font.leading * lines.count) / 2 + font.leading * number
            job += "^FO\(left),\(y)\(font.command)^FD\(line)^FS"
        }
        self.job = job + "^PQ1^XZ\n"
    }

    /// Only characters that stand for themselves in a field's data.
    private static func isPlain(_ text: String) -> Bool {
        text.utf8.allSatisfy { 0x20...0x7D ~= $0 && $0 != UInt8(ascii: "^") && $0 != UInt8(ascii: "\\") }
    }

    /// A label as a graphic field (ZPL II Programming Guide, ^GF): the very dots that were drawn, whatever fonts the printer has.
    static func graphic(_ surface: OpaquePointer?, width: Int, height: Int) -> [UInt8] {
        let bytesPerRow = (width + 7) / 8
        let total = bytesPerRow * height
        var text = Array("^XA^PW\(width)^LL\(height)^LH0,0^FO0,0^GFA,\(total),\(total),\(bytesPerRow),".utf8)
        let stride = Int(cairo_image_surface_get_stride(surface))
        let data = cairo_image_surface_get_data(surface)
        let digits = Array("0123456789ABCDEF".utf8)
        for row in 0..<height {
            for column in 0..<bytesPerRow {
                var byte: UInt8 = 0
                for bit in 0..<8 where column * 8 + bit < width {
                    // RGB24: blue first on little-endian machines; grey here, so that any of the three will do.
                    if let data, data[row * stride + (column * 8 + bit) * 4 + 1] < 128 { byte |= 0x80 >> UInt8(bit) }
                }
                text.append(digits[Int(byte >> 4)])
                text.append(digits[Int(byte & 15)])
            }
        }
        return text + Array("^FS^PQ1^XZ\n".utf8)
    }
}
