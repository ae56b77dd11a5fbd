// What it costs that an emulated board's flash is in its file before its answers go on.
import ControlNode
import Emulation
import Foundation
import Image
import Keystore
import NodeEmulation
import NodeProtocol
import Provisioning

/// Seconds on this computer: of a command to an emulated node, and of saving its store behind one.
public struct FlashCostMeasurement: Sendable {
    /// A command of the owner's from the request for the status to the receipt, without saving: the middle one of several.
    public let command: Double
    /// Saving what such a command has changed, and looking again when nothing has changed: once for each of its two answers.
    public let saving: Double
    /// How much longer a command takes because of it, from 0 on.
    public var share: Double { saving / command }

    /// Sends `commands` commands.
    /// - Throws: what the emulator or the node throws.
    public init(image: CheckedImage, commands: Int = 60) async throws {
        let folder = URL(fileURLWithPath: "/tmp/ln-flash-\(String(UInt32.random(in: 0 ... .max), radix: 36))")
        defer { try? FileManager.default.removeItem(at: folder) }
        let home = try Home(folder.path)
        let node = try EmulatedNode(image: image, flashFile: folder.appendingPathComponent("flash.bin"))
        try await node.powerOn()
        let owner = try node.seen(from: home)
        try await owner.bind(label: try await Station(home: home).provisionAndFinish(node.client).label)
        var (sent, saved): ([Double], [Double]) = ([], [])
        for _ in 0..<commands {
            let start = ContinuousClock.now
            try await owner.send(Call(device: "led", method: "toggle"))
            let middle = ContinuousClock.now
            try node.emulated.saveStore()
            try node.emulated.saveStore()
            sent.append((middle - start).seconds)
            saved.append((ContinuousClock.now - middle).seconds)
        }
        command = sent.sorted()[commands / 2]
        saving = saved.sorted()[commands / 2]
        try await node.powerOff()
    }
}
