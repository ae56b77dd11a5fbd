// Sets of claims, as bits: the rows are those of Keys.swift.

/// A set of claims: key n is bit n.
public struct ClaimSet<Bits: FixedWidthInteger & Sendable>: OptionSet, Sendable {
    /// The bits.
    public var rawValue: Bits
    /// A set of the claims whose bits are set.
    @inlinable public init(rawValue: Bits) { self.rawValue = rawValue }
    /// The set of one claim.
    /// - Parameter key: from 0 on, less than the width of `Bits`.
    @inlinable public init(_ key: Int32) { self.init(rawValue: 1 << Bits(truncatingIfNeeded: key)) }
    /// True if the claim with that key is among them.
    @inlinable public func contains(_ key: Int32) -> Bool { rawValue & Self(key).rawValue != 0 }
}

/// Claims that CWT names, by `CWTKey`.
public typealias CWTClaims = ClaimSet<UInt16>
/// Claims of the private claim's map, by `NodeKey`.
public typealias NodeClaims = ClaimSet<UInt64>

/// Which claims a message type must and may carry. Anything else in a message makes it malformed.
public struct ClaimShape {
    /// The CWT claims that it must carry.
    public let cwt: CWTClaims
    /// The CWT claims that it may carry.
    public let cwtOptional: CWTClaims
    /// The keys of the private claim that it must carry.
    public let node: NodeClaims
    /// The keys of the private claim that it may carry.
    public let nodeOptional: NodeClaims

    @inlinable init(cwt: UInt16, cwtOptional: UInt16 = 0, node: UInt64, nodeOptional: UInt64 = 0) {
        (self.cwt, self.cwtOptional) = (CWTClaims(rawValue: cwt), CWTClaims(rawValue: cwtOptional))
        (self.node, self.nodeOptional) = (NodeClaims(rawValue: node), NodeClaims(rawValue: nodeOptional))
    }
}
