import Foundation
import HostCrypto
import Keystore
import NodeProtocol
import Reporting
import Testing

/// Files that are not what they are called, and names in manifests that are another language's syntax.
@Suite("Foreign files and names") struct ForeignFileTests {
    @Test("a pipe or a device in a key file's place is refused at once, and never replaced by a file")
    func pipes() throws {
        let path = FileManager.default.temporaryDirectory.path + "/ln-pipe-\(UInt32.random(in: 0 ... .max))"
        #expect(mkfifo(path, 0o600) == 0)
        defer { unlink(path) }
        for name in [path, "/dev/null"] {
            for action in [{ _ = try PrivateFile(name).read() }, { try PrivateFile(name).write([1]) }] {
                do {
                    try action()
                    Issue.record("\(name) was taken")
                } catch let failure as Failure {
                    #expect(failure.kind == .environment && failure.what.contains("is no plain file"), "\(failure)")
                }
            }
            var status = stat()
            #expect(stat(name, &status) == 0 && status.st_mode & S_IFMT != S_IFREG)
        }
    }

    @Test("a file larger than any of ours is refused before room is made for it")
    func large() throws {
        let path = FileManager.default.temporaryDirectory.path + "/ln-large-\(UInt32.random(in: 0 ... .max))"
        defer { unlink(path) }
        try PrivateFile(path).write([1])
        // Sparse: it takes no room on the disk either.
        #expect(truncate(path, (1 << 30) + 1) == 0)
        do {
            _ = try PrivateFile(path).read()
            Issue.record("it was read")
        } catch let failure as Failure {
            #expect(failure.kind == .environment && failure.what.contains("1073741825 bytes"), "\(failure)")
        }
        #expect(truncate(path, 1 << 10) == 0)
        #expect(try PrivateFile(path).read().count == 1024)
    }

    @Test("what a killed program left of a database that it was about to make goes when it is opened next")
    func abandoned() throws {
        let folder = FileManager.default.temporaryDirectory.path + "/ln-left-\(UInt32.random(in: 0 ... .max))"
        try FileManager.default.createDirectory(
            atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        defer { try? FileManager.default.removeItem(atPath: folder) }
        // A process that is no more, and one that lives.
        let ended = try Process.run(URL(fileURLWithPath: "/bin/true"), arguments: [])
        ended.waitUntilExit()
        for name in [
            "log.sqlite.\(ended.processIdentifier)-1.new", "log.sqlite.\(ended.processIdentifier)-1.new-journal",
            "log.sqlite.1-1.new",
        ] {
            try Data([1]).write(to: URL(fileURLWithPath: folder + "/" + name))
        }
        _ = try NodeLog(folder + "/log.sqlite")
        #expect(Set(try FileManager.default.contentsOfDirectory(atPath: folder)) == ["log.sqlite", "log.sqlite.1-1.new"])
    }

    @Test("a file of 0 bytes is no key, no book and no sequence, and is not begun anew")
    func empty() throws {
        let path = FileManager.default.temporaryDirectory.path + "/ln-empty-\(UInt32.random(in: 0 ... .max))"
        defer { for suffix in ["", ".lock"] { unlink(path + suffix) } }
        let file = PrivateFile(path)
        try file.write([])
        #expect(throws: Failure.self) { try StationKey.open(file) }
        #expect(throws: Failure.self) { try EscrowKey.load(from: file) }
        #expect(throws: Failure.self) { try EscrowPublicKey(parsing: path) }
        #expect(throws: Failure.self) { try ControllerKey.load(from: file) { nil } }
        #expect(throws: Failure.self) { try NodeBook(file).nodes() }
        #expect(throws: Failure.self) { try GrantBook(file).grants() }
        #expect(throws: Failure.self) { try SequenceClock(file).next() }
        #expect(try file.read().isEmpty)
    }

    @Test("every field of a manifest arrives as it was, in both forms, and a spreadsheet sees no formula")
    func manifests() throws {
        let key = SigningKey.generate(), identity = SigningKey.generate().publicKey
        for text in [
            "=1+1", "+1", "-1", "@SUM(A1)", "'quoted", "a,b", "a\"b", "a\nb", "a\rb", "a\r\nb", "\"\u{301},b", "<b>", "[exec x]",
            "$(x)",
            "\u{1B}[2J", "'); DROP TABLE device; --", "^XA", "é 漢 🔑", "",
        ] {
            let record = ProvisioningRecord(
                batch: text, serial: 1, address: NodeAddress(of: identity), identity: identity,
                claim: SigningKey.generate().publicKey,
                board: text, firmware: text, firmwareHash: text, hardwareSerial: text, network: 1, isTest: false,
                isIdentityInjected: false, isProtected: false, station: text, operator: text,
                time: Date(timeIntervalSince1970: 1_700_000_000))
            let manifest = Manifest(
                batch: text, network: 1, isTest: false, station: text, publicKey: key.publicKey,
                created: Date(timeIntervalSince1970: 1_700_000_000), nodes: [record])
            let csv = manifest.csv(signedWith: key)
            for bytes in [csv, try manifest.json(signedWith: key)] {
                #expect(try Manifest(verifying: bytes, from: "it") == manifest, "\(text.debugDescription)")
            }
            let table = String(decoding: csv, as: UTF8.self)
            #expect(table.firstMatch(of: /(^|,|\n)"?[=+@]/) == nil, "\(table)")
        }
    }

    @Test(
        "a manifest that an editor or a spreadsheet has written again has the same values, and its signature holds; another value breaks it"
    )
    func rewritten() throws {
        let key = SigningKey.generate(), identity = SigningKey.generate().publicKey
        let record = ProvisioningRecord(
            batch: "lamps", serial: 1, address: NodeAddress(of: identity), identity: identity,
            claim: SigningKey.generate().publicKey, board: "microbit", firmware: "0.1.0", firmwareHash: "00ff",
            hardwareSerial: "7",
            network: 1, isTest: false, isIdentityInjected: false, isProtected: false, station: "bench, left", operator: "-",
            time: Date(timeIntervalSince1970: 1_700_000_000))
        let manifest = Manifest(
            batch: "lamps", network: 1, isTest: false, station: "bench, left", publicKey: key.publicKey,
            created: Date(timeIntervalSince1970: 1_700_000_000), nodes: [record])
        let table = String(decoding: manifest.csv(signedWith: key), as: UTF8.self)
        let lines = table.split(separator: "\r\n")
        #expect(lines.count == 3)
        let quoted = lines.map { line in
            line.split(separator: /,(?! left)/, omittingEmptySubsequences: false).map { $0.hasPrefix("\"") ? $0 : "\"\($0)\"" }
                .joined(separator: ",")
        }
        for text in [
            table.replacing("\r\n", with: "\n"), table.replacing("\r\n", with: "\r"), "\u{FEFF}" + table, table + "\r\n\r\n",
            table + "\n",
            String(table.dropLast()), quoted.joined(separator: "\r\n") + "\r\n",
        ] {
            #expect(try Manifest(verifying: Array(text.utf8), from: "it") == manifest, "\(text.debugDescription)")
        }
        for (old, new) in [
            ("microbit", "microbit2"), (",0.1.0,", ",0.1.1,"), ("lamps", "Lamps"), ("bench, left", "bench left"), (",1,", ",2,"),
        ] {
            let forged = table.replacing(old, with: new)
            #expect(forged != table)
            #expect(throws: Failure.self, "\(new)") { try Manifest(verifying: Array(forged.utf8), from: "it") }
        }
        #expect(throws: Failure.self, "a row less") {
            try Manifest(verifying: Array("\(lines[0])\r\n\(lines[2])\r\n".utf8), from: "it")
        }
    }
}
