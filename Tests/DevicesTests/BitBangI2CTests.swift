// I2C by software, against a part that follows the two wires edge by edge.

import DeviceModel
import Drivers
import HAL
import SimulatedPins
import Synchronization
import Testing

/// Two wires with pull-ups and one part on them, followed edge by edge (NXP UM10204, 3.1): a part of 256 bytes with an address
/// pointer, which may stretch the clock, hang on to the data line, or be absent.
private final class Wires: @unchecked Sendable {
    private var part = I2CMemory((0..<256).map { UInt8(truncatingIfNeeded: $0 * 3 + 1) })
    var memory: [UInt8] { part.bytes }
    let address: UInt8 = 0x50
    /// Half bits for which the part holds the clock low after each byte.
    var stretch = 0
    /// The clocks after which a part that was interrupted lets the data line go; nil never.
    var heldFor: Int? = 0
    var shorted = false
    private(set) var starts = 0
    private(set) var stops = 0

    private var clockReleased = true, dataReleased = true
    private var partHoldsData = false
    private var stretchLeft = 0
    private enum Phase { case idle, address, write, read, ignoring }
    private var phase = Phase.idle
    private var bit = 0
    private var byte: UInt8 = 0

    var clock: Bool { clockReleased && stretchLeft == 0 && !shorted }
    var data: Bool { dataReleased && !partHoldsData && heldFor == 0 }

    func wait() { if stretchLeft > 0 { stretchLeft -= 1 } }

    func setData(_ released: Bool) {
        let before = data
        dataReleased = released
        if clock && before && !data {
            starts += 1
            (phase, bit, byte, partHoldsData) = (.address, 0, 0, false)
        } else if clock && !before && data {
            stops += 1
            phase = .idle
        }
    }

    func setClock(_ released: Bool) {
        if clockReleased == released { return }
        clockReleased = released
        if released { rise() } else { fall() }
    }

    private func rise() {
        if let left = heldFor, left > 0 { heldFor = left - 1 }
        if bit < 8 && phase != .read { byte = byte << 1 | (data ? 1 : 0) }
        if bit == 8 && phase == .read && data { phase = .ignoring }  // not acknowledged: the last byte
        bit += 1
    }

    private func fall() {
        switch phase {
        case .idle, .ignoring: partHoldsData = false
        case .address, .write:
            if bit == 8 { acknowledge() } else if bit == 9 { next() }
        case .read:
            if bit == 9 { next() } else { send() }
        }
    }

    private func acknowledge() {
        if phase == .address && byte >> 1 != address { phase = .ignoring } else { partHoldsData = true }
        stretchLeft = stretch
    }

    private func next() {
        partHoldsData = false
        bit = 0
        switch phase {
        case .address:
            phase = byte & 1 == 1 ? .read : .write
            part.isPointerNext = true
        case .write:
            part.take(byte)
        default: part.pointer = (part.pointer + 1) & 255
        }
        byte = 0
        if phase == .read { send() }
    }

    private func send() { partHoldsData = bit < 8 && part.bytes[part.pointer] & (0x80 >> UInt8(bit)) == 0 }
}

private struct Lines: OpenDrainLines {
    // Drivers hold their lines as plain bits: what the tests make stays until they end.
    private let kept: Unmanaged<Wires>
    init(_ wires: Wires) { kept = .passRetained(wires) }
    private var wires: Wires { kept.takeUnretainedValue() }
    func setClock(released: Bool) { wires.setClock(released) }
    func setData(released: Bool) { wires.setData(released) }
    var isClockHigh: Bool { wires.clock }
    var isDataHigh: Bool { wires.data }
    func waitHalfBit() { wires.wait() }
}

private func read(_ wires: Wires, _ address: UInt8 = 0x50, from: UInt8, count: Int) throws -> [UInt8] {
    var bus = BitBangI2C(Lines(wires))
    return try bus.bytes(of: address, from: from, count: count)
}

@Test(
    "By software: reads and writes of every length arrive, also when the part stretches the clock", arguments: [0, 1, 50],
    [1, 2, 3, 16])
func bitBangTransfers(stretch: Int, count: Int) throws {
    let wires = Wires()
    wires.stretch = stretch
    #expect(try read(wires, from: 10, count: count) == Array(wires.memory[10..<10 + count]))
    #expect(wires.starts == 2 && wires.stops == 1)
    var bus = BitBangI2C(Lines(wires))
    let data = [0x40] + (0..<count).map { UInt8(0xA0 + $0) }
    try bus.write(0x50, data.span.bytes)
    #expect(Array(wires.memory[0x40..<0x40 + count]) == Array(data.dropFirst()))
    #expect(wires.starts == 3 && wires.stops == 2)
}

@Test("By software: a missing part is told and the bus is left free")
func bitBangMissing() throws {
    let wires = Wires()
    #expect(throws: I2CError.noAddressAcknowledge) { try read(wires, 0x51, from: 0, count: 1) }
    #expect(wires.clock && wires.data && wires.stops == 1)
    #expect(try read(wires, from: 0, count: 2) == Array(wires.memory[0..<2]))
}

@Test(
    "By software: a part interrupted while it sent lets go within nine clocks; one that never does is told", arguments: [1, 5, 9])
func bitBangRecovery(clocks: Int) throws {
    let wires = Wires()
    wires.heldFor = clocks
    #expect(try read(wires, from: 7, count: 1) == [wires.memory[7]])
    wires.heldFor = nil
    #expect(throws: I2CError.busStuck) { try read(wires, from: 7, count: 1) }
    wires.heldFor = 0
    wires.shorted = true
    #expect(throws: I2CError.busStuck) { try read(wires, from: 7, count: 1) }
}
