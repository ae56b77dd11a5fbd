// The grants that this control node has given: what it must know to list them, to take payments, to take them back.
import Foundation
import HostCrypto
import NodeProtocol
import Reporting

/// One grant given.
public struct GivenGrant: Hashable, Codable, Sendable {
    /// `Grant.id`, hexadecimal: what `revoke` and `tick` take.
    public let id: String
    /// The node that takes it.
    public let node: NodeAddress
    /// The ownership that it was given in; it is worth nothing in another.
    public let epoch: UInt32
    /// The key that may use it, and pass it on if its terms allow that.
    public let holder: PublicKey
    /// `Grant.text`.
    public let text: String
    /// When it was given, by this computer's clock.
    public let givenAt: Date
    /// Set once the node has signed for its revocation; until then the node honours it.
    public var isRevoked = false
    /// Ticks paid so far.
    public var paid: UInt16 = 0
    /// What its giver calls the holder.
    public var name: String?

    /// Reads all from `grant`; not revoked, nothing paid.
    /// - Parameters:
    ///   - name: what its giver calls the holder.
    ///   - givenAt: kept with seconds, no fractions.
    public init(_ grant: Grant, name: String? = nil, givenAt: Date = Date()) {
        self.name = name
        id = grant.id.hex
        (node, epoch, holder, text) = (grant.node, grant.epoch, grant.terms.holder, grant.text)
        self.givenAt = givenAt
    }

    /// `text` read again; nil when it cannot be read.
    public var grant: Grant? { try? Grant(parsing: text) }
}

extension GivenGrant {
    private enum CodingKeys: String, CodingKey { case id, node, epoch, holder, text, givenAt, isRevoked, paid, name }
    /// What `node` was called in files written before a node and its devices were told apart.
    private enum FormerKeys: String, CodingKey { case device }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        node =
            try container.decodeIfPresent(NodeAddress.self, forKey: .node)
            ?? decoder.container(keyedBy: FormerKeys.self).decode(NodeAddress.self, forKey: .device)
        id = try container.decode(String.self, forKey: .id)
        epoch = try container.decode(UInt32.self, forKey: .epoch)
        holder = try container.decode(PublicKey.self, forKey: .holder)
        text = try container.decode(String.self, forKey: .text)
        givenAt = try container.decode(Date.self, forKey: .givenAt)
        isRevoked = try container.decode(Bool.self, forKey: .isRevoked)
        paid = try container.decode(UInt16.self, forKey: .paid)
        name = try container.decodeIfPresent(String.self, forKey: .name)
    }
}

extension GivenGrant: CustomStringConvertible {
    public var description: String {
        var parts = [id, "to \(name.map { "“\($0)”, " } ?? "")\(holder.description.prefix(16))…", "on \(node) (epoch \(epoch))"]
        if let terms = grant?.terms {
            parts.append(
                terms.scope.map { $0.methods.isEmpty ? $0.device : "\($0.device).\($0.methods.joined(separator: "/"))" }.joined(
                    separator: ", "))
            if let uses = terms.uses { parts.append("\(uses) uses") }
            if let expires = terms.expires {
                parts.append("until \(Date(timeIntervalSince1970: TimeInterval(expires)).ISO8601Format())")
            }
            if let meter = terms.meter { parts.append("\(paid) of \(meter.ticks) ticks of \(meter.tick) s paid") }
        }
        if isRevoked { parts.append("REVOKED") }
        return parts.joined(separator: "  ")
    }
}

/// The file of grants given: JSON, replaced as a whole under a lock. Format: `{"format": "lightnode-grants", "version": 1, "grants": [GivenGrant]}`.
public struct GrantBook: Sendable {
    let file: PrivateFile

    /// Opens nothing: the file is made by the first change.
    public init(_ file: PrivateFile) { self.file = file }

    private var records: RecordFile<Contents> { RecordFile(file: file) }

    private struct Contents: RecordFileContents {
        static let format = "lightnode-grants", what = "grants"
        var format: String = Contents.format
        var version = 1
        var grants: [GivenGrant] = []
    }

    /// All that were given, in that order, those revoked or expired too.
    /// - Throws: `Failure` when the file is there and cannot be read, is none of grants, or has another version.
    public func grants() throws -> [GivenGrant] { try records.contents().grants }

    /// Adds `grant` behind the others, also when one of its id is there. On the disk when it returns.
    /// - Throws: `Failure`; the file is then as it was.
    public func record(_ grant: GivenGrant) throws { try change { $0.append(grant) } }

    /// Changes what is known of one grant; nothing if it is unknown.
    /// - Throws: `Failure`; the file is then as it was.
    public func update(_ id: [UInt8], _ body: (inout GivenGrant) -> Void) throws {
        try change { grants in
            if let index = grants.firstIndex(where: { $0.id == id.hex }) { body(&grants[index]) }
        }
    }

    private func change(_ body: (inout [GivenGrant]) -> Void) throws { try records.change { body(&$0.grants) } }
}
