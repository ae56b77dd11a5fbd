// What it costs that an emulated board's flash is in its file before its answers go on.
import ControlNode
import Emulation
import Foundation
import Image
import Keystore
import NodeEmulation
import NodeProtocol
import Provisioning

/// A command's time on this computer, to a node whose flash is kept and to one whose flash is not.
public struct FlashCostMeasurement: Sendable {
    /// Seconds of a command of the owner's from the request for the status to the receipt, the flash not kept: the middle one of several.
    public let command: Double
    /// Seconds of the same command with the flash kept.
    public let keptCommand: Double
    /// How much longer a command takes because of it, as a share of a command: the middle one of the pairs. Below 0 by chance alone.
    public let share: Double

    /// Sends `commands` commands to each node, in turns, so that what else the computer does meets both.
    /// - Throws: what the emulator or the node throws.
    public init(image: CheckedImage, commands: Int = 150) async throws {
        let folder = URL(fileURLWithPath: "/tmp/ln-flash-\(String(UInt32.random(in: 0 ... .max), radix: 36))")
        defer { try? FileManager.default.removeItem(at: folder) }
        var nodes: [(EmulatedNode, RemoteNode)] = []
        for keeps in [false, true] {
            let home = try Home(folder.path + "/\(keeps)")
            let node = try EmulatedNode(
                image: image, flashFile: URL(fileURLWithPath: home.path + "/flash.bin"), keepsFlash: keeps)
            try await node.powerOn()
            let owner = try node.seen(from: home)
            try await owner.bind(label: try await Station(home: home).provisionAndFinish(node.client).label)
            nodes.append((node, owner))
        }
        var times: [[Double]] = []
        for round in 0..<commands {
            var pair = [0.0, 0.0]
            for which in round.isMultiple(of: 2) ? [0, 1] : [1, 0] {
                let start = ContinuousClock.now
                try await nodes[which].1.send(Call(device: "led", method: "toggle"))
                pair[which] = (ContinuousClock.now - start).seconds
            }
            times.append(pair)
        }
        func middle(_ values: [Double]) -> Double { values.sorted()[values.count / 2] }
        command = middle(times.map { $0[0] })
        keptCommand = middle(times.map { $0[1] })
        share = middle(times.map { $0[1] / $0[0] }) - 1
        for (node, _) in nodes { try await node.powerOff() }
    }
}
