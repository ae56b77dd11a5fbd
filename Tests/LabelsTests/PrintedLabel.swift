import Labels
import Testing

/// A print job as a label printer understands it: every command is one of the few that a label needs, or it is no job of ours.
struct PrintedLabel {
    private(set) var width = 0
    private(set) var height = 0
    /// The texts in the printer's fonts.
    private(set) var lines: [String] = []
    /// The code as the printer was told to make it.
    private(set) var code: (text: String, magnification: Int)?
    private var ink: [(x: Int, y: Int, width: Int, height: Int)] = []
    private var graphic: (row: Int, data: [UInt8])?

    /// - Parameters:
    ///   - shift: dots by which this printer moves a code down.
    ///   - bytes: it encodes every text as bytes, which its code shows in lower case here.
    init(_ job: String, shift: Int = 0, bytes: Bool = false) throws {
        try #require(job.hasPrefix("^XA^PW") && job.hasSuffix("^PQ1^XZ\n") && !job.contains("~"))
        var place = (x: 0, y: 0)
        var character = (width: 0, height: 0)
        var magnification: Int?
        for command in job.dropLast().split(separator: "^").map(String.init) {
            let numbers = command.drop { !$0.isNumber }.split(separator: ",").compactMap { Int($0) }
            switch command.prefix(2) {
            case "XA", "XZ", "LH", "PQ", "FS": try #require(["XA", "XZ", "LH0,0", "PQ1", "FS"].contains(command), "\(command)")
            case "PW": width = try #require(numbers.first)
            case "LL": height = try #require(numbers.first)
            case "FO":
                try #require(numbers.count == 2, "\(command)")
                place = (numbers[0], numbers[1])
            case "BQ":
                try #require(command.hasPrefix("BQN,2,") && numbers.count == 2 && 1...10 ~= numbers[1], "\(command)")
                magnification = numbers[1]
            case "AA", "AD", "AF":
                try #require(command.dropFirst(2).hasPrefix("N,") && numbers.count == 2, "\(command)")
                // The matrices and gaps of the printer's fonts, as the guide's table gives them.
                let (high, wide, gap) = ["AA": (9, 5, 1), "AD": (18, 10, 2), "AF": (26, 13, 3)][command.prefix(2)]!
                let times = numbers[0] / high
                try #require(1...10 ~= times && numbers == [high * times, wide * times], "\(command)")
                character = ((wide + gap) * times, high * times)
            case "FD":
                let data = String(command.dropFirst(2))
                if let size = magnification {
                    // Error correction M, automatic input.
                    try #require(data.hasPrefix("MA,"), "\(command.prefix(8))")
                    let text = String(data.dropFirst(3))
                    code = (text, size)
                    let modules = try QRCode(bytes ? text.lowercased() : text)
                    for row in 0..<modules.width {
                        for column in 0..<modules.width where modules[column, row] {
                            ink.append((place.x + column * size, place.y + shift + row * size, size, size))
                        }
                    }
                    magnification = nil
                } else {
                    lines.append(data)
                    // A bar in place of letters: what is worst for a scanner.
                    ink.append((place.x, place.y, data.count * character.width, character.height))
                }
            case "GF":
                let field = try #require(command.firstMatch(of: /^GFA,(\d+),\d+,(\d+),([0-9A-F]+)$/))
                let data = try #require([UInt8](hex: field.3))
                #expect(data.count == Int(field.1))
                graphic = (try #require(Int(field.2)), data)
            default: Issue.record("\(command) is no command of a label")
            }
        }
    }

    /// True if nothing is drawn outside the label.
    var isWhole: Bool {
        ink.allSatisfy { $0.x >= 0 && $0.y >= 0 && $0.x + $0.width <= width && $0.y + $0.height <= height }
    }

    /// What comes out, as a PBM file.
    func picture() throws -> [UInt8] {
        if let graphic { return Array("P4 \(graphic.row * 8) \(graphic.data.count / graphic.row)\n".utf8) + graphic.data }
        try #require(isWhole && !ink.isEmpty)
        let row = (width + 7) / 8
        var dots = [UInt8](repeating: 0, count: row * height)
        for bar in ink {
            for y in bar.y..<bar.y + bar.height {
                for x in bar.x..<bar.x + bar.width { dots[y * row + x / 8] |= 0x80 >> UInt8(x % 8) }
            }
        }
        return Array("P4 \(width) \(height)\n".utf8) + dots
    }
}

extension LabelDrawingTests {
    @Test("A label printer draws the code and the letters itself: some hundred bytes, and a scanner reads what comes out")
    func printersOwn() throws {
        for size in [
            LabelSize.standard, LabelSize(width: 50, height: 25), LabelSize(width: 40, height: 40),
            LabelSize(width: 100, height: 150),
        ] {
            for isTest in [false, true] {
                let drawing = LabelDrawing(label, isTest: isTest, caption: "lamps#12")
                let job = try String(decoding: LabelFormat.zpl.encode(drawing, size: size), as: UTF8.self)
                #expect(job.utf8.count < 800, "\(size): \(job.utf8.count) bytes; the same label in dots has some 39,000")
                for (shift, bytes) in [(0, false), (10, false), (10, true)] {
                    let printed = try PrintedLabel(job, shift: shift, bytes: bytes)
                    #expect(printed.code?.text == label.text && printed.isWhole, "\(size), \(shift)")
                    #expect(printed.lines.joined(separator: " ").contains(drawing.readableAddress))
                    #expect(printed.lines.contains("lamps#12") && printed.lines.contains("TEST") == isTest)
                    let scanned = try LabelFile.run(printed.picture(), "zbarimg -q --raw \"$f\"")
                    #expect(scanned == (bytes ? label.text.lowercased() : label.text) + "\n", "\(size), \(shift)")
                }
            }
        }
    }

    @Test(
        "What the printer's fonts cannot show, or would take for a command, is sent as the dots that were drawn",
        arguments: ["^XZ", "~JA", "a\nb", "é", String(repeating: "long ", count: 30)])
    func notPlain(caption: String) throws {
        let job = try String(decoding: LabelFormat.zpl.encode(LabelDrawing(label, caption: caption)), as: UTF8.self)
        let printed = try PrintedLabel(job)
        #expect(printed.code == nil && printed.lines.isEmpty && job.contains("^GFA,"))
    }
}
