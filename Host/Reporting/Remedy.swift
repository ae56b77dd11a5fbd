// What helps: a value that is made where an error arises. How it is typed only the command line knows.

/// The next thing to do after a failure.
///
/// A case names a deed, not a command line: the program that shows the failure turns it into words of its own.
public indirect enum Remedy: Hashable, Codable, Sendable {
    /// Something that no command of this project does: one sentence without a full stop.
    case advice(String)
    /// One of these helps.
    case either([Remedy])
    /// These help, one after the other.
    case inOrder([Remedy])

    // MARK: Deeds

    /// Become the node's owner, with its label.
    case bind
    /// Give a blank node its keys.
    case provision
    /// Provision nodes of this batch.
    case provisionBatch(String)
    /// See which nodes are in reach.
    case listNodes
    /// See what the node tells of itself.
    case showStatus
    /// See what the node proves of itself: who can act on it.
    case verifyStatus
    /// See the devices of the node and their methods.
    case listDevices
    /// See the node's own account of what it did.
    case showHistory
    /// Make a new acceptance, as the new owner.
    case acceptTransfer
    /// Hand the node over, as its present owner.
    case transfer
    /// Make a new controller key.
    case makeKey
    /// Tell the node the time.
    case setTime
    /// See the grants that this key has given.
    case listGrants
    /// Make another key the node's owner: all grants end.
    case rotateKey
    /// Begin the sequence numbers anew.
    case renumber
    /// Build an image, of this board if it is given.
    case build(board: String?)
    /// See what is wired to a board.
    case showLayout
    /// Start an emulated board.
    case startEmulated(board: String?, name: String?)
    /// Stop this emulated board.
    case stopEmulated(name: String)
    /// Forget this emulated board.
    case removeEmulated(name: String)
    /// See the emulated boards.
    case listEmulated
    /// See the batches of the factory.
    case listBatches
    /// See a batch of the factory, or one node of it.
    case showBatch(String, serial: Int64?)
    /// Give up a node of a batch.
    case discard(batch: String, serial: Int64, reason: String)
    /// Write the manifest of a batch.
    case exportManifest
    /// Take a manifest in.
    case importManifest
    /// Make an escrow key.
    case makeEscrowKey
    /// Permit this user to open the nodes and probes on USB.
    case installUSBRule
    /// Run firmware tests, of this suite if it is given.
    case runTests(suite: String?)
    /// See the firmware tests.
    case listTests

    // MARK: The same once more, with another choice

    /// Name the node that is meant; these are there.
    case nameNode([Choice])
    /// Name the key to act with.
    case nameKey
    /// Take in a node that obeys a key that was restored.
    case adopt
    /// Act with the key in this file.
    case useKey(file: String)
    /// Name the board; these are there.
    case nameBoard([String])
    /// Name what is to be flashed by its serial number; these are there.
    case nameSerial([Choice])
    /// Flash all that were found.
    case flashAll
    /// Flash by another way; these are there.
    case nameWay([String])
    /// Wait until it is plugged in.
    case wait
    /// Write, where comparing alone was asked for.
    case flash
    /// Erase the keys as well.
    case eraseAll
    /// Take nodes with test keys too.
    case allowTestKeys
    /// Sign with a token of the node's, which proves that the message is new.
    case proveFreshness
    /// Make the node's identity at the station.
    case injectIdentity
    /// Have the recovery key consent.
    case consentByRecoveryKey
    /// Give the station a name of its own.
    case nameStation
    /// Call the station by the name that it has.
    case keepStation(name: String)
    /// Trust this key of a station.
    case trustStation(key: String)
    /// Rehearse.
    case rehearse
    /// Leave the chip's readback protection as it is.
    case leaveUnprotected
    /// Name the database.
    case nameDatabase
    /// Give the emulated board another name.
    case nameEmulated
    /// Wait for more nodes.
    case watch
    /// Sign by this computer's clock all the same.
    case trustClock
    /// Wait longer for the node.
    case waitLonger

    /// Something that can be chosen, and what tells it from others.
    public struct Choice: Hashable, Codable, Sendable {
        /// What is typed to choose it.
        public let value: String
        /// What tells it from others, for people; empty when there is nothing to say.
        public let note: String

        /// - Parameter note: for people; empty when there is nothing to say.
        public init(_ value: String, note: String = "") { (self.value, self.note) = (value, note) }
    }

    /// When both sides come from one build, this cannot happen.
    public static let sameRelease = Remedy.advice("Check that the firmware and this program belong to the same release")
    /// For a user who may not open a USB device.
    public static let permitUSB = Remedy.inOrder([.installUSBRule, .advice("Plug it in again")])
}

// MARK: In words

extension Remedy {
    /// All of it in words: one sentence without a full stop, with lines below it where there is something to choose from.
    public var prose: String {
        switch self {
        case .advice(let text): text
        case .either(let parts): Self.joined(parts, "; or ")
        case .inOrder(let parts): Self.joined(parts, "; then ")
        default: deed + choices
        }
    }

    private static func joined(_ parts: [Remedy], _ word: String) -> String {
        parts.enumerated().map { $0 == 0 ? $1.prose : $1.prose.prefix(1).lowercased() + $1.prose.dropFirst() }
            .joined(separator: word)
    }

    /// What is there to choose from, a line each.
    public var choices: String {
        switch self {
        case .either(let parts), .inOrder(let parts): parts.map(\.choices).joined()
        case .nameNode(let found), .nameSerial(let found):
            found.map { "\n    \(Quoted.shell($0.value))" + ($0.note.isEmpty ? "" : "   \(Quoted.line($0.note))") }.joined()
        case .nameBoard(let names), .nameWay(let names): names.map { "\n    \($0)" }.joined()
        default: ""
        }
    }

    /// What is to be done, in words that name no program; empty for what is not one deed.
    public var deed: String {
        switch self {
        case .advice, .either, .inOrder: ""
        case .bind: "Bind it with its label"
        case .provision: "Provision it"
        case .provisionBatch: "Provision some"
        case .listNodes: "See which nodes are there"
        case .showStatus: "Look at the node's status"
        case .verifyStatus: "Look at who can act on the node"
        case .listDevices: "See what devices the node has"
        case .showHistory: "Look at the node's history"
        case .acceptTransfer: "Make a new acceptance"
        case .transfer: "Hand it over with the acceptance"
        case .makeKey: "Make a new key"
        case .setTime: "Tell the node the time"
        case .listGrants: "See its grants, to revoke some"
        case .rotateKey: "Give it a new owner key, which ends all of them"
        case .renumber: "Begin the numbers anew"
        case .build(let board): board == nil ? "Build it" : "Build it for this board"
        case .showLayout: "Look at the board's wiring"
        case .startEmulated: "Start an emulated one"
        case .stopEmulated: "Stop it first"
        case .removeEmulated: "Remove it"
        case .listEmulated: "See the emulated boards"
        case .listBatches: "See the batches"
        case .showBatch: "Look at the batch"
        case .discard: "Discard it"
        case .exportManifest: "Have the manifest written again"
        case .importManifest: "Import the manifest"
        case .makeEscrowKey: "Make an escrow key"
        case .installUSBRule: "Install the rule that permits it"
        case .runTests(let suite): suite == nil ? "Run all tests" : "Run these tests"
        case .listTests: "List the tests"
        case .nameNode(let found): found.isEmpty ? "Name the right node" : "Name one of them"
        case .nameKey: "Name the right key"
        case .useKey: "Use that key"
        case .adopt: "Take it in, if your key was restored from a backup"
        case .nameBoard(let found): found.isEmpty ? "Name the right board" : "Name one of them"
        case .nameSerial: "Name one of them"
        case .flashAll: "Flash all of them"
        case .nameWay(let names): names.isEmpty ? "Take another way" : "Take a way that it has"
        case .wait: "Wait until it is plugged in"
        case .flash: "Flash it: compare no more"
        case .eraseAll: "Erase its keys as well"
        case .allowTestKeys: "Take it with its test keys"
        case .proveFreshness: "Send it with a token"
        case .injectIdentity: "Make its identity at the station"
        case .consentByRecoveryKey: "Name the recovery key"
        case .keepStation: "Call it so, or leave its name away"
        case .nameStation: "Give this station a name of its own"
        case .trustStation: "Trust this station's key"
        case .rehearse: "Rehearse with it"
        case .leaveUnprotected: "Leave the readback protection as it is"
        case .nameDatabase: "Name another database"
        case .nameEmulated: "Give it another name"
        case .watch: "Wait for more"
        case .trustClock: "Say that the clock is right"
        case .waitLonger: "Wait longer"
        }
    }
}
