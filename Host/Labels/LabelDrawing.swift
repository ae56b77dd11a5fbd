// What is printed and stuck on the box, drawn once with cairo: for SVG, PNG, PDF sheets and label printers alike.
import CCairo
import Foundation
import NodeProtocol
import Reporting

/// A label as it is shown and printed: QR code, with the node's address in readable form beside it.
public struct LabelDrawing: Sendable {
    /// What the label says. It holds the claim secret.
    public let label: ClaimLabel
    /// Provisioned with test keys: the label says so.
    public let isTest: Bool
    /// What people call the node besides its address, such as batch and serial number.
    public let caption: String

    /// Draws nothing yet.
    /// - Parameter caption: one line beside the code; empty: none.
    public init(_ label: ClaimLabel, isTest: Bool = false, caption: String = "") {
        self.label = label
        self.isTest = isTest
        self.caption = caption
    }

    static let testMark = "TEST - NOT FOR SALE"

    /// The address in groups of four characters, which people compare without losing their place.
    public var readableAddress: String { groups.joined(separator: " ") }

    private var groups: [String] {
        let characters = Array(label.address.description)
        return stride(from: 0, to: characters.count, by: 4).map { String(characters[$0..<min($0 + 4, characters.count)]) }
    }

    /// The lines beside the code.
    var lines: [String] {
        let groups = groups
        let pairs = stride(from: 0, to: groups.count, by: 2).map { groups[$0..<min($0 + 2, groups.count)].joined(separator: " ") }
        return (isTest ? Self.testMark.components(" - ") : []) + pairs + (caption.isEmpty ? [] : [caption])
    }

    /// The code in characters and below it the label's text. It holds the claim secret.
    /// - Parameter coloured: with a terminal's escape sequences, which only a terminal is to get.
    /// - Throws: `Failure` when the text does not fit a QR code.
    public func terminalText(coloured: Bool = StandardOutput.takesEscapes) throws -> String {
        let mark = isTest ? Self.testMark + "\n" : ""
        return "\(try QRCode(label.text).text(coloured: coloured))\n\(mark)\(label.text)"
    }

    /// Draws into `frame`, in points.
    /// - Parameter pixels: pixels a point of a raster, on whose grid the code's modules are to lie; nil for vectors.
    func draw(on context: OpaquePointer?, in frame: Frame, pixels: Double? = nil) throws {
        let code = try QRCode(label.text)
        let modules = Double(code.width + 2 * QRCode.quietZone)
        var module = min(frame.height, frame.width * 0.7) / modules
        if let pixels { module = max(1, (module * pixels).rounded(.down)) / pixels }
        let side = module * modules
        let top = snapped(frame.y + (frame.height - side) / 2, pixels)
        cairo_save(context)
        defer { cairo_restore(context) }
        cairo_set_antialias(context, CAIRO_ANTIALIAS_NONE)
        cairo_set_source_rgb(context, 0, 0, 0)
        for row in 0..<code.width {
            var column = 0
            while column < code.width {
                let start = column
                while code[column, row] { column += 1 }
                if column > start {
                    cairo_rectangle(
                        context, snapped(frame.x, pixels) + module * Double(start + QRCode.quietZone),
                        top + module * Double(row + QRCode.quietZone), module * Double(column - start), module)
                }
                column += 1
            }
        }
        cairo_fill(context)
        cairo_set_antialias(context, CAIRO_ANTIALIAS_DEFAULT)
        let text = Frame(x: frame.x + side, y: frame.y, width: frame.width - side, height: frame.height)
        draw(lines, on: context, in: text.inset(by: 2 * module))
    }

    private func snapped(_ value: Double, _ pixels: Double?) -> Double {
        guard let pixels else { return value }
        return (value * pixels).rounded() / pixels
    }

    /// As large as fits, one line below the other.
    private func draw(_ lines: [String], on context: OpaquePointer?, in frame: Frame) {
        cairo_select_font_face(context, "DejaVu Sans Mono", CAIRO_FONT_SLANT_NORMAL, CAIRO_FONT_WEIGHT_BOLD)
        cairo_set_font_size(context, 100)
        let widths = lines.map { line in
            var extents = cairo_text_extents_t()
            cairo_text_extents(context, line, &extents)
            return extents.x_advance
        }
        guard let widest = widths.max(), widest > 0, frame.width > 0 else { return }
        let size = min(100 * frame.width / widest, frame.height / (1.25 * Double(lines.count)))
        cairo_set_font_size(context, size)
        let first = frame.y + (frame.height - 1.25 * size * Double(lines.count)) / 2
        for (number, line) in lines.enumerated() {
            cairo_move_to(context, frame.x, first + 1.25 * size * (Double(number) + 0.8))
            cairo_show_text(context, line)
        }
    }
}

/// A rectangle in points (1/72 inch), from the upper left.
struct Frame {
    var x: Double
    var y: Double
    var width: Double
    var height: Double

    /// Its size on a raster.
    func dots(_ dotsPerInch: Double) -> (width: Int, height: Int) {
        (Int((width * dotsPerInch / 72).rounded()), Int((height * dotsPerInch / 72).rounded()))
    }

    func inset(by margin: Double) -> Frame {
        Frame(x: x + margin, y: y + margin, width: width - 2 * margin, height: height - 2 * margin)
    }
}

extension String {
    fileprivate func components(_ separator: String) -> [String] {
        split(separator: separator).map(String.init)
    }
}
