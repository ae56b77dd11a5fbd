// The USB on-the-go full-speed controller of the STM32F411 in device mode: registers, FIFOs and the core's own behaviour, written from
// the reference manual (RM0383, 22) and not from the driver. Nobody has compared it with a chip.

import HAL
import RegisterModels

/// What is broken, or merely slow.
public struct OTGFaults: Sendable {
    public var ahbIsBusy = false
    public var coreResetHangs = false
    public var modeIsStuck = false
    public var flushHangs = false
    /// INEPNE and EPDISD never come.
    public var disablingHangs = false
    /// Reads until a step that takes time is done.
    public var slowness = 3
    public init() {}
}

public final class OTGModel: RegisterModel, @unchecked Sendable {
    public var faults = OTGFaults()
    struct Received {
        var status: UInt32
        var words: [UInt32] = []
    }
    /// Receive FIFO: what the driver has not popped.
    var received: [Received] = []
    /// Words of the entry popped last that are still to be read.
    private var unread: [UInt32] = []
    var transmitted: [UInt32: [UInt32]] = [:]
    var inToggle = [UInt8](repeating: 0, count: 4)
    var outToggle = [UInt8](repeating: 0, count: 4)
    private var countdown: [UInt32: Int] = [:]
    var isSuspended = false
    /// The bus has been reset and its speed found.
    var isEnumerated = false
    /// A SETUP packet came, and no token of its data or status stage yet.
    var isSetupStage = false
    /// The bus has been reset, and no SETUP packet has come since.
    var isAwaitingSetup = false
    public private(set) var wakeups = 0
    private var wakeupBegan = 0
    var idleBegan = 0

    public override init() {
        super.init()
        resetRegisters()
    }

    private func resetRegisters() {
        words = [0x010: 1 << 31, 0x03C: 0x1200, 0x024: 0x200, 0x028: 0x0200_0200, 0x900: 1 << 15, 0xB00: 1 << 15]
        received = []
        unread = []
        transmitted = [:]
        isEnumerated = false
    }

    func violate(_ what: String) { violations.append(what) }

    // MARK: Time

    /// A bit whose change takes some reads.
    private func delay(_ key: UInt32, hangs: Bool) { countdown[key] = hangs ? .max : faults.slowness }

    private func isDone(_ key: UInt32) -> Bool {
        guard let left = countdown[key] else { return true }
        if left == .max { return false }
        countdown[key] = left > 0 ? left - 1 : nil
        return left == 0
    }

    // MARK: Registers

    public var isConnected: Bool {
        self[0x804] & 2 == 0 && self[0x038].bit(16) && self[0x038].bit(21) && isDevice && self[0x008].bit(0)
    }
    private var isDevice: Bool { self[0x00C].bit(30) && !faults.modeIsStuck }

    /// GINTSTS & GINTMSK, when GAHBCFG lets it out.
    public var isInterrupting: Bool { self[0x008].bit(0) && interruptStatus & self[0x018] != 0 }

    private var interruptStatus: UInt32 {
        var status = self[0x014] & ~(1 << 4 | 1 << 18 | 1 << 19 | 1)
        if !received.isEmpty { status |= 1 << 4 }
        let endpoints = allInterrupts & self[0x81C]
        if endpoints & 0xFFFF != 0 { status |= 1 << 18 }
        if endpoints >> 16 != 0 { status |= 1 << 19 }
        return status
    }

    private var allInterrupts: UInt32 {
        var bits: UInt32 = 0
        for number in UInt32(0)..<4 {
            if self[0x908 + 0x20 * number] & self[0x810] != 0 { bits |= 1 << number }
            if self[0xB08 + 0x20 * number] & self[0x814] != 0 { bits |= 1 << (16 + number) }
        }
        return bits
    }

    public override func load(_ offset: UInt32) -> UInt32 {
        switch offset {
        case 0x010:
            if faults.ahbIsBusy { return self[0x010] & ~(1 << 31) }
            for (bit, hangs) in [(0, faults.coreResetHangs), (4, faults.flushHangs), (5, faults.flushHangs)] as [(UInt32, Bool)]
            where self[0x010].bit(bit) && !hangs && isDone(bit) { self[0x010] &= ~(1 << bit) }
            return self[0x010]
        case 0x014: return interruptStatus | (isDevice && isDone(0xC) ? 0 : 1)
        case 0x018, 0x008, 0x00C, 0x024, 0x028, 0x038, 0x03C, 0x104, 0x108, 0x10C: return self[offset]
        case 0x020: return pop()
        case 0x808: return (isSuspended ? 1 : 0) | 3 << 1
        case 0x818: return allInterrupts
        case 0x800, 0x804, 0x810, 0x814, 0x81C, 0xE00: return self[offset]
        case 0x918, 0x938, 0x958, 0x978:
            let number = (offset - 0x918) / 0x20
            return UInt32(depth(number) - transmitted[number, default: []].count)
        case 0x1000..<0x5000:
            if unread.isEmpty {
                violate("FIFO read beyond the packet")
                return 0
            }
            return unread.removeFirst()
        case 0x900..<0x980, 0xB00..<0xB80:
            if offset & 0x1F == 8 || offset & 0x1F == 0 || offset & 0x1F == 0x10 { return self[offset] }
            fallthrough
        default:
            violate("read of reserved offset \(String(offset, radix: 16))")
            return 0
        }
    }

    private func pop() -> UInt32 {
        if !unread.isEmpty {
            violate("GRXSTSP popped with \(unread.count) words of a packet unread")
            unread = []
        }
        if received.isEmpty {
            violate("GRXSTSP popped while empty")
            return 0
        }
        let entry = received.removeFirst()
        unread = entry.words
        let number = entry.status & 0xF
        switch entry.status.bits(20, 17) {
        case 3: self[0xB08 + 0x20 * number] |= 1  // XFRC
        case 4:
            self[0xB08] |= 1 << 3  // STUP
            self[0xB00] &= ~(1 << 31)
        default: break
        }
        return entry.status
    }

    public override func store(_ offset: UInt32, _ value: UInt32) {
        switch offset {
        case 0x010: reset(value)
        case 0x014: self[0x014] &= ~value
        case 0x00C:
            if value.bit(30) && !self[0x00C].bit(30) { delay(0xC, hangs: faults.modeIsStuck) }
            self[0x00C] = value
        case 0x804: control(value)
        case 0x1000..<0x5000: push((offset >> 12) - 1, value)
        case 0x900..<0x980: endpoint(offset, value, isIn: true)
        case 0xB00..<0xB80: endpoint(offset, value, isIn: false)
        case 0x008, 0x018, 0x024, 0x028, 0x038, 0x104, 0x108, 0x10C, 0x800, 0x810, 0x814, 0x81C, 0xE00: self[offset] = value
        default: violate("write of reserved offset \(String(offset, radix: 16))")
        }
    }

    private func reset(_ value: UInt32) {
        if value.bit(0) {
            if !self[0x010].bit(31) || faults.ahbIsBusy { violate("core reset while the AHB is busy") }
            let (usb, general) = (self[0x00C], self[0x038])
            resetRegisters()
            (self[0x00C], self[0x038]) = (usb, general)
            delay(0, hangs: faults.coreResetHangs)
            self[0x010] |= 1
        }
        if value.bit(4) {
            received = []
            unread = []
            delay(4, hangs: faults.flushHangs)
            self[0x010] |= 1 << 4
        }
        if value.bit(5) {
            let number = value.bits(10, 6)
            for each in UInt32(0)..<4 where number == 0x10 || number == each {
                if self[0x900 + 0x20 * each].bit(31) && !faults.disablingHangs {
                    violate("transmit FIFO \(each) flushed while its endpoint is enabled")
                }
                transmitted[each] = []
            }
            delay(5, hangs: faults.flushHangs)
            self[0x010] |= 1 << 5
        }
    }

    private func control(_ value: UInt32) {
        let was = self[0x804]
        if was.bit(1) && !value.bit(1) { checkConfiguration() }
        if value.bit(0) && !was.bit(0) {
            // At 96 MHz a read takes 5 to 12 cycles; suspension has seen 3 ms of idle bus.
            if isSuspended {
                if (loads - idleBegan) * 5 < 2 * 96_000 { violate("remote wakeup before 5 ms of idle bus") }
                wakeups += 1
            }
            wakeupBegan = loads
        }
        if was.bit(0) && !value.bit(0) {
            let reads = loads - wakeupBegan
            if reads * 5 < 96_000 || reads * 12 > 15 * 96_000 { violate("remote wakeup signalled for \(reads) reads") }
        }
        self[0x804] = value & ~(0xF << 7)
    }

    // MARK: Configuration

    func depth(_ number: UInt32) -> Int { Int(self[number == 0 ? 0x028 : 0x100 + 4 * number] >> 16) }

    /// What must be right before the host sees the device.
    private func checkConfiguration() {
        if self[0x800].bits(1, 0) != 3 { violate("DSPD is not full speed") }
        if self[0x00C].bits(13, 10) < 6 { violate("TRDT too short for 96 MHz") }
        if !self[0x00C].bit(6) { violate("PHYSEL is not the full-speed transceiver") }
        if self[0x024] < 10 + 1 + 2 * 17 { violate("receive FIFO too small") }
        var regions = [0..<Int(self[0x024])]
        for number in UInt32(0)..<4 {
            let word = self[number == 0 ? 0x028 : 0x100 + 4 * number]
            let start = Int(word & 0xFFFF)
            if word >> 16 < 16 { violate("transmit FIFO \(number) below 16 words") }
            regions.append(start..<start + Int(word >> 16))
        }
        regions.sort { $0.lowerBound < $1.lowerBound }
        for (one, next) in zip(regions, regions.dropFirst()) where one.upperBound > next.lowerBound { violate("FIFOs overlap") }
        if regions.last!.upperBound > 320 { violate("FIFOs beyond 1.25 KB") }
    }

    // MARK: Endpoints

    private func push(_ number: UInt32, _ word: UInt32) {
        let size = self[0x910 + 0x20 * number]
        if !self[0x900 + 0x20 * number].bit(31) { violate("data for IN endpoint \(number), which is not enabled") }
        transmitted[number, default: []].append(word)
        let count = transmitted[number]!.count
        if count > (Int(size.bits(18, 0)) + 3) / 4 { violate("more words for IN endpoint \(number) than its transfer has") }
        if count > depth(number) { violate("transmit FIFO \(number) overflows") }
    }

    private func endpoint(_ offset: UInt32, _ value: UInt32, isIn: Bool) {
        let number = (offset & 0xFF) / 0x20
        let base = (isIn ? 0x900 : 0xB00) + 0x20 * number
        switch offset - base {
        case 0x00: control(number, base, value, isIn)
        case 0x08: self[offset] &= ~value
        case 0x10:
            // STUPCNT is to be set after a reset, whatever was armed before it (22.17.5).
            if self[base].bit(31) && !(offset == 0xB10 && isAwaitingSetup) {
                violate("size of \(isIn ? "IN" : "OUT") endpoint \(number) changed while it is enabled")
            }
            self[offset] = value
        default: violate("write of reserved offset \(String(offset, radix: 16))")
        }
    }

    private func control(_ number: UInt32, _ base: UInt32, _ value: UInt32, _ isIn: Bool) {
        let name = "\(isIn ? "IN" : "OUT") endpoint \(number)"
        let was = self[base]
        // Written as they are: size, type, active, stall, FIFO number. Kept: DPID, NAKSTS, EPENA.
        let writable: UInt32 = 0x7FF | 1 << 15 | 3 << 18 | 1 << 21 | 0xF << 22
        var now = was & ~writable | value & writable
        if number == 0 { now |= 1 << 15 | was & 1 << 21 }  // always active; only the core ends a stall
        if value.bit(26) && value.bit(27) { violate("CNAK and SNAK of \(name) at once") }
        if value.bit(26) { now &= ~(1 << 17) }
        if value.bit(27) {
            now |= 1 << 17
            if isIn && !faults.disablingHangs { self[base + 8] |= 1 << 6 }
        }
        if value.bit(28) {
            if number == 0 { violate("SD0PID of endpoint 0") }
            if isIn { inToggle[Int(number)] = 0 } else { outToggle[Int(number)] = 0 }
        }
        // Had the core ended the transfer in between, this would start another one.
        if value.bit(31) && was.bit(31) { violate("\(name) enabled while it is enabled") }
        if value.bit(31) && !was.bit(31) {
            now |= 1 << 31
            if self[base + 0x10].bits(28, 19) == 0 { violate("\(name) enabled for no packet") }
            if !now.bit(15) { violate("\(name) enabled while it is not active") }
            if isIn && !transmitted[number, default: []].isEmpty { violate("\(name) enabled with old data in its FIFO") }
            if isIn && now.bits(25, 22) != number { violate("\(name) has FIFO \(now.bits(25, 22))") }
        }
        if value.bit(30) {
            if !isIn { violate("\(name) disabled without a global OUT NAK") }
            if !was.bit(31) { violate("\(name) disabled while it is not enabled") }
            if isIn && !was.bit(17) { violate("\(name) disabled before its NAK took effect") }
            if !faults.disablingHangs {
                now &= ~(1 << 31)
                self[base + 8] |= 1 << 1
            }
        }
        self[base] = now
    }
}
