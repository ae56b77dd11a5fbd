// How long it takes to provision a device: its own time, and the station's.
import ControlNode
import Emulation
import FirmwareBuild
import Foundation
import Labels
import Provisioning

/// Seconds a device, the middle one of several. The emulated device runs at the host's speed, so the figures are this computer's; their
/// ratio is what tells.
public struct ProvisioningMeasurement: Sendable {
    /// Waiting for the device to answer.
    public let device: Double
    /// Everything else: records brought to the disk, secrets kept and forgotten, the label drawn and written.
    public let station: Double

    public init(board: Board, image: URL, devices: Int = 5) async throws {
        let folder = URL(fileURLWithPath: "/tmp/ln-measure-\(String(UInt32.random(in: 0 ... .max), radix: 36))")
        defer { try? FileManager.default.removeItem(at: folder) }
        let home = try Home(folder.path)
        let station = Station(home: home)
        var options = Station.Options()
        options.identity = .whereNeeded
        options.batch = "bench"
        // Opened once a run, not once a device.
        _ = try station.batch(options)
        let labels = try LabelFolder(folder.path + "/labels", format: .svg)
        var samples: [(device: Double, station: Double)] = []
        for number in 1...devices {
            let node = try EmulatedNode(
                board: board, image: image, flashFile: folder.appendingPathComponent("flash-\(number).bin"))
            let client = try await node.powerOn()
            // Awake and listening, as a device on a fixture is.
            _ = try await DeviceProbe(client).status()
            let start = ContinuousClock.now
            let provisioned = try await station.provision(client, options: options)
            try labels.write([ProvisionedLabel(provisioned)])
            try await station.finish(provisioned)
            let total = (ContinuousClock.now - start).seconds
            samples.append((provisioned.deviceTime.seconds, total - provisioned.deviceTime.seconds))
            try await node.powerOff()
        }
        device = Self.middle(samples.map(\.device))
        self.station = Self.middle(samples.map(\.station))
    }

    private static func middle(_ values: [Double]) -> Double { values.sorted()[values.count / 2] }
}
