// The factory station's key: its manifests are signed with it.
import HostCrypto
import Reporting

/// File format: the 32-byte seed, raw, mode 0600.
public enum StationKey {
    /// The key in `file`, made if there is none.
    /// - Throws: `Failure` when the file cannot be read or written, others can read it, or it is no key.
    public static func open(_ file: PrivateFile) throws -> SigningKey {
        guard file.exists else {
            let key = SigningKey.generate()
            var seed = key.seed.withUnsafeBytes { Array($0) }
            defer { wipe(&seed) }
            do { try file.write(seed, replacing: false) } catch {
                // Another station of this home was faster.
                guard file.exists else { throw error }
                return try open(file)
            }
            return key
        }
        var seed = try file.read()
        defer { wipe(&seed) }
        guard let key = SigningKey(seed: SecretBytes(seed)) else {
            throw Failure(.environment, "\(file.path) is no station key", about: "\(file.path)", advice: "Restore it from a copy")
        }
        return key
    }
}
