// lightnode grant: lend the right to command some devices.
import ArgumentParser
import ControlNode
import Foundation
import HostCrypto
import Keystore
import NodeProtocol

struct GrantCommand: OptionedCommand {
    static let configuration = CommandConfiguration(
        commandName: "grant",
        abstract: "Lend the right to command some devices of a node to the holder of a key.",
        discussion: """
            EXAMPLE:
              lightnode grant HOLDERKEY --allow led --allow lock:open --for 3600 --uses 10 --file guest.grant
              lightnode grant HOLDERKEY --allow charger --meter 600x18

            The holder's key is what “lightnode keys show” prints there. A grant is of no use to anybody else. A node that is to
            mind time limits must know the time: “lightnode time”.
            """)

    @Argument(help: "The holder's public key.", transform: { try PublicKey(argument: $0) })
    var holder: PublicKey

    @Option(help: "A device of the node, or DEVICE:METHOD,METHOD. Up to four times.")
    var allow: [String]

    @Option(name: .customLong("for"), help: "Seconds from the beginning until it ends.")
    var duration: UInt64?

    @Option(help: "Seconds from now until it begins.")
    var after: UInt64?

    @Option(help: "How often it may be used.")
    var uses: UInt16?

    @Option(help: "How often it may be passed on: 0, 1 or 2.")
    var hops: UInt8?

    @Option(help: "Paid by the tick: SECONDSxNUMBER, such as 600x18. See “lightnode tick”.")
    var meter: String?

    @Option(help: "The contract it belongs to: HEIGHT:TRANSACTION, the latter 64 hexadecimal digits.")
    var contract: String?

    @Option(help: "Write the grant to a file.", completion: .file())
    var file: String?

    @OptionGroup var options: ActingOptions

    func run() async throws {
        let terms = try terms()
        try await options.withNode(as: try options.key.controller()) { node in
            let grant = try await node.grant(terms)
            if let file { try PrivateFile(file).write(Array((grant.text + "\n").utf8), replacing: false) }
            output.show(Result(grant, file: file))
        }
    }

    private func terms() throws -> Grant.Terms {
        var terms = Grant.Terms(holder: holder, scope: allow.map { Grant.Permission(parsing: $0) })
        let begin = UInt64(Date().timeIntervalSince1970) + (after ?? 0)
        if after != nil { terms.notBefore = begin }
        terms.expires = duration.map { begin + $0 }
        (terms.uses, terms.hops) = (uses, hops)
        if let meter {
            let parts = meter.split(separator: "x")
            guard parts.count == 2, let tick = UInt32(parts[0]), let ticks = UInt16(parts[1]) else {
                throw ValidationError("--meter takes SECONDSxNUMBER, such as 600x18.")
            }
            terms.meter = .init(tick: tick, ticks: ticks)
        }
        if let contract {
            let parts = contract.split(separator: ":")
            guard parts.count == 2, let height = UInt64(parts[0]), height < 1 << 40, let hash = [UInt8](hex: String(parts[1])),
                hash.count == 32
            else { throw ValidationError("--contract takes HEIGHT:TRANSACTION.") }
            terms.contract = .init(height: height, transaction: hash)
        }
        try terms.check()
        return terms
    }

    struct Result: Encodable, CustomStringConvertible {
        let id, grant: String
        let node: NodeAddress
        let holder: PublicKey
        let bytes: Int
        let file: String?

        init(_ grant: Grant, file: String?) {
            (id, node, holder, bytes) = (grant.id.hex, grant.node, grant.terms.holder, grant.bytes.count)
            (self.grant, self.file) = (grant.text, file)
        }

        var description: String { file.map { "grant \(id) for \(node) written to \($0)" } ?? grant }
    }
}

extension Grant.Permission {
    /// `DEVICE` or `DEVICE:METHOD,METHOD`.
    init(parsing text: String) {
        let parts = text.split(separator: ":", maxSplits: 1).map(String.init)
        self.init(device: parts.first ?? "", methods: parts.count > 1 ? parts[1].split(separator: ",").map(String.init) : [])
    }
}
