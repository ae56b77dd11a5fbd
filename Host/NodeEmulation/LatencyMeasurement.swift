// Times in executed instructions, seen from outside an unchanged image: from reset to its first word, from a command to the pin.
//
// At `-icount shift=0` an instruction takes a nanosecond of QEMU's virtual time. A timer of the chip that the firmware does not use shows
// that time (board.json, "probes"), and the debugger's watchpoints on UART and output registers say when to read it. Sleep would count
// as well, but between a command and its effect nobody sleeps.
import ControlNode
import Emulation
import FirmwareBuild
import Foundation
import Provisioning
import Transport

/// What was measured on one board, in executed instructions.
public struct LatencyMeasurement: Codable, Sendable {
    /// From reset to the first byte of the line that says that the node is ready, with an erased store.
    public var bootBlank: Int
    /// The same with an owner, a label and a log in the store.
    public var bootOwned: Int
    /// From the reading of the last byte of the owner's command to the writing of the pin.
    public var command: Int

    /// Measures on `board`, which must tell its `probes`.
    public init(board: Board, image: URL) async throws {
        guard let probes = board.probes else {
            throw EmulationError("Boards/\(board.name)/board.json tells no \"probes\". Add the registers to watch there.")
        }
        let bench = try Bench(board: board, image: image)
        defer { bench.clear() }
        bootBlank = try bench.boot(flash: nil, probes)
        let owned = try await bench.makeOwned()
        bootOwned = try bench.boot(flash: owned, probes)
        command = try await bench.command(flash: owned, probes)
    }
}

private struct Bench {
    let board: Board
    let image: URL
    let folder: URL

    init(board: Board, image: URL) throws {
        self.board = board
        self.image = image
        folder = FileManager.default.temporaryDirectory.appendingPathComponent("lightnode-bench-\(UInt32.random(in: 0 ... .max))")
        try FileManager.default.createDirectory(
            at: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    }

    func clear() { try? FileManager.default.removeItem(at: folder) }

    private func home(_ name: String) throws -> Home { try Home(folder.appendingPathComponent(name).path) }

    /// The flash of a node with an owner.
    func makeOwned() async throws -> Data {
        let node = try EmulatedNode(board: board, image: image, flashFile: folder.appendingPathComponent("owned.bin"))
        try await node.powerOn()
        let label = try await node.provision(Station(home: try home("factory"))).label
        let owner = try node.seen(from: try home("owner"))
        try await owner.bind(label: label)
        try await owner.perform(Call(device: "led", method: "off"))
        try await node.powerOff()
        return try node.emulated.flashContents()
    }

    private var debugger: String { folder.path + "/gdb" }

    private func node(flash: Data?, wrap: @escaping @Sendable (any BytePipe) -> any BytePipe = { $0 }) throws -> EmulatedNode {
        unlink(debugger)
        let file = folder.appendingPathComponent("flash-\(UInt32.random(in: 0 ... .max))")
        try flash?.write(to: file)
        return try EmulatedNode(
            board: board, image: image, flashFile: file, clock: .instructions(shift: 0),
            arguments: ["-gdb", "unix:\(debugger),server=on,wait=off"], wrap: wrap)
    }

    func boot(flash: Data?, _ probes: Board.Probes) throws -> Int {
        let node = try node(flash: flash)
        try node.emulated.start(paused: true)
        defer { node.emulated.powerOff() }
        let clock = try VirtualClock(probes.clock, node.emulated)
        let stub = try DebugStub(path: debugger)
        let start = try clock.instructions()
        try stub.run(until: .writes, probes.transmitted.value, count: 4)
        return try clock.instructions() - start
    }

    func command(flash: Data, _ probes: Board.Probes) async throws -> Int {
        let gate = Gate()
        let node = try node(flash: flash) { HeldPipe($0, gate) }
        try await node.powerOn(timeout: 120)
        defer { node.emulated.powerOff() }
        let owner = try node.seen(from: try home("owner"))
        let message = try owner.sign(Call(device: "led", method: "on"), for: try await owner.known())
        nonisolated(unsafe) var measured: Int?
        let path = debugger
        gate.whenHeld = { release in
            let stub = try DebugStub(path: path)
            let clock = try VirtualClock(probes.clock, node.emulated)
            try stub.run(until: .reads, probes.received.value, count: 4, started: release)
            let start = try clock.instructions()
            try stub.run(until: .writes, probes.outputs.value, count: probes.outputBytes)
            measured = try clock.instructions() - start
            try stub.detach()
        }
        let receipt = try await owner.transmit(message)
        guard receipt.outcome == .done, let measured else {
            throw EmulationError("the command of the measurement was not carried out: \(receipt).")
        }
        return measured
    }
}

/// A timer of the chip, read by QEMU's test interface while the processor is halted.
private struct VirtualClock {
    let facts: Board.Probes.Clock
    let emulated: EmulatedBoard

    init(_ facts: Board.Probes.Clock, _ emulated: EmulatedBoard) throws {
        self.facts = facts
        self.emulated = emulated
        for step in facts.setup ?? [] where step.count == 2 {
            try emulated.writeRegister(step[0].value, UInt32(truncatingIfNeeded: step[1].value))
        }
    }

    func instructions() throws -> Int {
        if let capture = facts.capture { try emulated.writeRegister(capture.value, 1) }
        return Int((Double(try emulated.readRegister(facts.value.value)) * facts.nanoseconds).rounded())
    }
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
        try await Task.sleep(for: .milliseconds(500))
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
