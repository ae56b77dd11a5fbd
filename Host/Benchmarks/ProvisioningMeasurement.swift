// How long it takes to provision a node: its own time, and the station's.
import ControlNode
import Emulation
import Foundation
import Image
import Keystore
import Labels
import NodeEmulation
import Provisioning

/// Seconds a node, the middle one of several, from a node that is awake to its line that says `done`.
public struct ProvisioningMeasurement: Sendable {
    /// How fast the emulated node is.
    public enum Speed: Sendable {
        /// As its chip, or a little faster: an instruction takes 64 ns on the micro:bit (16 MHz), 32 ns elsewhere (25 MHz).
        case chip
        /// As fast as this computer makes it, which is many times its chip's speed.
        case unthrottled
    }

    /// Waiting for the node to answer; what the station does meanwhile does not count twice.
    public let node: Double
    /// Everything else: records brought to the disk, secrets kept, the label drawn and written.
    public let station: Double
    /// The station's part of all, from 0 to 1.
    public var share: Double { station / (station + node) }

    /// Provisions `nodes` emulated nodes, one after the other, at a station of its own in /tmp, which is removed.
    /// - Throws: what the emulator or the station throws; nothing was measured then.
    public init(image: CheckedImage, speed: Speed, nodes: Int = 5) async throws {
        let folder = URL(fileURLWithPath: "/tmp/ln-measure-\(String(UInt32.random(in: 0 ... .max), radix: 36))")
        defer { try? FileManager.default.removeItem(at: folder) }
        let home = try Home(folder.path)
        let station = Station(home: home)
        var options = Station.Options()
        options.identity = .whereNeeded
        options.batch = "bench"
        // Opened once a run, not once a node.
        _ = try station.batch(options)
        let labels = try LabelFolder(folder.path + "/labels", format: .svg)
        var samples: [(node: Double, station: Double)] = []
        for number in 1...nodes {
            let clock: EmulatedBoard.Clock =
                switch speed {
                case .chip: .chipSpeed(shift: image.board.name == "microbit" ? 6 : 5)
                case .unthrottled: .host
                }
            let node = try EmulatedNode(
                image: image, flashFile: folder.appendingPathComponent("flash-\(number).bin"), clock: clock)
            let client = try await node.powerOn()
            // Awake and listening, as a node on a fixture is.
            _ = try await NodeProbe(client).status()
            let start = ContinuousClock.now
            let provisioned = try await station.provision(client, options: options, labels: labels)
            try provisioned.preparedLabel?.write()
            let record = try await station.commit(provisioned)
            let total = (ContinuousClock.now - start).seconds
            // Its line says `done` by now, and the next one is being plugged in.
            try await station.forget(record)
            samples.append((provisioned.nodeTime.seconds, total - provisioned.nodeTime.seconds))
            try await node.powerOff()
        }
        node = Self.middle(samples.map(\.node))
        self.station = Self.middle(samples.map(\.station))
    }

    private static func middle(_ values: [Double]) -> Double { values.sorted()[values.count / 2] }
}
