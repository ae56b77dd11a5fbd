import ArgumentParser
import NodeProtocol
import Reporting
import Testing

@testable import lightnode

/// Remedies are values; what they are on the command line is shown to users, so it must be something that the program takes.
@Suite("Remedies on the command line")
struct RemedyTests {
    private static let hex = String(repeating: "a1", count: 32)

    /// One of each kind, with and without what a kind may lack.
    static let deeds: [Remedy] = [
        .bind, .provision, .provisionBatch("lamps-1"), .listNodes, .showStatus, .verifyStatus, .listDevices, .showHistory,
        .acceptTransfer, .transfer, .makeKey, .setTime, .listGrants, .rotateKey, .build(board: nil), .build(board: "microbit"),
        .showLayout,
        .startEmulated(board: nil, name: nil), .startEmulated(board: "microbit", name: "kitchen"), .stopEmulated(name: "kitchen"),
        .removeEmulated(name: "kitchen"), .listEmulated, .listBatches, .showBatch("lamps-1", serial: nil),
        .showBatch("lamps-1", serial: 12), .discard(batch: "lamps-1", serial: 12, reason: "erased"), .exportManifest,
        .importManifest, .makeEscrowKey, .installUSBRule, .runTests(suite: nil), .runTests(suite: "Trivial"), .listTests,
        .nameNode([]), .nameNode([.init("emulated:one")]),
        .nameNode([.init("usb:1-2"), .init("serial:/dev/ttyACM0", note: "x")]),
        .nameKey, .nameBoard([]), .nameBoard(["microbit", "mps2-an386"]), .nameSerial([]),
        .nameSerial([.init("AAA", note: "dfu"), .init("BBB")]), .flashAll, .nameWay([]), .nameWay(["openocd"]), .wait, .flash,
        .eraseAll, .allowTestKeys, .proveFreshness, .injectIdentity, .consentByRecoveryKey, .nameStation, .trustStation(key: hex),
        .rehearse, .leaveUnprotected, .nameDatabase, .nameEmulated, .watch, .renumber, .trustClock,
        .waitLonger, .useKey(file: "new.key"), .adopt, .keepStation(name: "line 1"),
    ]

    /// The number of each kind that is a deed: the compiler asks for a new one here, and then `deeds` lacks it.
    private static func number(_ remedy: Remedy) -> Int? {
        switch remedy {
        case .advice, .either, .inOrder: nil
        case .bind: 0
        case .provision: 1
        case .provisionBatch: 2
        case .listNodes: 3
        case .showStatus: 4
        case .verifyStatus: 5
        case .listDevices: 6
        case .showHistory: 7
        case .acceptTransfer: 8
        case .transfer: 9
        case .makeKey: 10
        case .setTime: 11
        case .build: 12
        case .showLayout: 13
        case .startEmulated: 14
        case .stopEmulated: 15
        case .removeEmulated: 16
        case .listEmulated: 17
        case .listBatches: 18
        case .showBatch: 19
        case .discard: 20
        case .exportManifest: 21
        case .importManifest: 22
        case .makeEscrowKey: 23
        case .installUSBRule: 24
        case .runTests: 25
        case .listTests: 26
        case .nameNode: 27
        case .nameKey: 28
        case .nameBoard: 29
        case .nameSerial: 30
        case .flashAll: 31
        case .nameWay: 32
        case .wait: 33
        case .flash: 34
        case .eraseAll: 35
        case .allowTestKeys: 36
        case .proveFreshness: 37
        case .injectIdentity: 38
        case .consentByRecoveryKey: 39
        case .nameStation: 40
        case .trustStation: 41
        case .rehearse: 42
        case .leaveUnprotected: 43
        case .nameDatabase: 44
        case .nameEmulated: 45
        case .watch: 46
        case .listGrants: 47
        case .rotateKey: 48
        case .renumber: 49
        case .trustClock: 50
        case .waitLonger: 51
        case .useKey: 52
        case .adopt: 53
        case .keepStation: 54
        }
    }

    @Test("Every deed is tried here")
    func complete() {
        let numbers = Set(Self.deeds.compactMap(Self.number))
        #expect(numbers == Set(0..<55))
    }

    @Test("Every deed has words, and the command line that it is shown with is one that the parser takes", arguments: deeds)
    func parses(_ remedy: Remedy) throws {
        #expect(!remedy.deed.isEmpty && remedy.prose.hasPrefix(remedy.deed))
        let line = try #require(RemedyLine(remedy), "no command line")
        #expect(throws: Never.self, "lightnode \(line.words.joined(separator: " "))") {
            _ = try Lightnode.parseAsRoot(line.words)
        }
        if let option = line.option {
            #expect(Array(line.words.suffix(option.count)) == option)
        }
        // What is shown is what was parsed, or the choices with the option that was.
        #expect(
            remedy.text.contains(line.text) || (line.option.map { remedy.text.contains($0[0] + " ") } ?? false), "\(remedy.text)")
    }

    @Test("What the parser refuses is found: the check above can fail")
    func refused() {
        #expect(throws: (any Error).self) { _ = try Lightnode.parseAsRoot(["bind", "--label", "TEXT"]) }
        #expect(throws: (any Error).self) { _ = try Lightnode.parseAsRoot(["emulate", "start", "--bord", "microbit"]) }
    }

    @Test("Several remedies read as one sentence, each choice on a line of its own")
    func sentences() {
        let plug = Remedy.either([.advice("Plug one in"), .startEmulated(board: nil, name: nil), .nameNode([])])
        #expect(
            plug.text == "Plug one in; or start an emulated one: lightnode emulate start --board microbit --name NAME --detach"
                + "; or name the right node: --node emulated:NAME")
        #expect(Remedy.permitUSB.text == "Install the rule that permits it: sudo lightnode udev --install; then plug it in again")
        let two = Remedy.nameNode([.init("emulated:one", note: "microbit"), .init("usb:a b")])
        #expect(two.text == "Name one of them:\n    --node emulated:one   microbit\n    --node 'usb:a b'")
        #expect(two.prose == "Name one of them\n    emulated:one   microbit\n    'usb:a b'")
    }

    @Test("Every reason of a refusal has a remedy with words", arguments: RefusalReason.allCases)
    func refusals(_ reason: RefusalReason) {
        #expect(reason.remedy.text.contains(reason.advice.dropFirst()))
        #expect(!reason.advice.contains("lightnode ") && !reason.advice.contains("--"), "the protocol knows no command line")
        for remedy in reason.remedy.parts where remedy != .advice(reason.advice) {
            #expect(RemedyLine(remedy) != nil, "\(remedy) is prose beside the table's advice, or no deed of this program")
        }
    }

    @Test("As JSON an error has what happened, to what, and the remedy as words and as a value")
    func report() throws {
        let failure = Failure(.usage, "emulated:one is blank", about: "emulated:one", remedy: .provision)
        let report = ErrorReport(failure)
        #expect(report.subject == "emulated:one" && report.remedy == .provision && report.exitCode == 64)
        let json = Output.encoded(report)
        #expect(json.contains(#""advice" : "Provision it: lightnode provision""#), "\(json)")
        #expect(json.contains(#""subject" : "emulated:one""#) && json.contains(#""provision""#), "\(json)")
    }
}

extension Remedy {
    /// The advice and the deeds that it is made of.
    fileprivate var parts: [Remedy] {
        switch self {
        case .either(let parts), .inOrder(let parts): parts.flatMap(\.parts)
        default: [self]
        }
    }
}
