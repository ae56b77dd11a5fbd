// Options that name a node, and the connection to it.
import ArgumentParser
import ControlNode
import Foundation
import Keystore
import NodeEmulation
import NodeProtocol
import Reporting
import Transport

/// `--node`: which one is meant.
struct NodeOption: ParsableArguments {
    @Option(
        name: .shortAndLong,
        help:
            "The node: the name that it was given at bind, or where it is: emulated:NAME, usb:SERIAL, serial:/dev/ttyACM0 or coap://HOST. Not needed when there is only one.",
        completion: Completions.nodes, transform: { try NodeName(parsing: $0) })
    var node: NodeName?

    /// The former name of `--node`, accepted for one release.
    @Option(
        name: [.customShort("d"), .customLong("device")], help: .hidden, transform: { try NodeName(parsing: $0) })
    var device: NodeName?

    /// The node that was named; nil when none was.
    var name: NodeName? { node ?? device }
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
        try await withPlace { client, _ in try await body(client) }
    }

    /// As `withClient`, with the address of the only node that is meant, if it was named.
    func withPlace<R>(_ body: (CoAPClient, NodeAddress?) async throws -> R) async throws -> R {
        let place = try await NodePlace.find(node.name)
        return try await Self.withClient(at: place, timeout: timeout, logs: logs) { try await body($0, place.address) }
    }

    /// Runs `body` with a connection to `node`, or to the only one that there is, and hangs up afterwards.
    static func withClient<R>(
        of node: NodeLocator?, timeout: Double, logs: Bool, _ body: (CoAPClient) async throws -> R
    ) async throws -> R {
        try await withClient(at: try await NodePlace.find(node.map { .place($0) }), timeout: timeout, logs: logs, body)
    }

    private static func withClient<R>(
        at place: NodePlace, timeout: Double, logs: Bool, _ body: (CoAPClient) async throws -> R
    ) async throws -> R {
        let locator = place.locator
        let link = try await place.connect()
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
        let home = try Home.standard()
        if key == nil, !home.controllerKey.exists {
            throw Failure(
                .environment, "you own nothing yet: there is no key \(home.controllerKey.path)", about: home.controllerKey.path,
                remedy: .either([.bind, .nameKey, .makeKey]))
        }
        var controller = try Controller(
            home, keyFile: key.map { PrivateFile($0) }, clock: ClockLimits(trusts: trustClock),
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
