// How deep the light node's stack gets: the firmware paints it at reset and tells the high-water mark in its status.
import ControlNode
import Emulation
import Foundation
import Image
import Keystore
import NodeEmulation
import NodeProtocol
import Provisioning

/// What a run of the chain took.
public struct StackMeasurement: Codable, Sendable {
    /// Bytes, the most in any power cycle.
    public var used: Int
    /// Bytes that there are between static RAM and the top of RAM.
    public var size: Int

    /// Runs provisioning, attestation, bind, commands good and bad, a desired state with a token, a stranger's attempts, history and
    /// another power cycle on the emulated board, and asks for the high-water mark after each cycle.
    /// - Throws: whatever keeps the board from going through all of it: an unfinished run has not measured the worst.
    public init(image: CheckedImage) async throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent(
            "lightnode-stack-\(UInt32.random(in: 0 ... .max))")
        try FileManager.default.createDirectory(
            at: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        defer { try? FileManager.default.removeItem(at: folder) }
        func home(_ name: String) throws -> Home { try Home(folder.appendingPathComponent(name).path) }

        let node = try EmulatedNode(image: image, flashFile: folder.appendingPathComponent("flash.bin"))
        try await node.powerOn()
        let label = try await Station(home: try home("factory")).provisionAndFinish(node.client).label
        let owner = try node.seen(from: try home("owner"))
        try await owner.bind(label: label)
        let first = try await Self.exercise(owner, stranger: try node.seen(from: try home("stranger")), label)
        try await node.powerCycle()
        let second = try await Self.exercise(
            try node.seen(from: try home("owner")), stranger: try node.seen(from: try home("stranger")), label)
        try await node.powerOff()
        used = Int(max(first.stackUsed, second.stackUsed))
        size = Int(second.stackSize)
    }

    private static func exercise(_ owner: RemoteNode, stranger: RemoteNode, _ label: ClaimLabel) async throws -> NodeStatus {
        let led = Call(device: "led", method: "on")
        let known = try await owner.known()
        try await owner.perform(led)
        try await owner.perform(Call(device: "led", method: "off"), as: .state, fresh: true)
        _ = try await owner.send(Call(device: "no-such-device", method: "on"))
        let forged = try stranger.sign(led, for: known)
        do { _ = try await owner.transmit(forged) } catch is Refusal {}
        do { try await stranger.bind(label: label) } catch is Refusal {}
        _ = try await owner.history()
        _ = try await owner.devices()
        return try await owner.status()
    }
}
