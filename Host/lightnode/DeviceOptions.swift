// Options that name a device, and the connection to it.
import ArgumentParser
import ControlNode
import Foundation
import Transport

/// `--device` and `--logs`, the same everywhere.
struct DeviceOptions: ParsableArguments {
    @Option(
        name: .shortAndLong,
        help:
            "Where the device is: emulated:NAME, usb:SERIAL, serial:/dev/ttyACM0 or coap://HOST. Not needed when there is only one.",
        transform: { try DeviceLocator(parsing: $0) })
    var device: DeviceLocator?

    @Flag(help: "Show the device's log lines on standard error.")
    var logs = false

    @Option(help: "Seconds after which a device that does not answer is given up.")
    var timeout = 15.0

    func validate() throws {
        guard timeout > 0, timeout <= 3600 else { throw ValidationError("--timeout takes seconds from above 0 to 3600.") }
    }

    /// Every way to reach a device that this program has.
    static let finder = DeviceFinder([EmulatedSource(), USBSource(), SerialSource(), NetworkSource()])

    /// Runs `body` with a connection to the device that is meant, and hangs up afterwards.
    func withClient<R>(_ body: (CoAPClient) async throws -> R) async throws -> R {
        let locator = try Self.finder.choose(device)
        let link = try await Self.finder.connect(locator)
        let logs = logs
        let client = CoAPClient(link, name: locator.description, timing: .init(total: .seconds(timeout))) { line in
            if logs { Output.standardError("[\(locator)] \(line)") }
        }
        do {
            let result = try await body(client)
            await client.close()
            return result
        } catch {
            await client.close()
            throw error
        }
    }
}

/// `--key`, and where a passphrase comes from.
struct KeyOptions: ParsableArguments {
    @Option(help: "The controller's key file; controller.key in the home folder if not given.")
    var key: String?

    /// Opens the controller; asks for the passphrase only when the key is sealed.
    func controller() throws -> Controller {
        try Controller(try .standard(), keyFile: key.map { PrivateFile($0) }, passphrase: { Passphrase.existing() })
    }

    /// As `controller`, but makes a key first when there is none and none was named.
    func controllerOrNew(_ output: Output) throws -> Controller {
        let home = try Home.standard()
        if key == nil, !home.controllerKey.exists {
            let made = ControllerKey.generate()
            try made.save(to: home.controllerKey, passphrase: Passphrase.fromEnvironment)
            output.say(
                "Made a controller key: \(home.controllerKey.path)\n  Keep a copy: whoever loses it loses the devices that it owns."
            )
        }
        return try controller()
    }
}
