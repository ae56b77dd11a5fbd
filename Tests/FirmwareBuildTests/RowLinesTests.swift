// The lines of a board.json's rows, found without a parser that keeps them.
import Foundation
import Testing

@testable import FirmwareBuild

@Suite("Lines of rows")
struct RowLinesTests {
    private let text = #"""
        {
            "name": "a \"quoted\" {name}",
            "wires": [{ "pin": "P1", "note": "],[" }, { "pin": "P2" }],
            "nested": { "devices": [1, 2] },
            "devices": [
                { "name": "led",
                  "with": ["Calibration(0, is: 1)", "x"] },
                { "name": "lock" }
            ],
            "empty": []
        }
        """#

    @Test("Each row of an outermost array has its line and its bytes, whatever its texts hold")
    func lines() {
        let rows = RowLines(text.utf8)
        #expect(rows.rows["wires"]?.map(\.line) == [3, 3])
        #expect(rows.rows["devices"]?.map(\.line) == [6, 8])
        #expect(rows.rows["empty"] == nil)
        #expect(rows.keys["empty"] == 10 && rows.keys["pin"] == nil)
        let bytes = Array(text.utf8)
        #expect(rows.rows["wires"].map { String(decoding: bytes[$0[1].bytes], as: UTF8.self) } == #"{ "pin": "P2" }"#)
        #expect(rows.values["nested"].map { String(decoding: bytes[$0], as: UTF8.self) } == #""nested": { "devices": [1, 2] }"#)
    }

    @Test(
        "Of what is no JSON each place that is told lies in the text",
        arguments: ["", "]", "}}[[,", "{\"a\": [\"", "{\"a\\", "[[1,2],[3]]"])
    func unsound(text: String) {
        let rows = RowLines(text.utf8)
        let places = rows.rows.values.flatMap { $0.map(\.bytes) } + rows.values.values.flatMap { $0 }
        #expect(places.allSatisfy { $0.lowerBound >= 0 && $0.upperBound <= text.utf8.count })
    }
}
