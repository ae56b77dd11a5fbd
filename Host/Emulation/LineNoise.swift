// A bad serial line: bytes that arrive changed, not at all, or that were never sent.
import Foundation
import SplitMix

/// What a line does to the bytes on it. The same seed does the same to the same bytes.
public struct LineNoise: Sendable {
    /// Chance of each byte to suffer, 0…1: one bit turned over, the byte lost, or a byte of chance behind it, equally likely.
    public let rate: Double
    private var random: SplitMix
    /// Bytes that went in.
    public private(set) var bytes = 0
    /// Bytes of `bytes` that were changed, lost or followed by another.
    public private(set) var hits = 0

    /// - Parameter rate: chance of each byte to suffer; taken as 0 below 0 and as 1 above 1.
    public init(rate: Double, seed: UInt64) {
        self.rate = min(max(rate, 0), 1)
        random = SplitMix(state: seed)
    }

    /// The bytes as they come out at the other end.
    public mutating func pass(_ data: some Sequence<UInt8>) -> [UInt8] {
        var result: [UInt8] = []
        for byte in data {
            bytes += 1
            guard Double.random(in: 0..<1, using: &random) < rate else {
                result.append(byte)
                continue
            }
            hits += 1
            switch UInt8.random(in: 0..<3, using: &random) {
            case 0: result.append(byte ^ 1 << UInt8.random(in: 0..<8, using: &random))
            case 1: break
            default: result += [byte, UInt8.random(in: 0...255, using: &random)]
            }
        }
        return result
    }
}

/// A plug that joins a board's transmitter to its receiver over a noisy line. The processor must stand still while bytes are moved
/// (`run(untilInstruction:)`), so that the same run gets the same bytes at the same instructions.
public final class NoisyLoopback {
    private let board: EmulatedBoard
    private let line: LineSocket
    private var noise: LineNoise
    private var underWay: [UInt8] = []
    /// All that the firmware sent.
    public private(set) var sent = Data()

    /// Connects to the UART of a board that is on.
    /// - Throws: `Failure` when the board is off.
    public init(_ board: EmulatedBoard, noise: LineNoise) throws {
        self.board = board
        self.noise = noise
        line = try board.connectUART()
        // QEMU serves its connections in turns: after two answers it has accepted this one, and drops no byte.
        for _ in 0..<2 { _ = try board.readRegister(board.board.ram.address.value) }
    }

    /// How much went over the line and how much of it suffered, for a test's report.
    public var description: String { "\(noise.hits) of \(noise.bytes) bytes on the line changed, lost or followed by another" }

    /// Moves what the firmware has sent onto the line, and one byte from the line into a receiver that is free. Call once per time of a byte.
    /// - Throws: `Failure` when the board is off, or closes the line.
    public func move() throws {
        try drain()
        guard let receiver = board.board.emulator?.receiver, !underWay.isEmpty,
            try board.readRegister(receiver.register.value) & UInt32(truncatingIfNeeded: receiver.full.value) == 0
        else { return }
        try line.send([underWay.removeFirst()])
        // After two answers QEMU has also looked here.
        for _ in 0..<2 { _ = try board.readRegister(receiver.register.value) }
    }

    /// Takes what is there, also from a board that has ended.
    public func drain() throws {
        guard let arrived = try? line.receive(timeout: 0) else { return }
        sent += arrived
        underWay += noise.pass(arrived)
    }
}
