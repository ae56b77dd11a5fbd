// A label as the bytes of a file or of a print job.
import CCairo
import Reporting

/// The size of a label, in millimetres.
public struct LabelSize: Hashable, Sendable {
    /// From left to right, in millimetres.
    public let width: Double
    /// From top to bottom, in millimetres.
    public let height: Double

    /// - Parameters:
    ///   - width: millimetres, above 0.
    ///   - height: millimetres, above 0.
    public init(width: Double, height: Double) { (self.width, self.height) = (width, height) }

    /// That of Avery L7160: room for a code of 34 mm, which any telephone reads.
    public static let standard = LabelSize(width: 63.5, height: 38.1)

    static let pointsPerMillimetre = 72 / 25.4
}

/// How one label is written.
public enum LabelFormat: String, CaseIterable, Sendable {
    /// Vectors, a raster of 300 dots an inch, and vectors on a page of the label's size.
    case svg, png, pdf
    /// ZPL II, for label printers of 203 dots an inch.
    case zpl

    /// The bytes of `drawing` at `size`.
    /// - Throws: `Failure` when the text does not fit a QR code, or cairo has no memory for the drawing.
    public func encode(_ drawing: LabelDrawing, size: LabelSize = .standard) throws -> [UInt8] {
        let width = size.width * LabelSize.pointsPerMillimetre
        let height = size.height * LabelSize.pointsPerMillimetre
        let frame = Frame(x: 0, y: 0, width: width, height: height)
        switch self {
        case .svg:
            return try Surface.document(cairo_svg_surface_create_for_stream, width: width, height: height) { context in
                Self.paintWhite(context)
                try drawing.draw(on: context, in: frame)
            }
        case .pdf:
            return try Surface.document(cairo_pdf_surface_create_for_stream, width: width, height: height) { context in
                try drawing.draw(on: context, in: frame)
            }
        case .png: return try Self.raster(drawing, frame, dotsPerInch: 300) { surface, _, _ in try Surface.png(surface) }
        case .zpl:
            let dots = frame.dots(203)
            if let text = try ZPLText(drawing, width: dots.width, height: dots.height) { return Array(text.job.utf8) }
            return try Self.dots(drawing, size: size)
        }
    }

    /// A label in ZPL as a picture, some 39 KB for `standard`, whatever fonts the printer has.
    /// - Throws: `Failure` when the text does not fit a QR code, or cairo has no memory for the drawing.
    public static func dots(_ drawing: LabelDrawing, size: LabelSize) throws -> [UInt8] {
        let frame = Frame(
            x: 0, y: 0, width: size.width * LabelSize.pointsPerMillimetre, height: size.height * LabelSize.pointsPerMillimetre)
        return try raster(drawing, frame, dotsPerInch: 203) { ZPLText.graphic($0, width: $1, height: $2) }
    }

    private static func paintWhite(_ context: OpaquePointer?) {
        cairo_set_source_rgb(context, 1, 1, 1)
        cairo_paint(context)
    }

    private static func raster(
        _ drawing: LabelDrawing, _ frame: Frame, dotsPerInch: Double, _ use: (OpaquePointer?, Int, Int) throws -> [UInt8]
    ) throws -> [UInt8] {
        let pixels = dotsPerInch / 72
        let (width, height) = frame.dots(dotsPerInch)
        return try Surface.raster(width: width, height: height, pixels: pixels) { context in
            try drawing.draw(on: context, in: frame, pixels: pixels)
        } _: {
            try use($0, width, height)
        }
    }
}
