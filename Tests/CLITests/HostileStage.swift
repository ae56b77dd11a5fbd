// Where each command of the program that talks to a node meets what is hostile: nodes and homes in the states that commands begin in, and
// the commands themselves.
import CoAP
import Foundation
import HostedNode
import SimulatedNOR
import Testing
import Transport

@testable import HostCrypto
@testable import NodeProtocol

/// A command of the program, and what its success claims.
struct HostileCase: Sendable {
    /// Its words, as `--help` has them.
    let command: String
    /// What tells it from another case of the same command.
    var variant = ""
    let world: HostileStage.World
    /// Its arguments in a home.
    let arguments: @Sendable (_ home: String) -> [String]
    /// What the node's log calls it; nil for one that asks and does not act.
    var subject: [String]?
    var input = ""
    /// A command that went before it, undisturbed.
    var prelude: [String]?
    /// Seconds that the node is powered before it.
    var delay = 0.0
    /// It may wait for ever for what does not come.
    var isEndless = false

    var name: String { variant.isEmpty ? command : "\(command) (\(variant))" }
}

/// Homes and nodes, made once by the program itself.
final class HostileStage: Sendable {
    enum World: String, Sendable, CaseIterable {
        /// Without keys.
        case blank
        /// Provisioned, not bound.
        case unowned
        /// Bound to the home's controller, with a recovery key, a backup, grants and a log.
        case owned
        /// Handed over to guest.key, which has not looked yet.
        case sold
    }

    private static let program = CommandLineTests()

    let folder: String
    let label: String
    let (guest, recovery): (String, String)
    let (acceptance, grant, metered): (String, String, String)
    /// The key that the node signs with.
    let identity: PublicKey
    /// Another node of the same owner.
    let other: HostedNode
    let otherAddress: String
    /// What a bridge remembers of the node from before.
    let old: [String: Message]
    private let flashes: [World: SimulatedNOR<4>.Snapshot]

    deinit { try? FileManager.default.removeItem(atPath: folder) }

    /// The program's output for `arguments`, as JSON.
    private static func json(_ arguments: [String], home: String) throws -> [String: Any] {
        let result = try program.run(arguments + ["--json"], home: home)
        try #require(result.status == 0, "\(arguments): \(result.error)")
        return try #require(try JSONSerialization.jsonObject(with: Data(result.output.utf8)) as? [String: Any])
    }

    init() throws {
        let folder = FileManager.default.temporaryDirectory.path + "/ln-hostile-\(UInt32.random(in: 0 ... .max))"
        self.folder = folder
        let home = folder + "/home"
        try FileManager.default.createDirectory(
            atPath: home, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        var flashes: [World: SimulatedNOR<4>.Snapshot] = [:]
        let hosted = HostedNode()
        let line = ChainTests.Line(hosted)
        let bridge = HostileBridge()
        hosted.lead { bridge.pass($0, $1) }
        let node = ["--node", "serial:\(line.path)"]
        func json(_ arguments: [String]) throws -> [String: Any] { try Self.json(arguments + node, home: home) }
        func word(_ key: String, _ arguments: [String]) throws -> String { try #require(try json(arguments)[key] as? String) }
        func keep(_ world: World) throws {
            flashes[world] = hosted.flash.snapshot
            try FileManager.default.copyItem(atPath: home, toPath: folder + "/\(world)")
        }
        try keep(.blank)
        label = try word("label", ["provision"])
        func key(_ name: String) throws -> String {
            try #require(try Self.json(["keys", "new", "--key", home + "/\(name).key"], home: home)["publicKey"] as? String)
        }
        (guest, recovery) = (try key("guest"), try key("recovery"))
        _ = try key("next")
        _ = try json(["status"])
        (other, _) = try Self.another(home)
        try keep(.unowned)
        _ = try json(["bind", label, "--recovery", recovery])
        for arguments in [["time"], ["send", "$('led').toggle()"], ["send", "$('led').toggle()"], ["backups", "\(guest)=3"]] {
            _ = try json(arguments)
        }
        grant = try word("id", ["grant", guest, "--allow", "led", "--uses", "9", "--file", home + "/guest.grant"])
        metered = try word("id", ["grant", guest, "--allow", "led", "--meter", "600x3"])
        acceptance = try word("acceptance", ["transfer", "--accept", "--key", home + "/guest.key"])
        _ = try json(["history", "export", home + "/before.cborseq"])
        try keep(.owned)
        _ = try json(["transfer", acceptance, "--recovery-key", home + "/recovery.key"])
        try keep(.sold)
        otherAddress = try #require(other.identityKey.flatMap { PublicKey($0) }.map { NodeAddress(of: $0).description })
        identity = try #require(hosted.identityKey.flatMap { PublicKey($0) })
        old = bridge.firstAnswers
        self.flashes = flashes
    }

    /// Another node, bound to the controller of `home`.
    private static func another(_ home: String) throws -> (HostedNode, ChainTests.Line) {
        let hosted = HostedNode(serial: 0x5566_7788)
        let line = ChainTests.Line(hosted)
        let node = ["--node", "serial:\(line.path)"]
        let label = try #require(try json(["provision"] + node, home: home)["label"] as? String)
        _ = try json(["bind", label, "--name", "other"] + node, home: home)
        _ = try json(["send", "$('dimmer').set(1)"] + node, home: home)
        return (hosted, line)
    }

    /// A node in that state, powered on a moment ago, and a home of its own.
    func node(_ world: World) -> HostedNode {
        let flash = HostedNode.blankFlash()
        flash.restore(flashes[world]!)
        return HostedNode(flash: flash, speed: 5)
    }

    /// A copy of the home in that state, gone after `body`.
    func withHome<R>(_ world: World, _ body: (String) throws -> R) throws -> R {
        let home = folder + "/\(UInt64.random(in: 0 ... .max))"
        try FileManager.default.copyItem(atPath: folder + "/\(world)", toPath: home)
        defer { try? FileManager.default.removeItem(atPath: home) }
        return try body(home)
    }

    /// Commands that talk to a node.
    var cases: [HostileCase] {
        let (label, guest, acceptance, grant, metered) = (label, guest, acceptance, grant, metered)
        func acting(
            _ command: String, _ subject: [String], variant: String = "", _ world: World = .owned, delay: Double = 0,
            _ arguments: @escaping @Sendable (String) -> [String]
        ) -> HostileCase {
            HostileCase(command: command, variant: variant, world: world, arguments: arguments, subject: subject, delay: delay)
        }
        func asking(
            _ command: String, variant: String = "", _ world: World = .owned,
            _ arguments: @escaping @Sendable (String) -> [String]
        ) -> HostileCase { HostileCase(command: command, variant: variant, world: world, arguments: arguments) }
        return [
            acting("bind", ["bind"], .unowned) { _ in ["bind", label] },
            acting("release", ["release"]) { ["release", "--recovery-key", $0 + "/recovery.key"] },
            acting("transfer", ["transfer"]) { ["transfer", acceptance, "--recovery-key", $0 + "/recovery.key"] },
            asking("transfer", variant: "accept") { ["transfer", "--accept", "--key", $0 + "/guest.key"] },
            acting("transfer", ["time"], variant: "finish", .sold) { ["transfer", "--finish", "--key", $0 + "/guest.key"] },
            acting("rotate", ["rotate"]) { ["rotate", $0 + "/next.key"] },
            acting("recover", ["recover"]) { ["recover", $0 + "/recovery.key", "--key", $0 + "/next.key"] },
            acting("backups", ["backups"]) { _ in ["backups", "--none"] },
            acting("reset-button", ["settings"]) { _ in ["reset-button", "--allow"] },
            acting("takeover", ["takeover"], delay: 0.8) { ["takeover", "--key", $0 + "/guest.key"] },
            acting("send", ["led", "toggle"]) { _ in ["send", "$('led').toggle()"] },
            acting("send", ["led", "on"], variant: "state") { _ in ["send", "--state", "$('led').on()"] },
            acting("send", ["lock", "open"], variant: "fresh") { _ in ["send", "$('lock').open(1000)"] },
            acting("send", ["led", "toggle"], variant: "grant") {
                ["send", "$('led').toggle()", "--grant", $0 + "/guest.grant", "--key", $0 + "/guest.key"]
            },
            HostileCase(
                command: "console", world: .owned, arguments: { _ in ["console"] }, subject: ["led", "toggle"],
                input: "status\ndevices\n$('led').toggle()\nhistory\n"),
            acting("time", ["time"]) { _ in ["time"] },
            acting("revoke", ["revoke"]) { _ in ["revoke", grant] },
            acting("tick", ["tick"]) { _ in ["tick", metered, "1"] },
            asking("grants") { _ in ["grants"] },
            asking("name") { _ in ["name", "gate"] },
            asking("adopt") { _ in ["adopt"] },
            asking("grant give") { ["grant", guest, "--allow", "led", "--uses", "2", "--file", $0 + "/new.grant"] },
            asking("attest") { _ in ["attest"] },
            asking("status") { _ in ["status"] },
            asking("status", variant: "verify") { _ in ["status", "--verify"] },
            asking("devices") { _ in ["devices", "led"] },
            HostileCase(
                command: "watch", world: .owned, arguments: { _ in ["watch", "--count", "1"] },
                prelude: ["send", "$('led').on()"], isEndless: true),
            asking("history show") { _ in ["history"] },
            asking("history export") { ["history", "export", $0 + "/log.cborseq"] },
            asking("provision", .blank) { ["provision", "--svg", $0 + "/label.svg"] },
        ]
    }

    /// Commands that are tried apart from these, since they run until they are ended or find nodes by themselves.
    static let apart: Set<String> = ["gateway", "bridge", "list"]

    /// Commands that speak to no node, or to a chip that is not running one (`FlashingTests` has hostile ones).
    static let withoutNode: Set<String> = [
        "keys new", "keys show", "keys backup", "keys restore", "keys renumber", "grant pass", "batch list", "batch show",
        "batch report", "batch export", "batch verify", "batch import", "batch discard", "decode", "completion", "label",
        "escrow new", "escrow open", "new app", "new driver", "new board", "boards", "layout", "build",
        "size", "image show", "image convert", "flash write", "flash read", "reset", "debug", "udev",
        "emulate start", "emulate list", "emulate stop", "emulate power-cycle",
        "emulate reset", "emulate press", "emulate release", "emulate set", "emulate pins", "emulate display", "emulate log",
        "emulate debug", "emulate usb", "emulate unplug", "emulate plug", "emulate remove", "test", "bench",
        "measure-runner",
    ]
}
