// GPIO (RM 8.4), USART (RM 19.6), the converter (RM 11.12) and the watchdog (RM 15.4).

import RegisterModels

/// Sixteen pins; `levels` is what the world drives.
final class GPIOModel: RegisterModel, @unchecked Sendable {
    var levels: UInt32 = 0
    /// Levels that the pins had, in order, as the world saw them: only pins in output mode count.
    var trace: [UInt32] = []

    var driven: UInt32 { (0..<16).reduce(0) { $0 | (self[0].bits($1 * 2 + 1, $1 * 2) == 1 && self[0x14].bit($1) ? 1 << $1 : 0) } }

    override func load(_ offset: UInt32) -> UInt32 { offset == 0x10 ? levels : super.load(offset) }
    override func store(_ offset: UInt32, _ value: UInt32) {
        let before = driven
        if offset == 0x18 {
            self[0x14] = (self[0x14] & ~(value >> 16) | value) & 0xFFFF  // set wins over reset
        } else {
            super.store(offset, value)
        }
        if driven != before { trace.append(driven) }
    }
}

final class USARTModel: RegisterModel, @unchecked Sendable {
    var sent: [UInt8] = []
    private var line: UInt8?
    var isOn: Bool { self[0x0C].bit(13) }
    /// Reads of SR until the transmitter is free again; nil never.
    var busyReads: Int? = 3
    private var busy = 0

    func arrive(_ byte: UInt8) {
        guard isOn && self[0x0C].bit(2) else { return }
        if line != nil { self[0] |= 1 << 3 } else { line = byte }  // ORE keeps the first
        self[0] |= 1 << 5
    }

    override func load(_ offset: UInt32) -> UInt32 {
        switch offset {
        case 0x00:
            if busy > 0, busyReads != nil { busy -= 1 }
            return self[0] & ~(1 << 7) | (busy == 0 ? 1 << 7 : 0)
        case 0x04:
            let byte = line ?? 0
            line = nil
            self[0] &= ~(1 << 5 | 1 << 3)
            return UInt32(byte)
        default: return super.load(offset)
        }
    }

    override func store(_ offset: UInt32, _ value: UInt32) {
        guard offset == 0x04 else { return super.store(offset, value) }
        if busy > 0 { violations.append("DR written while the transmitter is busy") }
        sent.append(UInt8(truncatingIfNeeded: value))
        busy = busyReads ?? 1
    }

    /// Bits per second with a bus clock of `clock` (RM 19.3.4, oversampling by 16).
    func baud(clock: Double) -> Double { clock / 16 / (Double(self[8] >> 4) + Double(self[8] & 15) / 16) }
}

/// ADC1: twelve bits of what each channel has.
final class ADCModel: RegisterModel, @unchecked Sendable {
    var channels: [UInt32: UInt32] = [:]
    var isBroken = false
    private var readsLeft = 0

    override func store(_ offset: UInt32, _ value: UInt32) {
        super.store(offset, value)
        if offset == 0x08, value.bit(30) {
            if !value.bit(0) { violations.append("started while off") }
            if self[0x2C].bits(23, 20) != 0 { violations.append("a sequence of more than one conversion") }
            let channel = self[0x34].bits(4, 0)
            let register: UInt32 = channel < 10 ? 0x10 : 0x0C
            let place = (channel < 10 ? channel : channel - 10) * 3
            if self[register].bits(place + 2, place) != 7 { violations.append("channel \(channel) samples too briefly") }
            self[0x4C] = channels[channel, default: 0]
            self[0x08] &= ~(1 << 30)
            readsLeft = 20
        }
    }

    override func load(_ offset: UInt32) -> UInt32 {
        if offset == 0x00, readsLeft > 0, !isBroken {
            readsLeft -= 1
            if readsLeft == 0 { self[0] |= 1 << 1 }
        }
        if offset == 0x4C { self[0] &= ~(1 << 1) }
        return super.load(offset)
    }
}

/// IWDG: PR and RLR only after the key; reloads on 0xAAAA.
final class WatchdogModel: RegisterModel, @unchecked Sendable {
    var isRunning = false
    private var isOpen = false
    override func store(_ offset: UInt32, _ value: UInt32) {
        if offset == 0 {
            isOpen = value == 0x5555
            if value == 0xCCCC { isRunning = true }
        } else if isOpen {
            super.store(offset, value)
        } else {
            violations.append("written while locked")
        }
    }
    var timeoutMilliseconds: Double { Double(self[8] + 1) * Double(4 << self[4].bits(2, 0)) / 32 }
}
