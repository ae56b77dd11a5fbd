import Foundation
import Reporting
import Testing

/// Foreign text goes into each language that the project writes, and an independent reader of that language finds it as text: Debian's Tcl,
/// OpenOCD's Tcl, the shell, and Python's csv, xml and json.
@Suite("Foreign text in other languages") struct QuotedTests {
    /// What each language would take for syntax. The commands in them do no harm: they make a file, which must not be there afterwards.
    static func hostile(_ marker: String) -> [String] {
        [
            "[exec touch \(marker)]", "1;exec touch \(marker)", "1\nexec touch \(marker)", "$env(HOME)",
            "} ; exec touch \(marker) ; {", "{", "}",
            "\"", "\\", "a b", "#", "-f", "`touch \(marker)`", "$(touch \(marker))", "'; touch \(marker); '", "'", "''", "a'b",
            "~", "*",
            "%s%n", "<script>alert('1')</script>", "]]>", "&amp;", "--><!--", "=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "a,b",
            "a;b", "a\"b",
            "a\nb", "a\rb", "a\r\nb", "\u{1B}[2J", "\u{9B}31m", "\u{202E}abc", "\u{2028}", "\u{FEFF}", "\u{7F}",
            "^XA^FO0,0^FDx^FS^XZ",
            "\"\u{301},b", "<\u{301}b", ",\u{301}", "'); DROP TABLE device; --", "LN1:NODE1", "é ü 漢字 🔑", "x\\", "\\\n", "",
        ]
    }

    @Test("of a text that no person reads the beginning and the end are shown; a short one is as it was")
    func brief() {
        let long = "the start " + String(repeating: "é", count: 1 << 20) + " the end"
        let shown = Quoted.brief(long)
        #expect(
            shown.hasPrefix("the start ééé") && shown.hasSuffix("ééé the end") && shown.contains("… (1044498 characters more) …"))
        #expect(shown.unicodeScalars.count < 4200)
        let whole = String(repeating: "漢", count: 4096)
        #expect(Quoted.brief(whole) == whole && Quoted.brief(whole + "x") != whole + "x" && Quoted.brief("") == "")
    }

    private func run(_ program: String, _ arguments: [String], input: [UInt8] = [], status: Int32 = 0) throws -> String {
        let process = Process(), output = Pipe(), folder = FileManager.default.temporaryDirectory
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = [program] + arguments
        let file = folder.appendingPathComponent("ln-quoted-\(UInt32.random(in: 0 ... .max))")
        try Data(input).write(to: file)
        defer { try? FileManager.default.removeItem(at: file) }
        process.standardInput = try FileHandle(forReadingFrom: file)
        process.standardOutput = output
        process.standardError = FileHandle.nullDevice
        try process.run()
        let data = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        #expect(process.terminationStatus == status, "\(program) \(arguments)")
        return String(decoding: data, as: UTF8.self)
    }

    private func withMarker(_ body: (String) throws -> Void) throws {
        let marker = FileManager.default.temporaryDirectory.path + "/ln-marker-\(UInt32.random(in: 0 ... .max))"
        try body(marker)
        #expect(!FileManager.default.fileExists(atPath: marker), "text was run as a program")
    }

    /// Written as hexadecimal bytes, which no escape of an answer can disturb.
    private func hex(_ text: String) -> String { text.utf8.map { String(format: "%02x", $0) }.joined() }

    @Test("One word of Tcl, in Debian's Tcl and in OpenOCD's")
    func tcl() throws {
        try withMarker { marker throws in
            let texts = Self.hostile(marker)
            for (program, arguments) in [("tclsh", [String]()), ("openocd", ["-c"])] {
                // Each word is a procedure's one argument; its bytes come back.
                let script = texts.map { "hex \(Quoted.tcl($0))\n" }.joined()
                let told: String
                if program == "tclsh" {
                    let proc =
                        "proc hex {word} { binary scan [encoding convertto utf-8 $word] H* digits; puts \"<$digits>\" }\nfconfigure stdin -encoding utf-8\n"
                    told = try run(
                        "tclsh", arguments, input: Array((proc + "encoding system utf-8\n" + script).utf8))
                } else {
                    let proc =
                        "proc hex {word} { set d {}; for {set i 0} {$i < [string bytelength $word]} {incr i} { append d [format %02x [scan [string byterange $word $i $i] %c]] }; puts \"<$d>\" }\n"
                    // Bytes above ASCII are left as they are, which is all that the comparison of ASCII needs here.
                    let ascii = texts.filter { $0.utf8.allSatisfy { $0 < 0x80 } }.map { "hex \(Quoted.tcl($0))\n" }.joined()
                    told = try run("openocd", arguments + [proc + ascii + "shutdown"])
                    let words = told.split(separator: "\n").filter { $0.hasPrefix("<") }.map { $0.dropFirst().dropLast() }
                    #expect(words.map(String.init) == texts.filter { $0.utf8.allSatisfy { $0 < 0x80 } }.map(hex))
                    continue
                }
                let words = told.split(separator: "\n").map { $0.dropFirst().dropLast() }
                #expect(words.map(String.init) == texts.map(hex))
            }
        }
    }

    @Test("One word of a shell; what a terminal would obey is shown")
    func shell() throws {
        try withMarker { marker throws in
            for text in Self.hostile(marker) {
                #expect(try run("sh", ["-c", "printf %s \(Quoted.shell(text))"]) == Quoted.line(text), "\(text)")
            }
            #expect(Quoted.shell("/tmp/a-b_c.d") == "/tmp/a-b_c.d" && Quoted.shell("usb:1-2.3") == "usb:1-2.3")
        }
    }

    @Test("A field of a table: read back as it was, and never the beginning of a formula")
    func csv() throws {
        let texts = Self.hostile("x")
        let table = texts.map { Quoted.csv($0) + "," + Quoted.csv("end") + "\r\n" }.joined()
        let program =
            "import csv,io,json,sys; print(json.dumps(list(csv.reader(io.StringIO(sys.stdin.buffer.read().decode(), newline='')))))"
        let rows = try JSONDecoder().decode(
            [[String]].self, from: Data(try run("python3", ["-c", program], input: Array(table.utf8)).utf8))
        #expect(rows.count == texts.count && rows.allSatisfy { $0.count == 2 && $0[1] == "end" })
        #expect(rows.map { Quoted.csvField($0[0]) } == texts)
        #expect(rows.allSatisfy { row in !"=+-@\t\r\n".unicodeScalars.contains { $0 == row[0].unicodeScalars.first } })
    }

    @Test("Content and attributes of XML: what XML can hold arrives, and nothing becomes an element")
    func xml() throws {
        let texts = Self.hostile("x")
        let body = texts.map { "<t a=\"\(Quoted.xml($0, inAttribute: true))\">\(Quoted.xml($0))</t>" }.joined()
        let program =
            "import json,sys,xml.etree.ElementTree as E; r=E.fromstring(sys.stdin.buffer.read().decode()); assert all(len(t)==0 for t in r); print(json.dumps([[t.get('a'),t.text or ''] for t in r]))"
        let found = try JSONDecoder().decode(
            [[String]].self, from: Data(try run("python3", ["-c", program], input: Array("<r>\(body)</r>".utf8)).utf8))
        let expected = texts.map { $0.replacing("\u{1B}", with: "?") }
        #expect(found.map { $0[0] } == expected && found.map { $0[1] } == expected)
    }

    @Test("JSON stays JSON, and holds nothing that a terminal obeys")
    func json() throws {
        let texts = Self.hostile("x")
        let text = Quoted.json(String(decoding: try JSONEncoder().encode(texts), as: UTF8.self))
        #expect(try JSONDecoder().decode([String].self, from: Data(text.utf8)) == texts)
        #expect(!text.unicodeScalars.contains { $0.value < 0x20 || 0x7F...0x9F ~= $0.value || $0 == "\u{202E}" })
    }

    @Test("A line is one line, a comment ends where it should, and no control character is left")
    func lines() {
        for text in Self.hostile("x") + ["# x", "ends with \\"] {
            for shown in [Quoted.line(text), Quoted.comment(text), Quoted.tap(text), Quoted.shell(text)] {
                #expect(
                    !shown.unicodeScalars.contains { $0.value < 0x20 || 0x7F...0x9F ~= $0.value || 0x2028...0x202E ~= $0.value })
            }
            #expect(Quoted.comment(text).hasPrefix("# ") && !Quoted.comment(text).hasSuffix("\\"))
            #expect(
                !Quoted.terminal(text).unicodeScalars.contains {
                    $0 != "\n" && $0 != "\t" && ($0.value < 0x20 || 0x7F...0x9F ~= $0.value)
                })
        }
        #expect(Quoted.terminal("a\nb\tc é 漢") == "a\nb\tc é 漢")
        #expect(Quoted.line("a\n\u{1B}[2J") == "a\\u{A}\\u{1B}[2J")
        #expect(Quoted.tap("a # SKIP b") == "a \\# SKIP b")
    }

    @Test("A comma in a path begins no option of QEMU's")
    func qemu() throws {
        let folder = FileManager.default.temporaryDirectory.path + "/ln,id=\(UInt32.random(in: 0 ... .max))"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let file = folder + "/out,append=on"
        _ = try run(
            "qemu-system-arm",
            [
                "-M", "none", "-nodefaults", "-display", "none", "-chardev", "file,id=c,path=\(Quoted.qemu(file))", "-monitor",
                "stdio",
            ],
            input: Array("quit\n".utf8))
        #expect(FileManager.default.fileExists(atPath: file))
    }
}
