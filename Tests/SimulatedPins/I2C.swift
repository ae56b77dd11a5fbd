// A simulated I2C bus with parts on it: registers by address pointer, an EEPROM with its deaf time, and faults as options.

import HAL
import Synchronization

/// What a test can break.
public struct I2CFaults: Sendable {
    /// The next this many transfers find nobody.
    public var silentTransfers = 0
    /// SDA is held low.
    public var isStuck = false
    public init() {}
}

/// Parts by address. A part's memory is addressed by a pointer of one or two bytes that each read and write moves on.
public final class SimulatedI2CParts: Sendable {
    struct Part {
        var memory: [UInt8]
        var pointerBytes: Int
        var pointer = 0
        var pageSize: Int?
        /// Bytes that one step of the pointer skips: 2 for a part with 16-bit registers.
        var stride = 1
        var busyTransfers = 0
    }
    struct State {
        var parts: [UInt8: Part] = [:]
        var faults = I2CFaults()
        var log: [String] = []
    }
    let state = Mutex(State())

    public init() {}

    public func attach(_ address: UInt8, memory: [UInt8], pointerBytes: Int, pageSize: Int? = nil, stride: Int = 1) {
        state.withLock {
            $0.parts[address] = Part(memory: memory, pointerBytes: pointerBytes, pageSize: pageSize, stride: stride)
        }
    }
    public func memory(_ address: UInt8) -> [UInt8] { state.withLock { $0.parts[address]?.memory ?? [] } }
    public func set(_ address: UInt8, at: Int, _ bytes: [UInt8]) {
        state.withLock { for (index, byte) in bytes.enumerated() { $0.parts[address]?.memory[at + index] = byte } }
    }
    public func breakBus(_ change: @Sendable (inout I2CFaults) -> Void) { state.withLock { change(&$0.faults) } }

    func transfer(_ address: UInt8, _ written: [UInt8], _ count: Int) -> Result<[UInt8], I2CError> {
        state.withLock { state in
            if state.faults.isStuck { return .failure(.busStuck) }
            if state.faults.silentTransfers > 0 {
                state.faults.silentTransfers -= 1
                return .failure(.noAddressAcknowledge)
            }
            guard var part = state.parts[address] else { return .failure(.noAddressAcknowledge) }
            if part.busyTransfers > 0 {
                part.busyTransfers -= 1
                state.parts[address] = part
                return .failure(.noAddressAcknowledge)
            }
            defer { state.parts[address] = part }
            if written.count >= part.pointerBytes, part.pointerBytes > 0, !written.isEmpty {
                part.pointer = written.prefix(part.pointerBytes).reduce(0) { $0 << 8 | Int($1) } * part.stride % part.memory.count
                let data = written.dropFirst(part.pointerBytes)
                for byte in data { part.write(byte) }
                if part.pageSize != nil, !data.isEmpty { part.busyTransfers = 5 }
            }
            return .success((0..<count).map { _ in part.read() })
        }
    }
}

extension SimulatedI2CParts.Part {
    /// A page write wraps within its page, as in the data sheets.
    mutating func write(_ byte: UInt8) {
        memory[pointer] = byte
        if let pageSize {
            pointer = pointer / pageSize * pageSize + (pointer + 1) % pageSize
        } else {
            pointer = (pointer + 1) % memory.count
        }
    }
    mutating func read() -> UInt8 {
        defer { pointer = (pointer + 1) % memory.count }
        return memory[pointer]
    }
}

/// The controller that a driver holds.
public struct SimulatedI2C: I2CBus, BitwiseCopyable {
    private let index: Int
    private static let buses = Mutex<[SimulatedI2CParts]>([])

    public init(_ parts: SimulatedI2CParts) {
        index = SimulatedI2C.buses.withLock {
            $0.append(parts)
            return $0.count - 1
        }
    }

    public func transfer(_ address: UInt8, write written: RawSpan, read: inout MutableRawSpan) throws(I2CError) {
        let bytes = (0..<written.byteCount).map { written.unsafeLoad(fromByteOffset: $0, as: UInt8.self) }
        let answer = SimulatedI2C.buses.withLock { $0[index] }.transfer(address, bytes, read.byteCount)
        for (offset, byte) in try answer.get().enumerated() { read.storeBytes(of: byte, toByteOffset: offset, as: UInt8.self) }
    }
}
