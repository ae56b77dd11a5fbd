// Claim secrets between the moment they are made and the moment their label is out.
import Foundation
import HostCrypto
import Keystore
import Reporting

/// One file `pending-CLAIM.key` (32 bytes, mode 0600) a secret, on the disk before any node gets the public half.
struct ClaimVault {
    let home: Home

    private func file(_ claim: PublicKey) -> PrivateFile { home.file("pending-\(claim).key") }

    /// A new claim key whose secret is on the disk, but not yet in the vault: it goes with the object unless it is kept.
    struct Drawn: Sendable {
        let key: SigningKey
        fileprivate let draft: PrivateFile.Draft
    }

    /// Draws a claim key. Synchronises a file, so it is best done while a node is waited for.
    func draw() throws -> Drawn {
        let key = SigningKey.generate()
        var seed = key.seed.withUnsafeBytes { Array($0) }
        defer { wipe(&seed) }
        return Drawn(key: key, draft: try file(key.publicKey).draft(seed))
    }

    func keep(_ drawn: Drawn) throws { try drawn.draft.commit(replacing: false) }

    /// The secret of `claim`, if it is here.
    func key(_ claim: PublicKey) throws -> SigningKey? {
        guard file(claim).exists else { return nil }
        var seed = try file(claim).read()
        defer { wipe(&seed) }
        guard let key = SigningKey(seed: SecretBytes(seed)), key.publicKey == claim else {
            throw Failure(
                .environment, "\(file(claim).path) is damaged",
                advice: "Move it away: the node that it was for needs a full erase of its chip")
        }
        return key
    }

    /// Overwrites and removes it. Flash disks may keep an old copy of a block; those of a station should be encrypted.
    func forget(_ claim: PublicKey) throws {
        let path = file(claim).path
        let descriptor = open(path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW)
        if descriptor >= 0 {
            let zeros = [UInt8](repeating: 0, count: SigningKey.seedSize)
            _ = write(descriptor, zeros, zeros.count)
            fsync(descriptor)
            close(descriptor)
        }
        // The folder is not synchronised: should the name come back after a crash, it names zeros, and `recover` removes it.
        if unlink(path) != 0 && errno != ENOENT { try file(claim).remove() }
    }

    /// Removes secrets that a killed station was about to keep: no node has got their public halves.
    func sweep() { Leftovers.remove(in: home.path) { $0.hasPrefix("pending-") || $0.hasPrefix("station.key.") } }

    /// The public halves of all secrets that are here.
    func claims() -> [PublicKey] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: home.path)) ?? []
        return names.compactMap { name in
            guard name.hasPrefix("pending-"), name.hasSuffix(".key") else { return nil }
            return [UInt8](hex: name.dropFirst("pending-".count).dropLast(".key".count)).flatMap { PublicKey($0) }
        }
    }
}
