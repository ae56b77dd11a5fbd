import Foundation
import HostCrypto
import Labels
import NodeProtocol
import Reporting
import Testing

@Suite("Labels as they are drawn")
struct LabelDrawingTests {
    private static func label(_ number: UInt8) -> ClaimLabel {
        let identity = SigningKey(seed: SecretBytes([UInt8](repeating: number, count: 32)))!
        return ClaimLabel(
            address: NodeAddress(of: identity.publicKey),
            claimKey: SigningKey(seed: SecretBytes([UInt8](repeating: number ^ 0xA5, count: 32)))!)
    }

    let label = LabelDrawingTests.label(1)

    @Test("The alphanumeric mode keeps a label's code at version 6 or below: 41 modules a side")
    func size() throws {
        #expect(try QRCode(label.text).width <= 41)
        #expect(try QRCode(label.text.lowercased()).width > QRCode(label.text).width)
    }

    @Test("Finder patterns stand in three corners")
    func finders() throws {
        let code = try QRCode(label.text)
        let last = code.width - 7
        for (x, y) in [(0, 0), (last, 0), (0, last)] {
            for column in 0..<7 {
                for row in 0..<7 {
                    let ring = max(abs(column - 3), abs(row - 3))
                    #expect(code[x + column, y + row] == (ring != 2))
                }
            }
        }
    }

    @Test("The code says that it has error correction M")
    func errorCorrection() throws {
        let code = try QRCode(label.text)
        // The first two bits of the format information (ISO/IEC 18004, 7.9): M is 00, under the mask 10.
        #expect(code[0, 8] && !code[1, 8])
    }

    @Test("The terminal's drawing has a quiet zone and all modules")
    func terminal() throws {
        let code = try QRCode(label.text)
        let lines = code.text(coloured: true).components(separatedBy: "\n")
        let lineCount = (code.width + 8 + 1) / 2
        #expect(lines.count == lineCount)
        #expect(lines.prefix(2).allSatisfy { !$0.contains("█") })
        #expect(!code.text(coloured: false).contains("\u{1B}"), "a file or a pipe gets no escape sequences")
    }

    @Test("A caption is drawn, and becomes no element, no operator and no printer's command", arguments: LabelFormat.allCases)
    func caption(format: LabelFormat) throws {
        for caption in [
            "<script>alert(1)</script>", "]]></svg>", "(x) Tj ET", ") /JavaScript (x", "^XZ^XA^JUF", "~JA", "a\nb", "\u{1B}[2J",
            "%PDF", "é 漢",
        ] {
            let bytes = try format.encode(LabelDrawing(label, caption: caption))
            #expect(try scan(bytes, format) == [label.text], "\(format), \(caption)")
            let text = String(decoding: bytes, as: UTF8.self)
            if format == .zpl {
                // It knows no other commands than a label's; in the other formats three such bytes are chance.
                _ = try PrintedLabel(text)
            } else {
                #expect(!text.contains("script>") && !text.contains("JavaScript"))
            }
        }
    }

    // R1
    @Test("An independent scanner reads every format, at every size", arguments: LabelFormat.allCases)
    func scanned(format: LabelFormat) throws {
        for size in [LabelSize.standard, LabelSize(width: 50, height: 25), LabelSize(width: 40, height: 40)] {
            for isTest in [false, true] {
                let bytes = try format.encode(LabelDrawing(label, isTest: isTest, caption: "lamps#12"), size: size)
                #expect(try scan(bytes, format) == [label.text], "\(format), \(size)")
            }
        }
    }

    @Test("Every label of a sheet is read, and no more", arguments: ["avery-l7160", "avery-l7159", "avery-5160", "2x5"])
    func sheets(name: String) throws {
        let sheet = try Sheet(parsing: name)
        let labels = (0..<UInt8(sheet.capacity + 1)).map { LabelDrawingTests.label($0) }
        let pdf = try sheet.pdf(labels.map { LabelDrawing($0) })
        // A page of codes at once is much for a scanner: it looks from several distances, as a hand does.
        var found: Set<String> = []
        for resolution in [300, 200, 400, 250] where found.count < labels.count {
            found.formUnion(try scan(pdf, .pdf, resolution: resolution))
        }
        #expect(found == Set(labels.map(\.text)))
        let text = try LabelFile.run(pdf, "pdftotext -layout \"$f\" -")
        for label in labels { #expect(text.contains(label.address.description.suffix(3)), "the address is beside the code") }
    }

    @Test("A sheet that is none is refused with the names of those that are")
    func noSheet() {
        for text in ["avery-1", "0x3", "3x", "9x99"] {
            #expect(throws: Failure.self) { try Sheet(parsing: text) }
        }
    }

    @Test("The readable address is the address in groups of four, and a test label says TEST in every format")
    func readable() throws {
        let drawing = LabelDrawing(label, isTest: true)
        #expect(drawing.readableAddress.replacingOccurrences(of: " ", with: "") == label.address.description)
        let groups = drawing.readableAddress.components(separatedBy: " ")
        #expect(groups.dropLast().allSatisfy { $0.count == 4 })
        let text = try LabelFile.run(try LabelFormat.pdf.encode(drawing), "pdftotext \"$f\" -")
        #expect(text.contains("TEST") && text.contains("NOT FOR SALE") && text.contains(groups[0]))
        #expect(try drawing.terminalText().contains("TEST"))
        #expect(try !LabelFile.run(try LabelFormat.pdf.encode(LabelDrawing(label)), "pdftotext \"$f\" -").contains("TEST"))
        // The other formats are drawn by the same hand.
        for format in LabelFormat.allCases {
            #expect(try format.encode(drawing) != format.encode(LabelDrawing(label)), "\(format)")
        }
    }

    @Test("A text too long for any QR code is refused")
    func tooLong() {
        #expect(throws: Failure.self) { try QRCode(String(repeating: "a", count: 5000)) }
    }

    // MARK: Scanning

    private func scan(_ bytes: [UInt8], _ format: LabelFormat, resolution: Int = 300) throws -> [String] {
        let toPicture =
            switch format {
            case .svg: "rsvg-convert -w 750 \"$f\" -o \"$f.png\""
            case .png: "cp \"$f\" \"$f.png\""
            case .pdf: "pdftoppm -r \(resolution) -png \"$f\" \"$f\""
            case .zpl: "true"
            }
        let picture = format == .zpl ? try PrintedLabel(String(decoding: bytes, as: UTF8.self)).picture() : bytes
        let glob = format == .zpl ? "\"$f\"" : "\"$f\"*.png"
        let text = try LabelFile.run(picture, "\(toPicture) && zbarimg -q --raw \(glob)")
        return text.split(separator: "\n").map(String.init)
    }
}
