// The label on the box (R1, R2): the node's address and the secret that lets its buyer claim it.
import Bech32
import HostCrypto
import Reporting

/// `LN1:` address `:` claim, upper case, so that a QR code stays in its alphanumeric mode (docs/protocol.md, "Keys").
///
/// `claim` is bech32m with prefix `claim` over the 32-byte seed of the claim key. Each part has a checksum of its own, so one wrong
/// character is found wherever it is.
public struct ClaimLabel: Sendable {
    /// The node that the label belongs to.
    public let address: NodeAddress
    /// Signs one message, `bind`. Forget it afterwards.
    public let claimKey: SigningKey

    static let version = "LN1"

    /// Does not check that the node has this claim key: only the factory's records know.
    public init(address: NodeAddress, claimKey: SigningKey) {
        self.address = address
        self.claimKey = claimKey
    }

    /// Reads the text of a label, in upper or lower case, as scanners and editors hand it on: white space anywhere, a byte order mark or an AIM
    /// symbology identifier (ISO/IEC 15424: `]Q1` and the like) before it.
    /// - Throws: `Failure` of kind `usage` that says which part is wrong.
    public init(parsing text: String) throws {
        var text = text.filter { !$0.isWhitespace && $0 != "\u{FEFF}" }
        if text.hasPrefix("]"), text.dropFirst(3).uppercased().hasPrefix(Self.version) { text.removeFirst(3) }
        let parts = text.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 3 else {
            throw Failure(
                .usage, "this is no label: it has \(parts.count) part\(parts.count == 1 ? "" : "s") between colons instead of 3",
                advice: "Scan the whole code; its text looks like LN1:NODE1…:CLAIM1…")
        }
        guard parts[0].uppercased() == Self.version else {
            throw Failure(
                .usage, "this is no label: it begins with “\(parts[0])” instead of “\(Self.version)”",
                advice: "Scan the whole code again; a newer label needs a newer lightnode")
        }
        let advice = "Scan the code again, or compare this part with the label character by character"
        do { address = try NodeAddress(parsing: parts[1]) } catch {
            throw Failure(.usage, "the label's address part is wrong: \(Self.reason(parts[1]))", advice: advice)
        }
        do {
            var seed = try Bech32.decode(prefix: "claim", parts[2])
            defer { wipe(&seed) }
            guard let key = SigningKey(seed: SecretBytes(seed)) else {
                throw Failure(.usage, "the label's claim part holds \(seed.count) bytes instead of 32", advice: advice)
            }
            claimKey = key
        } catch let error as Bech32Error {
            throw Failure(.usage, "the label's claim part is wrong: \(error)", advice: advice)
        }
    }

    private static func reason(_ part: String) -> String {
        do {
            return "it holds \(try Bech32.decode(prefix: "node", part).count) bytes instead of \(NodeAddress.size)"
        } catch { return "\(error)" }
    }

    /// The text in the QR code. It contains the secret.
    public var text: String {
        var seed = claimKey.seed.withUnsafeBytes { Array($0) }
        defer { wipe(&seed) }
        guard let claim = try? Bech32.encode(prefix: "claim", seed, uppercase: true) else {
            preconditionFailure("32 bytes fit bech32m's 90 characters")
        }
        return "\(Self.version):\(address.description.uppercased()):\(claim)"
    }
}
