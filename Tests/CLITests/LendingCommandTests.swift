// The subcommands of owners and renters, against the executor itself on a serial line.
import Foundation
import HostedNode
import Testing

@Suite("The command line of owners and renters", .serialized)
struct LendingCommandTests {
    private let program = CommandLineTests()

    @Test("Grant, send under it, pay, revoke, export, transfer, recover, release: each exits as it should")
    func lending() throws {
        try program.withHome { home throws in
            let line = ChainTests.Line(HostedNode())
            let node = ["--node", "serial:\(line.path)"]
            func run(_ arguments: [String]) throws -> CommandLineTests.Result {
                try program.run(arguments + node, home: home, input: "")
            }
            func key(_ name: String) throws -> String {
                let made = try program.run(["keys", "new", "--key", home + "/\(name).key", "--json"], home: home)
                return try #require(try json(made.output)["publicKey"] as? String)
            }
            let (guest, recovery) = (try key("guest"), try key("recovery"))
            let asGuest = ["--key", home + "/guest.key"]
            let label = try #require(try json(try run(["provision", "--json"]).output)["label"] as? String)
            let bound = try run(["bind", label, "--recovery", recovery])
            #expect(bound.status == 0, "\(bound.error)")
            #expect(try run(["time"]).status == 0)

            let file = home + "/guest.grant"
            let given = try run(["grant", guest, "--allow", "led:on", "--for", "3600", "--uses", "2", "--file", file, "--json"])
            #expect(given.status == 0, "\(given.error)")
            let id = try #require(try json(given.output)["id"] as? String)
            #expect(try run(["grant", guest, "--allow", "led", "--hops", "3"]).status == 64)
            #expect(try run(["grant", "nonsense", "--allow", "led"]).status == 64)
            let sent = try run(["send", "$('led').on()", "--grant", file, "--json"] + asGuest)
            #expect(sent.status == 0, "\(sent.error)")
            #expect(try json(sent.output)["grant"] as? String == id)
            #expect(line.hosted.isHigh("led"))
            #expect(try run(["send", "$('led').off()", "--grant", file] + asGuest).status == 2)
            #expect(try run(["send", "$('led').on()", "--grant", file]).status == 64)
            #expect(try run(["revoke", id]).status == 0)
            let revoked = try run(["send", "$('led').on()", "--grant", file, "--json"] + asGuest)
            #expect(revoked.status == 2)
            #expect(try json(revoked.error)["reason"] as? String == "grant-revoked")
            let list = try program.run(["grants", "--json"], home: home)
            #expect(list.status == 0 && list.output.contains("\"isRevoked\" : true"))

            let metered = try run(["grant", guest, "--allow", "led", "--meter", "600x3", "--json"])
            let meteredID = try #require(try json(metered.output)["id"] as? String)
            let text = try #require(try json(metered.output)["grant"] as? String)
            #expect(try run(["send", "$('led').on()", "--grant", text] + asGuest).status == 2)
            #expect(try run(["tick", meteredID, "1"]).status == 0)
            #expect(try run(["send", "$('led').on()", "--grant", text] + asGuest).status == 0)

            let export = try run(["history", "export", home + "/log.cborseq", "--json"])
            #expect(export.status == 0, "\(export.error)")
            #expect(try json(export.output)["receipts"] as? Int == 11)
            #expect(try run(["history", "export", home + "/log.cborseq"]).status == 4)
            #expect(try run(["history", "--from", "5"]).status == 0)

            #expect(try run(["backups", "\(guest)=3600"]).status == 0)
            #expect(try run(["backups"]).status == 64)
            let early = try run(["takeover", "--json"] + asGuest)
            #expect(early.status == 1)
            #expect(try json(early.error)["reason"] as? String == "owner-alive")
            let verified = try run(["status", "--verify"])
            #expect(verified.status == 0 && verified.output.contains("recovery   \(recovery)"), "\(verified.output)")
            #expect(
                verified.output.contains("backup 1   \(guest), after 3600 s") && verified.output.contains("this control node"))
            let signed = try json(try run(["status", "--verify", "--json"]).output)["verified"] as? [String: Any]
            #expect((signed?["authorities"] as? [String: Any])?["recovery"] as? String == recovery)
            #expect(try run(["reset-button", "--forbid"]).status == 1)
            #expect(try run(["reset-button", "--allow"]).status == 0)
            #expect(try run(["reset-button"]).status == 64)
            let accepted = try run(["transfer", "--accept", "--json"] + asGuest)
            let acceptance = try #require(try json(accepted.output)["acceptance"] as? String)
            #expect(try run(["transfer", "--finish"] + asGuest).status == 5)
            let bare = try run(["transfer", acceptance, "--json"])
            #expect(bare.status == 1)
            #expect(try json(bare.error)["reason"] as? String == "consent-required")
            #expect(try run(["transfer", acceptance, "--recovery-key", home + "/recovery.key"]).status == 0)
            #expect(try run(["transfer", "--finish"] + asGuest).status == 0)
            #expect(try run(["recover", home + "/recovery.key"]).status == 1)
            #expect(try run(["release"] + asGuest).status == 0)
            let again = try run(["bind", label, "--recovery", recovery])
            #expect(again.status == 0, "\(again.error)")
            _ = try key("next")
            #expect(try run(["rotate", home + "/next.key"]).status == 0)
            #expect(try run(["send", "$('led').on()"]).status == 64)
            #expect(try run(["send", "$('led').on()", "--key", home + "/next.key"]).status == 0)
            #expect(try run(["recover", home + "/recovery.key"]).status == 0)
            #expect(try run(["send", "$('led').off()"]).status == 0)
        }
    }
}
