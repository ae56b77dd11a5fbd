import ControlNode
import Foundation
import Provisioning
import Reporting
import Testing

@Suite("Labels as they are drawn")
struct LabelDrawingTests {
    let label: ClaimLabel = {
        let identity = SigningKey(seed: SecretBytes([UInt8](repeating: 1, count: 32)))!
        return ClaimLabel(
            address: DeviceAddress(of: identity.publicKey),
            claimKey: SigningKey(seed: SecretBytes([UInt8](repeating: 2, count: 32)))!)
    }()

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

    @Test("The terminal's drawing has a quiet zone and all modules")
    func terminal() throws {
        let code = try QRCode(label.text)
        let lines = code.terminalText.components(separatedBy: "\n")
        let lineCount = (code.width + 8 + 1) / 2
        #expect(lines.count == lineCount)
        #expect(lines.prefix(2).allSatisfy { !$0.contains("█") })
    }

    @Test("An independent scanner reads the SVG")
    func scanned() throws {
        guard let scanned = try scan(LabelDrawing(label, isTest: true).svg()) else { return }
        #expect(scanned == label.text)
    }

    @Test("The readable address is the address in groups of four, and a test label says TEST")
    func readable() throws {
        let drawing = LabelDrawing(label, isTest: true)
        #expect(drawing.readableAddress.replacingOccurrences(of: " ", with: "") == label.address.description)
        let groups = drawing.readableAddress.components(separatedBy: " ")
        #expect(groups.dropLast().allSatisfy { $0.count == 4 })
        #expect(try drawing.svg().contains("TEST") && drawing.terminalText().contains("TEST"))
        #expect(try !LabelDrawing(label).svg().contains("TEST"))
    }

    @Test("A text too long for any QR code is refused")
    func tooLong() {
        #expect(throws: Failure.self) { try QRCode(String(repeating: "a", count: 5000)) }
    }

    /// What zbarimg reads in the picture; nil, with a notice, where it or rsvg-convert is missing.
    private func scan(_ svg: String) throws -> String? {
        let path = FileManager.default.temporaryDirectory.path + "/lightnode-label-\(randomBytes(6).hex)"
        defer { for suffix in [".svg", ".png"] { try? FileManager.default.removeItem(atPath: path + suffix) } }
        try svg.write(toFile: path + ".svg", atomically: true, encoding: .utf8)
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/bin/sh")
        process.arguments = [
            "-c",
            "command -v zbarimg rsvg-convert >/dev/null || exit 99; rsvg-convert -w 600 '\(path).svg' -o '\(path).png' && zbarimg -q --raw '\(path).png'",
        ]
        let output = Pipe()
        process.standardOutput = output
        try process.run()
        let data = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        if process.terminationStatus == 99 {
            print(
                "notice: zbarimg or rsvg-convert is missing, the scanning test is skipped (apt install zbar-tools librsvg2-bin)")
            return nil
        }
        #expect(process.terminationStatus == 0)
        return String(decoding: data, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
    }
}
