// lightnode grant: lend the right to command some devices.
import ArgumentParser
import ControlNode
import Foundation
import HostCrypto
import Keystore
import NodeProtocol

struct GrantCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "grant",
        abstract: "Lend the right to command some devices of a node to the holder of a key; pass a grant on.",
        discussion: """
            EXAMPLE:
              lightnode grant HOLDERKEY --name anna --allow led --allow lock:open --for 3600 --uses 10 --file guest.grant
              lightnode grant give --help
              lightnode grant pass guest.grant OTHERKEY --uses 2

            The holder's key is what “lightnode keys show” prints there. A grant is of no use to anybody else. A node that is to
            mind time limits must know the time: “lightnode time”.
            """, subcommands: [GrantGive.self, GrantPass.self], defaultSubcommand: GrantGive.self)
}

/// The terms of a grant, alike for who gives and who passes on.
struct TermOptions: ParsableArguments {
    @Option(help: "A device of the node, or DEVICE:METHOD,METHOD. Up to four times.", completion: Completions.permissions)
    var allow: [String] = []

    @Option(
        name: .customLong("for"), help: "How long it lasts from its beginning: seconds, or 30min, 2h, 7d.",
        transform: { try Seconds.parse($0) })
    var duration: UInt64?

    @Option(help: "How long from now until it begins: seconds, or 30min, 2h, 7d.", transform: { try Seconds.parse($0) })
    var after: UInt64?

    @Option(help: "How often it may be used; a call that the node refuses is no use.")
    var uses: UInt16?

    @Option(help: "How often it may be passed on: 0, 1 or 2.")
    var hops: UInt8?

    /// What they say; the times are from now on.
    func terms(for holder: PublicKey) -> Grant.Terms {
        var terms = Grant.Terms(holder: holder, scope: allow.map { Grant.Permission(parsing: $0) })
        let begin = UInt64(Date().timeIntervalSince1970) + (after ?? 0)
        if after != nil { terms.notBefore = begin }
        terms.expires = duration.map { begin + $0 }
        (terms.uses, terms.hops) = (uses, hops)
        return terms
    }
}

/// A duration as people write it.
enum Seconds {
    private static let units: [(String, UInt64)] = [("min", 60), ("h", 3600), ("d", 86_400), ("s", 1)]

    static func parse(_ text: String) throws -> UInt64 {
        let (digits, unit) = (text.prefix { $0.isASCII && $0.isNumber }, text.drop { $0.isASCII && $0.isNumber })
        let factor = unit.isEmpty ? 1 : units.first { $0.0 == unit }?.1
        // A century is longer than any right is lent.
        guard let number = UInt64(digits), let factor, number <= 3_155_760_000 / factor else {
            throw ValidationError("“\(text)” is no time: seconds such as 3600, or 90s, 30min, 2h, 7d.")
        }
        return number * factor
    }
}

/// Where a grant goes.
struct GrantOutput: ParsableArguments {
    @Option(help: "Write the grant to a file.", completion: .file())
    var file: String?

    @OptionGroup var code: CodeOptions

    func deliver(_ grant: Grant, _ output: Output) throws {
        if let file { try PrivateFile(file).write(Array((grant.text + "\n").utf8), replacing: false) }
        try code.show(grant.text, output)
        output.show(Result(grant, file: file))
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

struct GrantPass: AsyncParsableCommand, JSONCapable {
    static let configuration = CommandConfiguration(
        commandName: "pass",
        abstract: "Pass a grant on, as its holder: all of it, or less.",
        discussion: """
            EXAMPLE:
              lightnode grant pass guest.grant OTHERKEY
              lightnode grant pass guest.grant OTHERKEY --allow lock:open --for 30min --uses 2 --qr

            It needs no node, and the owner need not be asked: the grant says how often it may be passed on. What is not given here is as in the
            grant; nothing can be more. Uses count for both. The owner's “revoke” of the first ends all that came from it.
            """)

    @Argument(help: "The grant, or the file that holds it; “-” reads it from standard input.", completion: .file())
    var grant: String

    @Argument(help: "The public key of the new holder.", transform: { try PublicKey(argument: $0) })
    var holder: PublicKey

    @OptionGroup var terms: TermOptions
    @OptionGroup var key: KeyOptions
    @OptionGroup var destination: GrantOutput
    @OptionGroup var output: Output

    func run() async throws {
        let grant = try Grant(argument: grant)
        let controller = try key.controller()
        try destination.deliver(try grant.passed(on: terms.terms(for: holder), by: controller.key.signing), output)
    }
}

extension Grant {
    /// The grant itself, or what the file of that name holds; “-” is standard input.
    init(argument text: String) throws { try self.init(parsing: try Carried.read(text, prefix: "LNGRANT", "grant")) }
}

struct GrantGive: OptionedCommand {
    static let configuration = CommandConfiguration(
        commandName: "give",
        abstract: "Lend the right to command some devices of a node to the holder of a key.",
        discussion: """
            EXAMPLE:
              lightnode grant HOLDERKEY --name anna --allow led --allow lock:open --for 2h --uses 10 --file guest.grant
              lightnode grant HOLDERKEY --allow led --meter 600x18 --qr
            """)

    @Argument(help: "The holder's public key.", transform: { try PublicKey(argument: $0) })
    var holder: PublicKey

    @Option(help: "What you call the holder: the history shows it.")
    var name: String?

    @OptionGroup var lent: TermOptions

    @Option(help: "Paid by the tick: SECONDSxNUMBER, such as 600x18. See “lightnode tick”.")
    var meter: String?

    @Option(help: "The contract it belongs to: HEIGHT:TRANSACTION, the latter 64 hexadecimal digits.")
    var contract: String?

    @OptionGroup var destination: GrantOutput
    @OptionGroup var options: ActingOptions

    func validate() throws {
        guard !lent.allow.isEmpty else { throw ValidationError("Say what is lent: --allow DEVICE, or --allow DEVICE:METHOD.") }
    }

    func run() async throws {
        let terms = try terms()
        try await options.withNode(as: try options.key.controller()) { node in
            // A device or method that the node has not would only be found by the guest.
            for permission in terms.scope { try await node.check(permission) }
            try destination.deliver(try await node.grant(terms, name: name), output)
        }
    }

    private func terms() throws -> Grant.Terms {
        var terms = lent.terms(for: holder)
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
}

extension Grant.Permission {
    /// `DEVICE` or `DEVICE:METHOD,METHOD`.
    init(parsing text: String) {
        let parts = text.split(separator: ":", maxSplits: 1).map(String.init)
        self.init(device: parts.first ?? "", methods: parts.count > 1 ? parts[1].split(separator: ",").map(String.init) : [])
    }
}
