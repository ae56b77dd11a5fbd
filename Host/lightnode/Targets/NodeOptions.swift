// Options that name a node, and the connection to it.
import ArgumentParser
import ControlNode
import Foundation
import Keystore
import NodeEmulation
import Transport

/// `--node`: which one is meant.
struct NodeOption: ParsableArguments {
    @Option(
        name: .shortAndLong,
        help:
            "Where the node is: emulated:NAME, usb:SERIAL, serial:/dev/ttyACM0 or coap://HOST. Not needed when there is only one.",
        transform: { try NodeLocator(parsing: $0) })
    var node: NodeLocator?

    /// The former name of `--node`, accepted for one release.
    @Option(
        name: [.customShort("d"), .customLong("device")], help: .hidden, transform: { try NodeLocator(parsing: $0) })
    var device: NodeLocator?

    /// The node that was named; nil when none was.
    var locator: NodeLocator? { node ?? device }
}

/// `--node`, `--logs` and `--timeout`, alike for all commands that talk to a node.
struct NodeOptions: ParsableArguments {
    @OptionGroup var node: NodeOption

    @Flag(help: "Show the node's log lines on standard error.")
    var logs = false

    @Option(help: "Seconds after which a node that does not answer is given up.")
    var timeout = 15.0

    func validate() throws {
        guard timeout > 0, timeout <= 3600 else { throw ValidationError("--timeout takes seconds from above 0 to 3600.") }
    }

    /// Every way to reach a node that this program has.
    static let finder = NodeFinder([EmulatedSource(), USBSource(), SerialSource(), NetworkSource()])

    /// Runs `body` with a connection to the node that is meant, and hangs up afterwards.
    func withClient<R>(_ body: (CoAPClient) async throws -> R) async throws -> R {
        try await Self.withClient(of: node.locator, timeout: timeout, logs: logs, body)
    }

    /// Runs `body` with a connection to `node`, or to the only one that there is, and hangs up afterwards.
    static func withClient<R>(
        of node: NodeLocator?, timeout: Double, logs: Bool, _ body: (CoAPClient) async throws -> R
    ) async throws -> R {
        let locator = try finder.choose(node)
        let link = try await finder.connect(locator)
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

    @Flag(help: "Sign although this computer's clock is far ahead of the program's age, of its last use, or of the node's time.")
    var trustClock = false

    /// Opens the controller; asks for the passphrase only when the key is sealed.
    func controller() throws -> Controller {
        var controller = try Controller(
            try .standard(), keyFile: key.map { PrivateFile($0) }, clock: ClockLimits(trusts: trustClock),
            passphrase: { Passphrase.existing() })
        controller.notice = { Notes.add("\($0)") }
        return controller
    }

    /// As `controller`, but makes a key first when there is none and none was named.
    func controllerOrNew(_ output: Output) throws -> Controller {
        let home = try Home.standard()
        if key == nil, !home.controllerKey.exists {
            let made = ControllerKey.generate()
            try made.save(to: home.controllerKey, passphrase: Passphrase.fromEnvironment)
            output.say(
                "Made a controller key: \(home.controllerKey.path)\n  Keep a copy: whoever loses it loses the nodes that it owns."
            )
        }
        return try controller()
    }
}
