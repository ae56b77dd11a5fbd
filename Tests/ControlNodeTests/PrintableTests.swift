import CBOR
import Foundation
import Reporting
import Testing

@testable import NodeProtocol

/// What a hostile node or bridge says reaches no terminal, table or label as it is.
@Suite("Foreign text is printable from where it is decoded")
struct PrintableTests {
    private static let hostile = "door\u{1B}]0;owned\u{07}\u{1B}[2J\r\nreceipt: done\u{0}\u{7F}\u{9B}31m\u{202E}\u{2028}end"

    private func isPrintable(_ text: String) -> Bool {
        text.unicodeScalars.allSatisfy {
            ![.control, .lineSeparator, .paragraphSeparator].contains($0.properties.generalCategory) && $0 != "\u{202E}"
        }
    }

    @Test("Control characters, line ends and marks of direction are shown, not obeyed; the rest stays as it is")
    func text() {
        let shown = PrintableText(Self.hostile).text
        #expect(isPrintable(shown) && shown.hasPrefix("door\\u{1B}]0;owned") && shown.hasSuffix("end"))
        #expect(PrintableText("Küche, 厨房, $('led').on()").text == "Küche, 厨房, $('led').on()")
        #expect(PrintableText(utf8: [0x61, 0xff, 0x1b]).text == "a\u{FFFD}\\u{1B}")
        #expect(PrintableText(String(repeating: "a", count: 5000)).text.count == PrintableText.limit + 1)
        #expect(
            PrintableText(utf8: [UInt8](repeating: 0x61, count: 1 << 20), limit: 16).text == String(repeating: "a", count: 16)
                + "…")
    }

    @Test("Whatever an item is made of, the text in it is printable, keys and nested ones too")
    func items() throws {
        let encoded = CBOR.encode { writer in
            writer.map(2)
            writer.key(1)
            writer.array(2)
            writer.text(Self.hostile)
            writer.tag(99)
            writer.text(Self.hostile)
            writer.text(Self.hostile)
            writer.text(Self.hostile)
        }
        func all(_ item: CBORItem) -> [String] {
            switch item {
            case .text(let text): [text]
            case .array(let items): items.flatMap(all)
            case .map(let items): items.flatMap { all($0.key) + all($0.value) }
            case .tag(_, let item): all(item)
            default: []
            }
        }
        let texts = all(try CBORItem(encoded))
        #expect(texts.count == 4 && texts.allSatisfy(isPrintable))
    }

    @Test("The title and detail of a problem, as a bridge may make them up, are printable")
    func problems() throws {
        let encoded = CBOR.encode { writer in
            writer.map(2)
            writer.key(-1)
            writer.text(Self.hostile)
            writer.key(-2)
            writer.text(Self.hostile)
        }
        let item = try CBORItem(encoded)
        for label in [-1, -2] as [Int64] { #expect(isPrintable(try #require(item[label]?.text))) }
    }
}
