// What must hold for any bytes whatever that the computer's side reads: files, texts, and what a node signs. Each reader accepts or throws.
import BoardFacts
import CBOR
import FirmwareBuild
import Foundation
import FuzzProperties
import HostCrypto
import Image
import Reporting

@testable import Flashing
@testable import NodeProtocol

/// The readers of the host, by the names of their corpus folders.
public let hostProperties = [
    reader("hex", checkHex),
    reader("elf", checkELF),
    reader("image", checkImage),
    reader("formats", checkFormats),
    reader("dfuse", checkDfuSe),
    reader("text", checkText),
    reader("signed", checkSigned),
    reader("unsigned", checkUnsigned),
    reader("manifest", checkManifest),
    reader("board", checkBoard),
    reader("openocd", checkOpenOCD),
    reader("drive", checkDrive),
    reader("frames", checkFrames),
    reader("client", checkClient),
    reader("keys", checkKeys),
    reader("books", checkBooks),
    reader("log", checkLog),
    reader("factory", checkFactory),
    reader("flash", checkFlash),
    reader("descriptors", checkDescriptors),
    reader("usbredir", checkRedirection),
]

/// A reader may refuse what it is given, by any error.
private func reader(_ name: String, _ read: @escaping @Sendable ([UInt8]) throws -> Void) -> FuzzProperty {
    FuzzProperty(name: name, isSlow: true) { input in
        do { try read(input) } catch let violation as Violation { throw violation } catch {}
    }
}

/// What a property uses over and over.
enum Bench {
    static func key(_ number: UInt8) -> SigningKey { SigningKey(seed: SecretBytes([UInt8](repeating: number, count: 32)))! }
    static let identity = key(1)
    static let owner = key(3)
    static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()
        .deletingLastPathComponent()
    static let boards = (try? BoardCatalogue(root: root).boards()) ?? []

    /// A file of `bytes`, which the next one overwrites.
    static func file(_ bytes: [UInt8], _ name: String = "") throws -> URL {
        URL(fileURLWithPath: try Folder.file("input\(name)", bytes).path)
    }
}

// MARK: Images

/// What is read is written again to a text that reads the same. Inputs that begin with a zero byte are records to which the target gives length,
/// checksum and the end.
@Sendable private func checkHex(_ input: [UInt8]) throws {
    var text = String(decoding: input, as: UTF8.self)
    if input.first == 0 {
        text =
            input.dropFirst().split(separator: 0x0a).filter { $0.count >= 3 && $0.count < 259 }.map { record in
                let bytes = [UInt8(record.count - 3)] + record
                return ":" + (bytes + [0 &- bytes.reduce(0, &+)]).map { String(format: "%02X", $0) }.joined()
            }.joined(separator: "\n") + "\n:00000001FF\n"
    }
    let segments = try IntelHex.parse(text, file: "fuzzed")
    for (former, next) in zip(segments, segments.dropFirst()) where former.range.upperBound >= next.address {
        throw Violation("segments that are not in order", input)
    }
    if segments.reduce(0, { $0 + $1.bytes.count }) > text.utf8.count / 2 {
        throw Violation("more bytes than the text has", input)
    }
    if try IntelHex.parse(IntelHex.text(segments), file: "again") != segments { throw Violation("came back otherwise", input) }
}

@Sendable private func checkELF(_ input: [UInt8]) throws {
    let url = try Bench.file(input, ".elf")
    if let image = try? ELFImage(contentsOf: url) {
        for row in (try? image.lineTable()) ?? [] where row.addresses.lowerBound > row.addresses.upperBound {
            throw Violation("a row", input)
        }
        for board in Bench.boards {
            _ = try? ImageSize(image, board: board)
        }
    }
    try checkFile(url, input)
}

/// The file as `flash` takes it.
private func checkFile(_ url: URL, _ input: [UInt8]) throws {
    let file = try ImageFile(contentsOf: url)
    _ = try? file.header()
    for board in Bench.boards {
        guard let image = try? CheckedImage(file, for: board) else { continue }
        if image.flat.count > board.flash.size.int { throw Violation("an image larger than the flash", input) }
    }
}

@Sendable private func checkImage(_ input: [UInt8]) throws {
    let flash = Data(input)
    if let header = try? ImageHeader(flash: flash), header.size < 0 { throw Violation("a negative size", input) }
    for board in Bench.boards { _ = try? ImageHeader.check(flash: flash, for: board) }
    try checkFile(try Bench.file(input, ".bin"), input)
}

// MARK: Bootloaders

/// A device that answers what the input has, and refuses when that is over.
private final class ScriptedDevice: DFUTransport {
    private var rest: ArraySlice<UInt8>
    private(set) var waited = 0
    init(_ script: ArraySlice<UInt8>) { rest = script }

    private func next(_ count: Int) throws -> [UInt8] {
        guard let first = rest.popFirst() else { throw USBFault.disconnected }
        if first == 0xff { throw USBFault.stalled }
        if first == 0xfe { throw USBFault.timedOut }
        defer { rest = rest.dropFirst(count) }
        return Array(rest.prefix(count))
    }

    func receive(_ request: UInt8, value: UInt16, length: Int, timeout: Int) throws -> [UInt8] { try next(length) }
    func send(_ request: UInt8, value: UInt16, _ data: [UInt8], timeout: Int) throws { _ = try next(0) }
    func reset() throws { _ = try next(0) }
    func wait(_ milliseconds: Int) { waited += milliseconds }
}

/// A layout's text up to the first zero byte, then a device's answers.
@Sendable private func checkDfuSe(_ input: [UInt8]) throws {
    _ = DFUStatus(input)
    _ = DFUFunctional(descriptors: input)
    let text = input.prefix { $0 != 0 }
    guard let layout = DfuSeLayout(String(decoding: text, as: UTF8.self)) else { return }
    let sectors = layout.sectors
    if zip(sectors, sectors.dropFirst()).contains(where: { $0.address > $1.address }) {
        throw Violation("sectors out of order", input)
    }
    let device = ScriptedDevice(input.dropFirst(text.count + 1))
    guard let part = try? DfuSePart(device, name: "fuzzed", layout: layout, transferSize: 2048), let last = sectors.last else {
        return
    }
    _ = try? part.readBlock(at: last.address)
    _ = try? part.erase(last)
    _ = try? part.writeBlock(Data(repeating: 1, count: 2048), at: last.address)
    _ = try? part.finish()
    // Five operations of a minute at most, and what a last question may add.
    if device.waited > 8 * 60_000 { throw Violation("waited \(device.waited) ms", input) }
}

@Sendable private func checkOpenOCD(_ input: [UInt8]) throws {
    let lines = String(decoding: input, as: UTF8.self).split(separator: "\n").map(String.init)
    var errors: [String] = []
    for line in lines {
        switch OpenOCDEvent(line) {
        case .error(let text): errors.append(text)
        case .counted(_, let count): if count < 0 { throw Violation("a negative count", input) }
        default: break
        }
    }
    _ = OpenOCDFailure.failure(errors, writing: nil, status: 1, lastLine: lines.last)
    _ = OpenOCDFailure.failure([], writing: errors, status: 1)
}

// MARK: Texts

/// Labels, addresses, calls and grants as people type or scan them: what is read is written again to what reads the same.
@Sendable private func checkText(_ input: [UInt8]) throws {
    let text = String(decoding: input, as: UTF8.self)
    if let address = try? NodeAddress(parsing: text), try NodeAddress(parsing: address.description) != address {
        throw Violation("an address came back otherwise", input)
    }
    if let label = try? ClaimLabel(parsing: text), try ClaimLabel(parsing: label.text).address != label.address {
        throw Violation("a label came back otherwise", input)
    }
    if let call = try? Call(parsing: text), try Call(parsing: "\(call)") != call {
        throw Violation("a call came back otherwise", input)
    }
    _ = try? Grant(parsing: text)
    _ = [UInt8](hex: text)
}

// MARK: What nodes say

/// Claims that the target signs with the key of a node, as each kind of statement. The first byte chooses the kind.
@Sendable private func checkSigned(_ input: [UInt8]) throws {
    let payload = Array(input.dropFirst()), key = Bench.identity.publicKey
    func signed(_ type: NodeProtocol.MessageType) -> [UInt8] {
        SignedObject.sign(payload, type: type, network: 7, key: Bench.identity)
    }
    switch (input.first ?? 0) % 4 {
    case 0:
        let receipt = try Receipt(verifying: signed(.receipt), identity: key, network: 7)
        if receipt.chain.count != 32 { throw Violation("a chain of another length", input) }
        _ = "\(receipt)"
    case 1:
        let telemetry = try Telemetry(verifying: signed(.telemetry), identity: key, network: 7)
        var follower = TelemetryFollower()
        if follower.take(telemetry).count > telemetry.samples.count + 2 { throw Violation("more happenings than samples", input) }
        if !follower.take(telemetry).isEmpty { throw Violation("the same telemetry told twice", input) }
    case 2: _ = try Attestation(verifying: signed(.attest), nonce: [UInt8](repeating: 0xaa, count: 16), identity: key, network: 7)
    default: _ = try Grant(bytes: SignedObject.sign(payload, type: .grant, network: 7, key: Bench.owner), network: 7)
    }
}

/// What comes unsigned: status, devices, any CBOR; and a COSE_Sign1 as it comes.
@Sendable private func checkUnsigned(_ input: [UInt8]) throws {
    _ = try? NodeStatus(input, from: "fuzzed")
    _ = try? SignedObject.claims(input)
    let item = try CBORItem(input)
    // Texts are made printable as they are read, once.
    if (try? CBORItem(item.encoded)) != item { throw Violation("an item came back otherwise", input) }
}

/// JSON that gets a station's key and signature, and bytes as they come.
@Sendable private func checkManifest(_ input: [UInt8]) throws {
    _ = try? Manifest(verifying: input, from: "fuzzed")
    guard var object = try JSONSerialization.jsonObject(with: Data(input)) as? [String: Any] else { return }
    object["publicKey"] = Bench.owner.publicKey.description
    object.removeValue(forKey: "signature")
    let options: JSONSerialization.WritingOptions = [.sortedKeys, .withoutEscapingSlashes]
    let canonical = Array(try JSONSerialization.data(withJSONObject: object, options: options))
    object["signature"] = Bench.owner.sign(Manifest.domain + canonical).hex
    let manifest = try Manifest(
        verifying: Array(try JSONSerialization.data(withJSONObject: object, options: options)), from: "fuzzed")
    let again = try Manifest(verifying: manifest.csv(signedWith: Bench.owner), from: "again")
    if again.nodes.count != manifest.nodes.count { throw Violation("as CSV it has other nodes", input) }
}

@Sendable private func checkBoard(_ input: [UInt8]) throws {
    let board = try JSONDecoder().decode(Board.self, from: Data(input))
    let file = try ImageFile(contentsOf: try Bench.file([UInt8](repeating: 0x20, count: 1024), "-board.bin"))
    _ = try? CheckedImage(file, for: board)
    _ = try? ImageHeader.check(flash: Data(repeating: 0x20, count: 1024), for: board)
}
