import NodeProtocol
import Reporting
import Testing

@Suite("Labels and addresses")
struct LabelTests {
    let vectors = Vectors.shared

    // R1
    @Test("An address is what an independent bech32m makes of the identity key")
    func address() throws {
        #expect(vectors.node.description == vectors.address)
        #expect(try NodeAddress(parsing: vectors.address.uppercased()) == vectors.node)
    }

    // R2
    @Test("A label is what an independent bech32m makes of address and claim key, and is read back")
    func label() throws {
        #expect(ClaimLabel(address: vectors.node, claimKey: vectors.claim).text == vectors.label)
        for text in [
            vectors.label, vectors.label.lowercased(), " \(vectors.label)\n", "\u{FEFF}\(vectors.label)\r\n",
            "]Q1\(vectors.label)",
            "\u{FEFF}]d2\(vectors.label.lowercased())",
        ] {
            let label = try ClaimLabel(parsing: text)
            #expect(label.address == vectors.node)
            #expect(label.claimKey.publicKey == vectors.claim.publicKey)
        }
    }

    @Test("A label has only characters of QR's alphanumeric mode")
    func alphanumeric() {
        let allowed = Set("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:")
        #expect(vectors.label.allSatisfy { allowed.contains($0) })
    }

    @Test("One wrong character anywhere is found, and the message says in which part")
    func oneWrongCharacter() throws {
        let characters = Array(vectors.label)
        let addressPart = 4..<4 + vectors.address.count
        for index in characters.indices {
            for wrong in "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ:" where wrong != characters[index] {
                var changed = characters
                changed[index] = wrong
                do {
                    _ = try ClaimLabel(parsing: String(changed))
                    Issue.record("\(String(changed)) was taken")
                } catch let failure as Failure {
                    #expect(failure.kind == .usage)
                    if wrong != ":" && characters[index] != ":" && index >= 4 {
                        let part = addressPart.contains(index) ? "address part" : "claim part"
                        #expect(failure.what.contains(part), "\(index) \(wrong): \(failure.what)")
                    }
                }
            }
        }
    }

    @Test("A label cut short is refused at every length")
    func truncated() {
        for count in 0..<vectors.label.count {
            #expect(throws: Failure.self) { try ClaimLabel(parsing: String(vectors.label.prefix(count))) }
        }
    }
}
