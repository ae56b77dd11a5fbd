// What these tests share: vectors made by code that is not ours, and folders that go away.
import Foundation
import Testing
import WitnessPython

@testable import HostCrypto
@testable import NodeProtocol

/// Vectors written by Witness/vectors.py with pycose and cbor2.
struct Vectors: Decodable {
    let network: UInt64
    let identity, claimSeed, ownerSeed, recoverySeed, buyerSeed, address, label, bind, command, state, chainAfter: String
    let acceptance, transfer, attestedDigest, otherAuthorities, refusal: String
    let contradicting, otherIssuer, stranger, nonce, attestation, problem, status, strangeStatus, devices: String
    let receipts, hashes: [String]

    static let shared: Vectors = {
        let url = Bundle.module.url(forResource: "messages", withExtension: "json", subdirectory: "Vectors")!
        return try! JSONDecoder().decode(Vectors.self, from: Data(contentsOf: url))
    }()

    var identityKey: PublicKey { PublicKey([UInt8](hex: identity)!)! }
    var claim: SigningKey { SigningKey(seed: SecretBytes([UInt8](hex: claimSeed)!))! }
    var owner: SigningKey { SigningKey(seed: SecretBytes([UInt8](hex: ownerSeed)!))! }
    var recovery: SigningKey { SigningKey(seed: SecretBytes([UInt8](hex: recoverySeed)!))! }
    var buyer: SigningKey { SigningKey(seed: SecretBytes([UInt8](hex: buyerSeed)!))! }
    var node: NodeAddress { NodeAddress(of: identityKey) }
}

func bytes(_ hex: String) -> [UInt8] { [UInt8](hex: hex)! }

/// A private folder that is removed after `body`.
func withFolder<R>(_ body: (String) throws -> R) throws -> R {
    let path = FileManager.default.temporaryDirectory.path + "/lightnode-test-\(randomBytes(6).hex)"
    try FileManager.default.createDirectory(
        atPath: path, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    defer { try? FileManager.default.removeItem(atPath: path) }
    return try body(path)
}

/// What a program of the witness's Python prints.
func python(_ arguments: [String]) throws -> String {
    let program = try WitnessPython(arguments)
    let text = program.text()
    #expect(program.waitForExit() == 0)
    return text
}
