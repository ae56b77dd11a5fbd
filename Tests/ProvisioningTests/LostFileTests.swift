import Foundation
import HostCrypto
import Keystore
import NodeProtocol
import Reporting
import Testing

@testable import Provisioning

/// Files of claim secrets that a full disk or a failed copy has emptied, or a crash cut short.
@Suite("Files of secrets that are not whole") struct LostFileTests {
    private func entry(_ serial: Int64) throws -> [UInt8] {
        let key = SigningKey.generate().publicKey
        let entry = Escrow.Entry(
            batch: "b", serial: serial, address: NodeAddress(of: key), claim: key, key: "00", sealed: "00", isTest: false)
        return Array(try JSONEncoder().encode(entry))
    }

    @Test("an escrow file of 0 bytes is told to be empty; a line behind one that was cut short is read")
    func escrow() throws {
        let folder = TemporaryHome(), file = try folder.home.file("escrow.jsonl")
        try file.write([])
        do {
            _ = try Escrow.entries(file)
            Issue.record("it was read")
        } catch let failure as Failure {
            #expect(failure.kind == .environment && failure.what.contains("is empty"), "\(failure)")
        }
        try file.append(line: try entry(1))
        try file.write(try file.read() + Array(try entry(2).prefix(20)))
        try file.append(line: try entry(3))
        #expect(try Escrow.entries(file).map(\.serial) == [1, 3])
    }

    @Test("a claim secret of 0 bytes is damaged, not one that is not there")
    func vault() throws {
        let folder = TemporaryHome(), vault = ClaimVault(home: try folder.home)
        let drawn = try vault.draw(), claim = drawn.key.publicKey
        #expect(try vault.key(claim) == nil)
        try vault.keep(drawn)
        #expect(try vault.key(claim)?.publicKey == claim)
        try folder.home.file("pending-\(claim).key").write([])
        #expect(throws: Failure.self) { try vault.key(claim) }
        #expect(vault.claims() == [claim])
    }
}
