// A node that runs an application of Firmware/Apps, owned, on an emulated board: what an application's test begins with.
import BoardFacts
import ControlNode
import Emulation
import FirmwareBuild
import Foundation
import HostCrypto
import Image
import NodeEmulation
import NodeProtocol
import Provisioning
import Reporting
import Synchronization
import Testing
import Transport

/// The application's image for `board`, built once for all tests.
func image(of application: String, on board: String) throws -> CheckedImage {
    // That one is built before the tests.
    if application == "light-node" { return try checkedImage(board) }
    return try Images.built.withLock { images in
        if let known = images["\(board)/\(application)"] { return known }
        let catalogue = try BoardCatalogue(root: sourceRoot)
        let image = try FirmwareBuilder(catalogue: catalogue).build(board: try catalogue.board(board), product: application)
        images["\(board)/\(application)"] = image
        return image
    }
}

private enum Images {
    static let built = Mutex<[String: CheckedImage]>([:])
}

/// An application on an emulated board, and the people around it.
struct Stage {
    let scratch: Scratch
    let node: EmulatedNode
    let owner: RemoteNode
    let label: ClaimLabel

    /// - Parameters:
    ///   - parts: more of QEMU's command line, such as parts on a bus.
    ///   - recovery: the key that may name another owner.
    init(
        _ application: String, on name: String, clock: EmulatedBoard.Clock = .host, parts: [String] = [],
        recovery: PublicKey? = nil
    ) async throws {
        scratch = try Scratch()
        node = try EmulatedNode(
            image: try image(of: application, on: name),
            flashFile: scratch.url.appendingPathComponent("flash.bin"), clock: clock, parts: parts)
        try await node.powerOn(timeout: 120)
        label = try await Station(home: try scratch.home("factory")).provisionAndFinish(node.client).label
        owner = try node.seen(from: try scratch.home("owner"))
        try await owner.bind(label: label, recovery: recovery)
    }

    /// Somebody else with a key.
    func person(_ name: String) throws -> RemoteNode { try node.seen(from: try scratch.home(name)) }

    /// The stage, and beside the owner somebody who may be lent something.
    static func withGuest(_ application: String, on name: String) async throws -> (Stage, guest: RemoteNode) {
        let stage = try await Stage(application, on: name)
        return (stage, try stage.person("guest"))
    }

    /// Waits until `condition` holds, for at most `seconds` of the host's time.
    func wait(_ seconds: Double = 60, until condition: () async throws -> Bool) async throws -> Bool {
        let end = Date().addingTimeInterval(seconds)
        while Date() < end {
            if try await condition() { return true }
            try await Task.sleep(for: .milliseconds(20))
        }
        return try await condition()
    }

    /// Whether an output is high, as QEMU's own register shows it: `lock`, `relay`, and the first light of `led`.
    func isHigh(_ output: String) throws -> Bool {
        guard let seen = node.board.outputs[output] else {
            throw Failure(
                .environment, "\(node.board.name) has no output \(output) that a register shows",
                advice: "Measure again; when it stays so, look at what changed")
        }
        return try node.emulated.readRegister(seen.register.value) & 1 << UInt32(seen.bit) != 0
    }

    /// Whether any light of the board's display is lit, as QEMU shows it.
    func isLit() throws -> Bool { try node.emulated.display(samples: 200).isLit }
}

extension CoAPClient {
    /// Posts a message whose sender may have no business with the node, and throws the refusal.
    func transmitRaw(_ message: SignedMessage) async throws -> Response {
        let answer = try await send(.post(message.type.rawValue, message.bytes, contentFormat: 18))
        if let refusal = Refusal(problemDetails: answer.payload) { throw refusal }
        return answer
    }
}
