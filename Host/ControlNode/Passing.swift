// Passing a grant on (R12): what its holder may lend of it, checked before anything is signed.
import Foundation
import HostCrypto
import NodeProtocol
import Reporting

extension Grant {
    /// The grants that this one was passed on from, the owner's last.
    private var ancestors: [Grant] {
        guard let parent, let grant = try? Grant(bytes: parent, network: network) else { return [] }
        return [grant] + grant.ancestors.prefix(Self.hopsAtMost)
    }

    /// How often the owner's grant can be passed on at most.
    private static var hopsAtMost: Int { 2 }

    /// This grant, passed on by its holder. What `terms` leave open is as it is here, but for `hops`: it cannot be passed on again unless they say
    /// so. Needs no node: the one that it is for learns of it when it is used.
    /// - Parameter holder: the key that this grant names.
    /// - Throws: `Failure` of kind `usage` when the node would not take it, or it would give more than there is to give.
    public func passed(on terms: Grant.Terms, by holder: SigningKey) throws -> Grant {
        func wrong(_ what: String, _ advice: String) -> Failure { Failure(.usage, what, about: id.hex, advice: advice) }
        guard holder.publicKey == self.terms.holder else {
            throw Failure(
                .usage, "the grant is for the key \(self.terms.holder), not for this control node", about: id.hex,
                remedy: .nameKey)
        }
        guard ancestors.count < Self.hopsAtMost, let hops = self.terms.hops, hops > 0 else {
            throw wrong("the grant cannot be passed on", "Ask its giver for one with --hops 1")
        }
        var terms = terms
        if terms.scope.isEmpty { terms.scope = self.terms.scope }
        terms.expires = terms.expires ?? self.terms.expires
        terms.uses = terms.uses ?? self.terms.uses
        try terms.check()
        if let wanted = terms.hops, wanted >= hops {
            throw wrong("the grant can be passed on \(hops == 1 ? "once" : "twice") only", "Give --hops \(hops - 1) at most")
        }
        guard let expires = terms.expires else {
            throw wrong("a grant that is passed on must end, and this one does not", "Say when: --for SECONDS")
        }
        if let end = self.terms.expires, expires > end {
            throw wrong(
                "the grant itself ends at \(Date(timeIntervalSince1970: TimeInterval(end)).formatted(.iso8601)), before that",
                "Give a shorter --for")
        }
        if let uses = self.terms.uses, terms.uses ?? .max > uses {
            throw wrong("the grant has \(uses) uses in all", "Give fewer --uses")
        }
        for permission in terms.scope where !self.terms.scope.contains(where: { $0.covers(permission) }) {
            throw wrong(
                "the grant does not allow \(permission)",
                "Allow some of \(self.terms.scope.map(\.description).joined(separator: ", "))")
        }
        return passed(on: terms, holder: holder)
    }
}

extension Grant.Permission {
    /// Whether all that `other` allows is allowed here.
    func covers(_ other: Grant.Permission) -> Bool {
        device == other.device && (methods.isEmpty || !other.methods.isEmpty && other.methods.allSatisfy { methods.contains($0) })
    }
}

extension Grant.Permission: CustomStringConvertible {
    /// As `--allow` takes it: `led`, or `lock:open,close`.
    public var description: String { methods.isEmpty ? device : "\(device):\(methods.joined(separator: ","))" }
}
