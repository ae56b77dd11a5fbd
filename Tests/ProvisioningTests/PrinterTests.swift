import Foundation
import Keystore
import Reporting
import Testing

@testable import Provisioning

/// Where labels are printed: what can be no printer is told before anything is provisioned.
@Suite("Label printers by their names") struct PrinterTests {
    @Test(
        "what names no raw port of a printer is refused, with what to write",
        arguments: [
            ("tcp://printer:99999", "has no port that there can be", "tcp://192.0.2.7:9100"),
            ("tcp://printer:0", "has no port", "9100"),
            ("tcp://printer:-1", "", "tcp://"), ("tcp://", "names no printer", "tcp://"),
            ("tcp://:9100", "names no printer", "tcp://"),
            ("lpd://printer/queue", "is a queue or a service (lpd)", "lp -o raw"),
            ("ipp://printer:631/ipp", "is a queue or a service (ipp)", "lp -o raw"),
            ("LPD://printer", "is a queue or a service (lpd)", "tcp://host:9100"),
            ("http://printer", "is a queue or a service (http)", "tcp://"),
            ("tcp://printer:9100/queue", "says more than a printer's name and port", "tcp://"),
        ])
    func wrong(destination: String, words: String, advice: String) {
        #expect {
            _ = try LabelPrinter(destination)
        } throws: { error in
            let failure = error as? Failure
            return failure?.kind == .usage && failure?.what.contains(words) == true && failure?.what.contains(destination) == true
                && failure?.advice.contains(advice) == true
        }
    }

    @Test(
        "device files, raw ports and the name that CUPS has for them are printers",
        arguments: ["/dev/usb/lp0", "lp0", "tcp://[::1]", "socket://h:9101", "tcp://h/"])
    func right(destination: String) throws { #expect(try LabelPrinter(destination).destination == destination) }

    @Test("a name that nobody knows is told as such, not as an address without a way to it")
    func unknownHost() throws {
        // A label of a name has 63 characters at most: no server is asked.
        let host = String(repeating: "x", count: 70)
        #expect { try LabelPrinter("tcp://\(host)").connect() } throws: { error in
            let failure = error as? Failure
            return failure?.kind == .environment && failure?.what.contains("“\(host)” is not known here") == true
                && failure?.advice.contains("the printer's address itself") == true
        }
    }

    @Test("a pipe that nobody reads is not waited for")
    func pipe() throws {
        let path = FileManager.default.temporaryDirectory.path + "/ln-printer-\(UInt32.random(in: 0 ... .max))"
        try #require(mkfifo(path, 0o600) == 0)
        defer { unlink(path) }
        #expect { try LabelPrinter(path).connect() } throws: {
            ($0 as? Failure)?.what.contains("does not take the label") == true
        }
    }
}

/// Label files of other runs in the folder where labels are written.
@Suite("Labels that are there from before") struct FormerLabelTests {
    @Test("a label of other records with the same name is kept under another, and the same label is left where it is")
    func setAside() throws {
        let folder = FileManager.default.temporaryDirectory.path + "/ln-former-\(UInt32.random(in: 0 ... .max))"
        try LabelFolder.make(folder)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let file = PrivateFile(folder + "/A-000001.svg")
        func names() throws -> [String] { try FileManager.default.contentsOfDirectory(atPath: folder).sorted() }
        try file.write(Array("one".utf8))
        try LabelFolder.setAside(file, unless: Array("one".utf8))
        #expect(try names() == ["A-000001.svg"])
        for text in ["two", "three"] {
            try LabelFolder.setAside(file, unless: Array(text.utf8))
            #expect(!file.exists)
            try file.write(Array(text.utf8))
        }
        #expect(try names() == ["A-000001.former-1.svg", "A-000001.former-2.svg", "A-000001.svg"])
        #expect(try PrivateFile(folder + "/A-000001.former-1.svg").read() == Array("one".utf8))
        #expect(try PrivateFile(folder + "/A-000001.former-2.svg").read() == Array("two".utf8))
    }
}
