// Peripherals of the nRF51, from its reference manual v3.0: the two-wire interface (28), the converter (31), SPI (26), and TIMER2,
// PPI and GPIOTE together (18, 16, 14), whose joint effect on a pin is played tick by tick.

import RegisterModels
import SimulatedPins

/// TWI with one part of 256 bytes and an address pointer.
final class TWIModel: RegisterModel, @unchecked Sendable {
    let address: UInt32
    private var part = I2CMemory((0..<256).map { UInt8(truncatingIfNeeded: $0 * 5 + 1) })
    var memory: [UInt8] { part.bytes }
    var hangs = false
    private enum Phase { case idle, transmitting, receiving }
    private var phase = Phase.idle
    private var isSuspended = false
    /// Bytes that the part sent in the last read, and how often the bus was left.
    private(set) var clocked = 0
    private(set) var stops = 0
    var isIdle: Bool { phase == .idle }

    init(address: UInt32) {
        self.address = address
        super.init()
    }

    override func store(_ offset: UInt32, _ value: UInt32) {
        if hangs { return }
        switch offset {
        case 0x000: start(.receiving)
        case 0x008: start(.transmitting)
        case 0x014: stop()
        case 0x020: resume()
        case 0x51C: transmit(UInt8(truncatingIfNeeded: value))
        case 0x4C4: self[offset] &= ~value
        default: super.store(offset, value)
        }
    }

    private func start(_ next: Phase) {
        if self[0x500] != 5 { violations.append("started while disabled") }
        if phase == .transmitting && next == .receiving && self[0x11C] == 0 { violations.append("started anew before TXDSENT") }
        if self[0x588] != address {
            self[0x124] = 1
            self[0x4C4] |= 1 << 1  // ANACK
            return
        }
        phase = next
        part.isPointerNext = true
        isSuspended = false
        clocked = 0
        if next == .receiving { receive() } else { transmit(UInt8(truncatingIfNeeded: self[0x51C])) }
    }

    private func transmit(_ byte: UInt8) {
        self[0x51C] = UInt32(byte)
        guard phase == .transmitting else { return }
        part.take(byte)
        self[0x11C] = 1
    }

    /// A byte comes in; at its boundary the shortcuts act.
    private func receive() {
        if self[0x108] != 0 { violations.append("a byte was lost: RXD not read before the next came") }
        self[0x518] = UInt32(part.bytes[part.pointer])
        part.pointer = (part.pointer + 1) & 255
        clocked += 1
        self[0x108] = 1
        if self[0x200] & 2 != 0 {
            stop()
        } else if self[0x200] & 1 != 0 {
            isSuspended = true
        } else {
            violations.append("a byte's boundary passed without suspend or stop")
        }
    }

    private func resume() {
        if phase == .receiving && isSuspended {
            isSuspended = false
            receive()
        }
    }

    private func stop() {
        phase = .idle
        stops += 1
        self[0x104] = 1
    }
}

/// The converter: ten bits of what each input has, as a share of the supply.
final class NordicADCModel: RegisterModel, @unchecked Sendable {
    var inputs: [UInt32: UInt32] = [:]
    var isBroken = false
    override func store(_ offset: UInt32, _ value: UInt32) {
        super.store(offset, value)
        guard offset == 0x000 else { return }
        if self[0x500] != 1 { violations.append("started while disabled") }
        let configuration = self[0x504]
        if configuration.bits(1, 0) != 2 { violations.append("not 10 bits") }
        if configuration.bits(4, 2) != 2 || configuration.bits(6, 5) != 3 { violations.append("full scale is not the supply") }
        if configuration.bits(15, 8).nonzeroBitCount != 1 { violations.append("not one input") }
        self[0x508] = inputs[UInt32(configuration.bits(15, 8).trailingZeroBitCount), default: 0]
        if !isBroken { self[0x100] = 1 }
    }
}

/// SPI with a part that answers each byte with its complement.
final class SPIModel: RegisterModel, @unchecked Sendable {
    var sent: [UInt8] = []
    override func store(_ offset: UInt32, _ value: UInt32) {
        super.store(offset, value)
        guard offset == 0x51C else { return }
        if self[0x500] != 1 { violations.append("sent while disabled") }
        if self[0x108] != 0 { violations.append("READY not cleared") }
        sent.append(UInt8(truncatingIfNeeded: value))
        self[0x518] = UInt32(~UInt8(truncatingIfNeeded: value))
        self[0x108] = 1
    }
}

/// TIMER2, PPI and GPIOTE around one pin.
final class NordicPWMModel {
    let timer = TimerModel()
    let gpiote = RegisterModel()
    let ppi = PPIModel()
    let timerBase: UInt32 = 0x4000_A000
    let gpioteBase: UInt32 = 0x4000_6000

    final class TimerModel: RegisterModel, @unchecked Sendable {
        var isRunning = false
        override func store(_ offset: UInt32, _ value: UInt32) {
            switch offset {
            case 0x000: isRunning = true
            case 0x004: isRunning = false
            default: super.store(offset, value)
            }
        }
    }

    final class PPIModel: RegisterModel, @unchecked Sendable {
        var enabled: UInt32 = 0
        override func store(_ offset: UInt32, _ value: UInt32) {
            switch offset {
            case 0x504: enabled |= value
            case 0x508: enabled &= ~value
            default: super.store(offset, value)
            }
        }
    }

    /// Frequency in hertz and share of time high, over two periods; nil as frequency when the pin stands still.
    func play(pin: UInt32) -> (hertz: Double?, high: Double) {
        let configuration = gpiote[0x510]
        guard configuration.bits(1, 0) == 3, configuration.bits(12, 8) == pin else { return (nil, 0) }
        var level = configuration.bit(20)
        guard timer.isRunning else { return (nil, level ? 1 : 0) }
        let period = timer[0x54C]
        var toggles: [UInt32] = []
        for channel in UInt32(0)..<2 where ppi.enabled.bit(channel) && ppi[0x514 + channel * 8] == gpioteBase {
            toggles.append((ppi[0x510 + channel * 8] - timerBase - 0x140) / 4)
        }
        var high = 0
        var count: UInt32 = 0
        for _ in 0..<period * 2 {
            high += level ? 1 : 0
            count += 1
            for compare in toggles where timer[0x540 + compare * 4] == count { level.toggle() }
            if timer[0x200].bit(3) && count == timer[0x54C] { count = 0 }
            if count == 0x1_0000 { count = 0 }
        }
        let hertz = 16_000_000 / Double(1 << timer[0x510]) / Double(period)
        return (hertz, Double(high) / Double(period * 2))
    }
}
