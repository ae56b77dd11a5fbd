// Times in executed instructions, seen from outside an unchanged image: from reset to its first line, from a command to the pin.
//
// A plugin holds QEMU's processor at exact counts of executed instructions; between two holds the wire and the pins are looked at. A
// figure is therefore exact but for one step. What a sleeping processor does not execute does not count.
import BoardFacts
import ControlNode
import Emulation
import Foundation
import Image
import Keystore
import NodeEmulation
import NodeProtocol
import Provisioning
import Reporting
import Transport

/// What was measured on one board, in executed instructions.
public struct LatencyMeasurement: Codable, Sendable {
    /// Instructions between two looks: how much too high a figure may be.
    public static let step: UInt64 = 250

    /// Instructions for which a node is left to itself before a command: it takes 13 million to make the table of a key on a Cortex-M0.
    public static let idle: UInt64 = 20_000_000

    /// From reset to the end of the line that says that the node is ready, with an erased store.
    public var bootBlank: Int
    /// As `bootBlank`, with an owner and a command in the store.
    public var bootOwned: Int
    /// As `bootBlank`, with a store whose log has gone round and whose newest page is nearly full, and with many records.
    public var bootFull: Int
    /// From the arrival of the last byte of the owner's command to the change of the pin: the mean of several. The node has been left to
    /// itself before, and so it has the table of its owner's key.
    public var command: Int
    /// As `command`, for the first command of a holder, under the owner's grant: two signatures to check, a slot to be saved.
    public var commandUnderGrant: Int

    /// Measures on the board of the image.
    /// - Throws: `Failure` when the plugin QEMUProbe is not built, or the board has no lights.
    public init(image: CheckedImage) async throws {
        let bench = try Bench(image: image)
        defer { bench.clear() }
        bootBlank = try bench.boot(flash: nil)
        let owned = try await bench.makeOwned()
        bootOwned = try bench.boot(flash: owned)
        bootFull = try bench.boot(flash: try await bench.makeFull())
        command = try await bench.command(flash: owned) { owner, _, call in try await owner.perform(call) }
        commandUnderGrant = try await bench.command(flash: owned) { owner, guest, call in
            let terms = Grant.Terms(holder: guest.controller.key.publicKey, scope: [.init("led", "on")])
            return try await guest.perform(call, under: try await owner.grant(terms))
        }
    }

    /// How many commands a figure is the mean of: a verification takes about a hundredth more or less, as the numbers in it fall.
    fileprivate static let samples = 5
}

private struct Bench {
    let image: CheckedImage
    var board: Board { image.board }
    let folder: URL

    init(image: CheckedImage) throws {
        self.image = image
        folder = FileManager.default.temporaryDirectory.appendingPathComponent("lightnode-bench-\(UInt32.random(in: 0 ... .max))")
        try FileManager.default.createDirectory(
            at: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    }

    func clear() { try? FileManager.default.removeItem(at: folder) }

    private func home(_ name: String) throws -> Home { try Home(folder.appendingPathComponent(name).path) }

    /// The flash of a node with an owner.
    func makeOwned() async throws -> Data {
        let node = try EmulatedNode(image: image, flashFile: folder.appendingPathComponent("owned.bin"))
        try await node.powerOn()
        let label = try await Station(home: try home("factory")).provisionAndFinish(node.client).label
        let owner = try node.seen(from: try home("owner"))
        try await owner.bind(label: label)
        try await owner.perform(Call(device: "led", method: "off"))
        try await node.powerOff()
        return try node.emulated.flashContents()
    }

    /// The flash of a node that has lived: every page of its log written, the oldest overwritten, the newest nearly full.
    func makeFull() async throws -> Data {
        guard let store = board.store else {
            throw Failure(.environment, "Boards/\(board.name)/board.json tells no store", advice: "Add it there")
        }
        // Entries of a page, and pages of the log: “Capacity” in Firmware/FlashStore/FlashStore.docc/Specification.md, the executor's layout.
        let entries = (store.page.int - 84) / 32, pages = store.size.int / store.page.int - 2
        let node = try EmulatedNode(image: image, flashFile: folder.appendingPathComponent("full.bin"))
        try await node.powerOn()
        let label = try await Station(home: try home("factory of the full one")).provisionAndFinish(node.client).label
        let owner = try node.seen(from: try home("owner of the full one"))
        try await owner.bind(label: label)
        let backups = (0..<3).map { _ in Backup(key: ControllerKey.generate().publicKey, silence: 1_000_000) }
        for _ in 0..<5 { try await owner.setBackups(backups) }
        let known = try await owner.known()
        while try await owner.status().nextIndex < (pages + 1) * entries - 10 {
            for _ in 0..<8 {
                let message = try owner.sign(Call(device: "led", method: "off"), for: known)
                let answer = try await owner.client.send(.post("command", message.bytes, contentFormat: 18))
                guard answer.isSuccess else {
                    throw Failure(
                        .environment, "a command that fills the log was answered with \(answer.codeText)", advice: "Run the tests"
                    )
                }
            }
        }
        try await node.powerOff()
        return try node.emulated.flashContents()
    }

    private func node(flash: Data?, wrap: @escaping @Sendable (any BytePipe) -> any BytePipe = { $0 }) throws -> EmulatedNode {
        let file = folder.appendingPathComponent("flash-\(UInt32.random(in: 0 ... .max))")
        try flash?.write(to: file)
        return try EmulatedNode(
            image: image, flashFile: file, clock: .instructions(shift: 0), countsInstructions: true, wrap: wrap)
    }

    func boot(flash: Data?) throws -> Int {
        let node = try node(flash: flash)
        try node.emulated.start(paused: true)
        defer { node.emulated.powerOff() }
        let wire = try node.emulated.connectUART()
        try node.emulated.resume()
        var said = Data()
        var count: UInt64 = 0
        // A line is a slipmux frame: it ends with a newline and END.
        while !said.starts(with: [0xC0, 0x0A]) || said.dropFirst(2).range(of: Data([0x0A, 0xC0])) == nil {
            count += LatencyMeasurement.step
            guard count < 100_000_000, try node.emulated.run(untilInstruction: count) else {
                throw Failure(
                    .environment,
                    "\(board.name) said nothing within 100 million instructions: \(String(decoding: said, as: UTF8.self))",
                    about: "\(board.name)", advice: "Measure again; when it stays so, look at what changed")
            }
            said += try wire.receive(timeout: 0)
        }
        return Int(count)
    }

    func command(
        flash: Data, perform: (_ owner: RemoteNode, _ guest: RemoteNode, _ call: Call) async throws -> Receipt
    ) async throws -> Int {
        var sum = 0
        for _ in 0..<LatencyMeasurement.samples { sum += try await oneCommand(flash: flash, perform: perform) }
        return sum / LatencyMeasurement.samples
    }

    private func oneCommand(
        flash: Data, perform: (_ owner: RemoteNode, _ guest: RemoteNode, _ call: Call) async throws -> Receipt
    ) async throws -> Int {
        guard let lights = board.display?.registers.first?.value else {
            throw Failure(
                .environment, "\(board.name) has no lights to look at", about: "\(board.name)",
                advice: "Use a board whose parts the emulator models")
        }
        let gate = Gate()
        let node = try node(flash: flash) { HeldPipe($0, gate) }
        try await node.powerOn(timeout: 120)
        defer { node.emulated.powerOff() }
        let processor = SteppedProcessor(node.emulated)
        defer { processor.stop() }
        nonisolated(unsafe) var measured: Int?
        gate.whenHeld = { release in
            processor.hold()
            defer { processor.goOn() }
            try processor.advance(LatencyMeasurement.idle)
            let start = processor.count
            let dark = try node.emulated.readRegister(lights)
            try release()
            // The main loop of QEMU takes the byte while the processor stands.
            usleep(100_000)
            while try node.emulated.readRegister(lights) == dark {
                try processor.advance(LatencyMeasurement.step)
                guard processor.count - start < 1_000_000_000 else { return }
            }
            measured = Int(processor.count - start)
        }
        // Each sample begins with the same flash, so it needs people who know of no later log.
        let sample = UInt32.random(in: 0 ... .max)
        let owner = folder.appendingPathComponent("owner \(sample)")
        try FileManager.default.copyItem(at: folder.appendingPathComponent("owner"), to: owner)
        let receipt = try await perform(
            try node.seen(from: try Home(owner.path)), try node.seen(from: try home("guest \(sample)")),
            Call(device: "led", method: "on"))
        guard receipt.outcome == .done, let measured else {
            throw Failure(
                .environment, "the command of the measurement was not carried out: \(receipt)",
                advice: "Measure again; when it stays so, look at what changed")
        }
        return measured
    }
}

/// Lets the processor run in known steps on a thread of its own, until it is held.
private final class SteppedProcessor: @unchecked Sendable {
    private let emulated: EmulatedBoard
    private let turn = NSLock()
    private var isStopped = false
    /// Instructions since reset. Valid while held.
    private(set) var count: UInt64 = 0
    /// What kept the processor from going on.
    private var failure: (any Error)?

    init(_ emulated: EmulatedBoard) {
        self.emulated = emulated
        Thread.detachNewThread { [self] in
            while turn.withLock({ oneMore() }) { usleep(1) }
        }
    }

    private func oneMore() -> Bool {
        guard !isStopped else { return false }
        do { try advance(20_000) } catch { failure = error }
        return failure == nil
    }

    /// Only while held, or by the thread.
    func advance(_ instructions: UInt64) throws {
        guard try emulated.run(untilInstruction: count + instructions) else {
            throw Failure(
                .environment, "the processor did not execute \(instructions) instructions within a minute",
                advice: "Measure again; when it stays so, look at what changed")
        }
        count += instructions
    }

    /// It stands from now on.
    func hold() { turn.lock() }

    func goOn() { turn.unlock() }
    func stop() { turn.withLock { isStopped = true } }
}

/// Holds back the last byte of the one frame that is long enough to be a signed command.
private final class Gate: @unchecked Sendable {
    /// Called with what releases the byte.
    var whenHeld: ((_ release: @escaping () throws -> Void) throws -> Void)?
}

private struct HeldPipe: BytePipe {
    let pipe: any BytePipe
    let gate: Gate

    init(_ pipe: any BytePipe, _ gate: Gate) {
        self.pipe = pipe
        self.gate = gate
    }

    var incoming: AsyncThrowingStream<[UInt8], any Error> { pipe.incoming }
    func close() { pipe.close() }

    func send(_ bytes: [UInt8]) async throws {
        guard let whenHeld = gate.whenHeld, bytes.count > 120, let last = bytes.last else { return try await pipe.send(bytes) }
        gate.whenHeld = nil
        try await pipe.send(bytes.dropLast())
        // The firmware takes what has come and sleeps.
        try await Task.sleep(for: .milliseconds(1500))
        let pipe = pipe
        try whenHeld {
            let sent = DispatchSemaphore(value: 0)
            Task.detached {
                try? await pipe.send([last])
                sent.signal()
            }
            sent.wait()
        }
    }
}
