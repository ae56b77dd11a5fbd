import CSodium
import Foundation
import HostCrypto
import Keystore
import Reporting
import Testing

@Suite("Keys and the files they live in")
struct KeyTests {
    @Test("A signature of a key verifies with libsodium, and no longer after any bit is flipped")
    func signs() {
        let key = SigningKey.generate()
        let message = Array("open the door".utf8)
        var signature = key.sign(message)
        #expect(crypto_sign_verify_detached(signature, message, UInt64(message.count), key.publicKey.bytes) == 0)
        for bit in 0..<512 {
            signature[bit / 8] ^= 1 << UInt8(bit % 8)
            #expect(!key.publicKey.verifies(signature, of: message))
            signature[bit / 8] ^= 1 << UInt8(bit % 8)
        }
    }

    @Test("RFC 8032's first test vector")
    func rfc8032() throws {
        let key = try #require(
            SigningKey(seed: SecretBytes(bytes("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"))))
        #expect(key.publicKey.description == "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")
        #expect(
            key.sign([]).hex
                == "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155"
                + "5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b")
    }

    /// A new key in a file of a folder of its own.
    private func withKeyFile(_ body: (_ folder: String, PrivateFile, ControllerKey) throws -> Void) throws {
        try withFolder { folder throws in
            let file = PrivateFile(folder + "/key"), key = ControllerKey.generate()
            try key.save(to: file)
            try body(folder, file, key)
        }
    }

    @Test("A key file is readable by its owner alone and gives the key back")
    func plainFile() throws {
        try withKeyFile { folder, file, key throws in
            let mode = try FileManager.default.attributesOfItem(atPath: file.path)[.posixPermissions] as? Int
            #expect(mode == 0o600)
            #expect(try ControllerKey.load(from: file, passphrase: { nil }).publicKey == key.publicKey)
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == ["key"])
        }
    }

    @Test("A key file that others may read is refused", arguments: [0o640, 0o604, 0o660, 0o610])
    func openToOthers(_ mode: Int) throws {
        try withFolder { folder throws in
            let file = PrivateFile(folder + "/key")
            try ControllerKey.generate().save(to: file)
            try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: file.path)
            #expect { try ControllerKey.load(from: file, passphrase: { nil }) } throws: {
                ($0 as? Failure)?.advice.contains("chmod 600") == true
            }
        }
    }

    @Test("A key file is never replaced, and a link to one is not followed")
    func neverReplaced() throws {
        try withKeyFile { folder, file, key throws in
            #expect(throws: Failure.self) { try ControllerKey.generate().save(to: file) }
            #expect(try ControllerKey.load(from: file, passphrase: { nil }).publicKey == key.publicKey)
            try FileManager.default.createSymbolicLink(atPath: folder + "/link", withDestinationPath: file.path)
            #expect(throws: Failure.self) { try ControllerKey.load(from: PrivateFile(folder + "/link"), passphrase: { nil }) }
        }
    }

    @Test("A sealed key opens with its passphrase only, and its seed is not in the file")
    func sealed() throws {
        try withFolder { folder throws in
            let file = PrivateFile(folder + "/key")
            let key = ControllerKey.generate()
            try key.save(to: file, passphrase: "correct horse", effort: .interactive)
            #expect(try ControllerKey.isSealed(file))
            let text = String(decoding: try file.read(), as: UTF8.self)
            #expect(!text.contains(key.signing.seed.withUnsafeBytes { $0.hex }))
            #expect(try ControllerKey.load(from: file, passphrase: { "correct horse" }).publicKey == key.publicKey)
            for wrong in ["Correct horse", "", "correct horse "] {
                #expect(throws: Failure.self) { try ControllerKey.load(from: file, passphrase: { wrong }) }
            }
            #expect(throws: Failure.self) { try ControllerKey.load(from: file, passphrase: { nil }) }
        }
    }

    @Test("A sealed secret is what libsodium's own functions open")
    func sealedByLibsodium() throws {
        let secret = SecretBytes(Array(0..<32))
        let sealed = try SealedSecret(secret, passphrase: "p", effort: .interactive)
        var key = [UInt8](repeating: 0, count: 32)
        #expect(
            crypto_pwhash(&key, 32, "p", 1, sealed.salt, sealed.operations, Int(sealed.memory), crypto_pwhash_ALG_ARGON2ID13) == 0
        )
        var plain = [UInt8](repeating: 0, count: 32)
        #expect(crypto_secretbox_open_easy(&plain, sealed.sealed, UInt64(sealed.sealed.count), sealed.nonce, key) == 0)
        #expect(plain == Array(0..<32))
    }

    @Test("A damaged key file is refused, whatever is cut off or changed")
    func damaged() throws {
        try withFolder { folder throws in
            let file = PrivateFile(folder + "/key")
            try ControllerKey.generate().save(to: file)
            let contents = try file.read()
            for count in stride(from: 0, to: contents.count - 2, by: 3) {
                try file.write(Array(contents.prefix(count)))
                #expect(throws: Failure.self) { try ControllerKey.load(from: file, passphrase: { nil }) }
            }
            let other = String(decoding: contents, as: UTF8.self).replacingOccurrences(
                of: "\"seed\" : \"", with: "\"seed\" : \"0000")
            try file.write(Array(other.utf8))
            #expect(throws: Failure.self) { try ControllerKey.load(from: file, passphrase: { nil }) }
        }
    }

    @Test("The home folder is closed to others, and refused if a key was in it while it was open")
    func home() throws {
        try withFolder { folder throws in
            #expect(try Home(folder + "/new/deep").path == folder + "/new/deep")
            // Without a key there is nothing to have been read: the folder is closed and taken.
            try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: folder)
            let home = try Home(folder)
            #expect(try FileManager.default.attributesOfItem(atPath: folder)[.posixPermissions] as? Int == 0o700)
            try ControllerKey.generate().save(to: home.controllerKey)
            try FileManager.default.setAttributes([.posixPermissions: 0o750], ofItemAtPath: folder)
            #expect(throws: Failure.self) { try Home(folder) }
        }
        try withFolder { folder throws in
            #expect(try Home.standard(environment: ["LIGHTNODE_HOME": folder, "HOME": "/nowhere"]).path == folder)
            #expect(try Home.standard(environment: ["XDG_CONFIG_HOME": folder]).path == folder + "/lightnode")
            #expect(try Home.standard(environment: ["HOME": folder]).path == folder + "/.config/lightnode")
            #expect(throws: Failure.self) { try Home.standard(environment: [:]) }
        }
    }
}
