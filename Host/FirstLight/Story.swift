// The eight steps: tools, image, power, keys, owner, command, proof, and what a power cut and three intruders cannot change.
import BoardFacts
import ControlNode
import Emulation
import Foundation
import Image
import Keystore
import Labels
import NodeEmulation
import NodeProtocol
import Provisioning

/// One node's way to its owner. Factory, owner and stranger have a home folder each: they share nothing but what the label says.
final class Story {
    static let steps = 8
    private static let call = "$('led').on()"

    private let board: Board
    private let image: URL
    private let root: URL
    private let folder: URL
    private(set) var node: EmulatedNode?
    /// What the summary tells.
    private(set) var outcome: [(String, String)] = []

    init(board: Board, image: URL, root: URL, folder: URL) {
        self.board = board
        self.image = image
        self.root = root
        self.folder = folder
    }

    private func home(_ who: String) throws -> Home { try Home(folder.appendingPathComponent(who).path) }

    /// Goes through all steps; throws when one cannot go on.
    func tell(_ walk: inout Walk, keep: (EmulatedNode) -> Void) async throws {
        walk.title("First light: \(board.title) obeys exactly one owner")
        try checkTools(&walk)
        let node = try await powerOn(try checkImage(&walk), &walk, keep)
        let label = try await provision(node, &walk)
        let owner = try await bind(node, scanned: label, &walk)
        let command = try await command(owner, &walk)
        try prove(node, &walk)
        try await tryToUndo(node, command: command, label: label, &walk)
    }

    // MARK: 1, 2

    private func checkTools(_ walk: inout Walk) throws {
        walk.begin("The tools are here")
        let qemu = try QEMU.installed(for: board)
        try walk.require(
            "QEMU \(qemu.versionText) models this board (machine \(board.emulator?.machine ?? "?"))",
            qemu.obstacle(to: board) == nil,
            else: qemu.obstacle(to: board) ?? "")
    }

    private func checkImage(_ walk: inout Walk) throws -> CheckedImage {
        walk.begin("The image is built, whole, and made for this board")
        let checked = try CheckedImage(contentsOf: image, for: board), header = checked.header
        let path = image.path.hasPrefix(root.path + "/") ? String(image.path.dropFirst(root.path.count + 1)) : image.path
        walk.say("\(path)  \(header.versionText)  \(header.size) bytes of flash")
        walk.check("its hash and its board, “\(header.board)”, are what its header says", header.board == board.name)
        return checked
    }

    // MARK: 3

    private func powerOn(
        _ image: CheckedImage, _ walk: inout Walk, _ keep: (EmulatedNode) -> Void
    ) async throws -> EmulatedNode {
        walk.begin("Power on: that very image, its flash in a file")
        let node = try EmulatedNode(
            image: image, flashFile: folder.appendingPathComponent("flash.bin"), name: board.name)
        self.node = node
        keep(node)
        let status = try await NodeProbe(try await node.powerOn()).status()
        for line in node.log { walk.quote(line) }
        try walk.require("the board answers: \(status.state)", status.state == .blank, else: "\(status.state)")
        walk.check("its lights are dark", try !node.emulated.displayByMonitor().isLit)
        return node
    }

    // MARK: 4

    private func provision(_ node: EmulatedNode, _ walk: inout Walk) async throws -> String {
        walk.begin("Provision: the node gets its identity, the box gets its label")
        let provisioned = try await Station(home: try home("factory")).provisionAndFinish(node.client)
        let record = provisioned.record
        walk.say(try LabelDrawing(provisioned.label).terminalText())
        let origin =
            record.isIdentityInjected
            ? "made by the factory: this board has no true random generator" : "made in the node, never leaves it"
        walk.say("identity   \(record.identity.description.prefix(16))…  (\(origin))")
        walk.say("claim key  \(record.claim.description.prefix(16))…  (its secret is on the label alone)")
        walk.check("the node proved that it holds the identity of \(record.address)", record.address.matches(record.identity))
        let status = try await NodeProbe(node.client).status()
        try walk.require(
            "it waits for its owner", status.state == .unowned && status.address == record.address, else: "\(status.state)")
        outcome.append(("node", "\(record.address)"))
        return provisioned.label.text
    }

    // MARK: 5

    private func bind(_ node: EmulatedNode, scanned: String, _ walk: inout Walk) async throws -> RemoteNode {
        walk.begin("Bind: a new control node scans the label")
        let owner = try node.seen(from: try home("owner"))
        walk.say("control node  key \(owner.controller.key.publicKey.description.prefix(16))…, made just now")
        let receipt = try await owner.bind(label: ClaimLabel(parsing: scanned), name: "lamp")
        walk.say("receipt       \(receipt)")
        try walk.require("the receipt is signed by the node", receipt.outcome == .done, else: "\(receipt.outcome)")
        let status = try await owner.status()
        try walk.require("the node is owned, in epoch \(status.epoch)", status.state == .owned, else: "\(status.state)")
        outcome.append(("owner", "key \(owner.controller.key.publicKey.description.prefix(16))…"))
        return owner
    }

    // MARK: 6

    private func command(_ owner: RemoteNode, _ walk: inout Walk) async throws -> SignedMessage {
        walk.begin("Command: \(Self.call)")
        let message = try owner.sign(try Call(parsing: Self.call), for: try await owner.known())
        walk.say("signed   \(message.bytes.count) bytes of COSE_Sign1, sequence \(message.sequence)")
        let receipt = try await owner.transmit(message)
        walk.say("receipt  \(receipt)")
        try walk.require(
            "the node executed it and signed its receipt for it", receipt.outcome == .done, else: "\(receipt.outcome)")
        walk.check(
            "the receipt names this very message and continues the node's log", receipt.answers(message) && receipt.index == 1)
        outcome.append(("command", "\(Self.call) \(receipt.outcome), receipt \(receipt.index), \(receipt.bytes.count) bytes"))
        return message
    }

    // MARK: 7

    private func prove(_ node: EmulatedNode, _ walk: inout Walk) throws {
        walk.begin("Proof from outside: the pins as QEMU's monitor shows them")
        if let register = board.display?.registers.first {
            walk.say(try node.emulated.monitor("xp /1wx \(register)").trimmingCharacters(in: .whitespacesAndNewlines))
        }
        let display = try node.emulated.displayByMonitor()
        walk.say("\n\(display)\n")
        walk.check("\(display.litCount) light\(display.litCount == 1 ? " is" : "s are") lit", display.isLit)
    }

    // MARK: 8

    private func tryToUndo(_ node: EmulatedNode, command: SignedMessage, label: String, _ walk: inout Walk) async throws {
        walk.begin("Power off and on again; then three who should not")
        let before = try await NodeProbe(node.client).status()
        try await node.powerCycle()
        let owner = try node.seen(from: try home("owner"))
        let after = try await owner.status()
        if let line = node.log.last { walk.quote(line) }
        try walk.require(
            "still owned, still epoch \(before.epoch)", after.state == .owned && after.epoch == before.epoch,
            else: "\(after.state)")
        walk.check(
            "the high-water mark is intact: \(after.highWater)",
            after.highWater == command.sequence && after.nextIndex == before.nextIndex,
            else: "\(after.highWater), \(after.nextIndex) log entries")
        walk.check("the lights are dark: a node starts in its safe state", try !node.emulated.displayByMonitor().isLit)

        let stranger = try node.seen(from: try home("stranger"))
        let known = try await owner.known()
        let forged = try stranger.sign(try Call(parsing: Self.call), for: known)
        await refuse("the same command, replayed", as: "replayed", &walk) { _ = try await owner.transmit(command) }
        await refuse("a command signed by a stranger", as: "bad-signature", &walk) { _ = try await owner.transmit(forged) }
        await refuse("a second bind with the same label", as: "wrong-state", &walk) {
            try await stranger.bind(label: ClaimLabel(parsing: label))
        }
        let last = try await owner.status()
        walk.check(
            "nothing happened: dark, same owner, no new log entry, same high-water mark",
            try !node.emulated.displayByMonitor().isLit && last.state == .owned && last.nextIndex == after.nextIndex
                && last.highWater == after.highWater)
        let receipt = try await owner.perform(try Call(parsing: Self.call))
        walk.check("its owner still commands it: \(receipt)", try node.emulated.displayByMonitor().isLit)
        outcome.append(("refused", "a replay, a stranger and a second bind"))
        try await node.powerOff()
    }

    /// Checks that the node says no, and why.
    private func refuse(_ what: String, as reason: String, _ walk: inout Walk, _ attempt: () async throws -> Void) async {
        do {
            try await attempt()
            walk.check("refused: \(what)", false, else: "the node took it")
        } catch let refusal as Refusal {
            walk.check("refused: \(what) (\(refusal))", refusal.reason == reason, else: "\(refusal)")
        } catch {
            walk.check("refused: \(what)", false, else: "\(error)")
        }
    }
}
