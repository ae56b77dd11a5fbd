// What a remedy is on this command line: the one place that turns it into commands and options.
import Reporting

/// How a deed is typed: a whole command, or an option to be added to the command that failed.
struct RemedyLine {
    /// The words after `lightnode`, complete, so that the parser takes them. Upper case stands for what the user knows.
    let words: [String]
    /// The option among them, if the rest only says which command it belongs to.
    let option: [String]?
    /// What goes before the program's name.
    let prefix: String

    private init(_ words: [String], option: [String]? = nil, prefix: String = "") {
        (self.words, self.option, self.prefix) = (words, option, prefix)
    }

    private static func run(_ words: String..., prefix: String = "") -> RemedyLine { RemedyLine(words, prefix: prefix) }

    private static func add(_ option: String..., to command: String...) -> RemedyLine {
        RemedyLine(command + option, option: option)
    }

    /// As it is shown.
    var text: String {
        let words = (option ?? words).map { Quoted.shell($0) }.joined(separator: " ")
        return option == nil ? "\(prefix)lightnode \(words)" : words
    }

    /// Nil for what is no deed of this program.
    init?(_ remedy: Remedy) {
        guard let line = Self.owning(remedy) ?? Self.making(remedy) ?? Self.choosing(remedy) else { return nil }
        self = line
    }

    private static func owning(_ remedy: Remedy) -> RemedyLine? {
        switch remedy {
        case .bind: run("bind", "LABEL")
        case .adopt: run("adopt")
        case .listNodes: run("list")
        case .showStatus: run("status")
        case .verifyStatus: run("status", "--verify")
        case .listDevices: run("devices")
        case .showHistory: run("history")
        case .acceptTransfer: run("transfer", "--accept")
        case .transfer: run("transfer", "ACCEPTANCE")
        case .makeKey: run("keys", "new")
        case .setTime: run("time")
        case .listGrants: run("grants")
        case .rotateKey: run("rotate", "FILE")
        case .renumber: run("keys", "renumber")
        case .nameKey: add("--key", "FILE", to: "history")
        case .useKey(let file): add("--key", file, to: "history")
        case .allowTestKeys: add("--allow-test", to: "bind", "LABEL")
        case .proveFreshness: add("--fresh", to: "send", "$('led').on()")
        case .consentByRecoveryKey: add("--recovery-key", "FILE", to: "release")
        default: nil
        }
    }

    private static func making(_ remedy: Remedy) -> RemedyLine? {
        switch remedy {
        case .provision: run("provision")
        case .provisionBatch(let name): run("provision", "--batch", name)
        case .listBatches: run("batch", "list")
        case .showBatch(let name, let serial): RemedyLine(["batch", "show", name] + (serial.map { ["\($0)"] } ?? []))
        case .discard(let batch, let serial, let reason): run("batch", "discard", batch, "\(serial)", "--reason", reason)
        case .exportManifest: run("batch", "export", "BATCH")
        case .importManifest: run("batch", "import", "FILE")
        case .makeEscrowKey: run("escrow", "new", "NAME")
        case .installUSBRule: run("udev", "--install", prefix: "sudo ")
        case .injectIdentity: add("--inject-identity", to: "provision")
        case .leaveUnprotected: add("--no-protect", to: "provision")
        case .rehearse: add("--rehearse", to: "provision", "--batch", "BATCH")
        case .watch: add("--watch", to: "provision", "--batch", "BATCH")
        case .keepStation(let name): add("--station", name, to: "batch", "list")
        case .nameStation: add("--station", "NAME", to: "batch", "list")
        case .nameDatabase: add("--database", "URL", to: "batch", "list")
        case .trustStation(let key): add("--station-key", key, to: "batch", "verify", "FILE")
        default: nil
        }
    }

    private static func choosing(_ remedy: Remedy) -> RemedyLine? {
        switch remedy {
        case .build(let board): run("build", "--board", board ?? "BOARD")
        case .showLayout: run("layout", "--board", "BOARD")
        case .startEmulated(let board, let name):
            RemedyLine(["emulate", "start", "--board", board ?? "microbit", "--name", name ?? "NAME", "--detach"])
        case .stopEmulated(let name): run("emulate", "stop", name)
        case .removeEmulated(let name): run("emulate", "remove", name)
        case .listEmulated: run("emulate", "list")
        case .runTests(let suite): RemedyLine(["test"] + (suite.map { [$0] } ?? []))
        case .listTests: run("test", "--list")
        case .flash: run("flash")
        case .nameNode(let found): add("--node", found.first?.value ?? "emulated:NAME", to: "status")
        case .nameBoard(let found): add("--board", found.first ?? "BOARD", to: "build")
        case .nameSerial(let found): add("--serial", found.first?.value ?? "SERIAL", to: "flash")
        case .nameWay(let found): add("--via", found.first ?? "dfu", to: "flash")
        case .flashAll: add("--all", to: "flash")
        case .wait: add("--wait", to: "flash")
        case .trustClock: add("--trust-clock", to: "send", "$('led').on()")
        case .waitLonger: add("--timeout", "60", to: "history")
        case .eraseAll: add("--erase-all", to: "flash")
        case .nameEmulated: add("--name", "NAME", to: "emulate", "start", "--board", "BOARD")
        default: nil
        }
    }
}

extension Remedy {
    /// All of it as a user of this program reads it.
    var text: String {
        switch self {
        case .advice(let text): text
        case .either(let parts): Self.joined(parts, "; or ")
        case .inOrder(let parts): Self.joined(parts, "; then ")
        case .nameNode(let found) where found.count > 1: deed + ":" + Self.list("--node", found)
        case .nameSerial(let found) where !found.isEmpty: deed + ":" + Self.list("--serial", found)
        case .nameBoard(let names) where names.count > 1: deed + ":" + Self.list("--board", names.map { .init($0) })
        case .nameWay(let names) where names.count > 1: deed + ":" + Self.list("--via", names.map { .init($0) })
        default: deed + (RemedyLine(self).map { ": \($0.text)" } ?? "")
        }
    }

    private static func joined(_ parts: [Remedy], _ word: String) -> String {
        parts.enumerated().map { $0 == 0 ? $1.text : $1.text.prefix(1).lowercased() + $1.text.dropFirst() }.joined(
            separator: word)
    }

    private static func list(_ option: String, _ found: [Choice]) -> String {
        found.map { "\n    \(option) \(Quoted.shell($0.value))" + ($0.note.isEmpty ? "" : "   \(Quoted.line($0.note))") }.joined()
    }
}
