// Sheets of labels as PDF, for any office printer.
import CCairo
import Foundation
import Reporting

/// A sheet of paper with labels in rows and columns; lengths in millimetres.
public struct Sheet: Hashable, Sendable {
    /// As `init(parsing:)` takes it.
    public let name: String
    /// In millimetres, upright.
    public let paper: LabelSize
    /// In millimetres; drawings keep 1 mm from its edge.
    public let label: LabelSize
    /// Labels in a row.
    public let columns: Int
    /// Labels in a column.
    public let rows: Int
    /// From the paper's edge to the first label.
    let left: Double
    let top: Double
    /// From one label's edge to the next one's.
    let stepAcross: Double
    let stepDown: Double

    static let a4 = LabelSize(width: 210, height: 297)
    static let letter = LabelSize(width: 215.9, height: 279.4)

    /// As Avery gives them for these numbers.
    public static let presets = [
        Sheet(
            name: "avery-l7160", paper: a4, label: LabelSize(width: 63.5, height: 38.1), columns: 3, rows: 7, left: 7.2,
            top: 15.15,
            stepAcross: 66.04, stepDown: 38.1),
        Sheet(
            name: "avery-l7159", paper: a4, label: LabelSize(width: 63.5, height: 33.9), columns: 3, rows: 8, left: 7.2,
            top: 12.9,
            stepAcross: 66.04, stepDown: 33.9),
        Sheet(
            name: "avery-5160", paper: letter, label: LabelSize(width: 66.675, height: 25.4), columns: 3, rows: 10, left: 4.76,
            top: 12.7, stepAcross: 69.85, stepDown: 25.4),
    ]

    /// Labels on a sheet.
    public var capacity: Int { columns * rows }

    /// A preset by its name, or `COLUMNSxROWS`: an even grid on A4.
    /// - Throws: `Failure` of kind `usage` when it is neither.
    public init(parsing text: String) throws {
        if let preset = Self.presets.first(where: { $0.name == text.lowercased() }) {
            self = preset
            return
        }
        let parts = text.lowercased().split(separator: "x").map { Int($0) }
        guard parts.count == 2, let columns = parts[0], let rows = parts[1], 1...5 ~= columns, 1...13 ~= rows else {
            throw Failure(
                .usage, "“\(text)” is no sheet of labels",
                advice: "Write \(Self.presets.map(\.name).joined(separator: ", ")), or a grid from 1x1 to 5x13, such as 3x8")
        }
        let margin = 10.0
        let across = (Self.a4.width - 2 * margin) / Double(columns)
        let down = (Self.a4.height - 2 * margin) / Double(rows)
        self.init(
            name: "\(columns)x\(rows)", paper: Self.a4, label: LabelSize(width: across - 2, height: down - 2), columns: columns,
            rows: rows, left: margin + 1, top: margin + 1, stepAcross: across, stepDown: down)
    }

    private init(
        name: String, paper: LabelSize, label: LabelSize, columns: Int, rows: Int, left: Double, top: Double, stepAcross: Double,
        stepDown: Double
    ) {
        (self.name, self.paper, self.label, self.columns, self.rows) = (name, paper, label, columns, rows)
        (self.left, self.top, self.stepAcross, self.stepDown) = (left, top, stepAcross, stepDown)
    }

    /// As many pages as the labels need, filled row by row.
    /// - Throws: `Failure` when a label's text does not fit a QR code, or cairo has no memory for the drawing.
    public func pdf(_ drawings: [LabelDrawing]) throws -> [UInt8] {
        let unit = LabelSize.pointsPerMillimetre
        return try Surface.document(
            cairo_pdf_surface_create_for_stream, width: paper.width * unit, height: paper.height * unit
        ) { context in
            for (number, drawing) in drawings.enumerated() {
                let place = number % capacity
                if place == 0, number > 0 { cairo_show_page(context) }
                let frame = Frame(
                    x: (left + Double(place % columns) * stepAcross) * unit, y: (top + Double(place / columns) * stepDown) * unit,
                    width: label.width * unit, height: label.height * unit)
                try drawing.draw(on: context, in: frame.inset(by: 1 * unit))
            }
        }
    }
}
