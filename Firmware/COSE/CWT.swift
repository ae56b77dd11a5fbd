// Claim keys of CBOR Web Tokens.

/// CWT claim keys (RFC 8392 section 4, RFC 8747 section 3.1; the IANA registry "CBOR Web Token Claims").
public enum CWT {
    /// iss: text; in receipts the device's address.
    public static let issuer: Int32 = 1
    /// sub: text.
    public static let subject: Int32 = 2
    /// aud: text; the address of the device.
    public static let audience: Int32 = 3
    /// exp: seconds since 1970.
    public static let expiration: Int32 = 4
    /// nbf: seconds since 1970.
    public static let notBefore: Int32 = 5
    /// iat: seconds since 1970.
    public static let issuedAt: Int32 = 6
    /// cti: bytes.
    public static let identifier: Int32 = 7
    /// cnf: a map; `confirmationKey` in it holds a COSE_Key.
    public static let confirmation: Int32 = 8
    /// scope (RFC 9200): text or bytes.
    public static let scope: Int32 = 9

    /// COSE_Key, in the cnf map (RFC 8747 section 3.1).
    public static let confirmationKey: Int32 = 1
}
