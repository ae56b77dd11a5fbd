// A model of the STM32F411's flash interface and main memory (RM0383, section 3), to the letter and no more patient than the chip.

import HAL
import RegisterModels

/// The flash interface: registers by offset (3.8).
final class FlashModel: RegisterModel, @unchecked Sendable {
    let memory: MainMemoryModel
    /// Reads of SR for which BSY stays set after an operation.
    var busyReads = 3
    /// Sectors that are write-protected.
    var protected: Set<Int> = []
    /// The next operation ends with these bits of SR.
    var failWith: UInt32 = 0
    private(set) var erased: [Int] = []
    private(set) var cacheResets = 0
    private var busyLeft = 0
    private var keys = 0
    private var isJammed = false

    static let starts = [0, 0x4000, 0x8000, 0xC000, 0x10000, 0x20000, 0x40000, 0x60000, 0x80000]

    init(memory: MainMemoryModel) {
        self.memory = memory
        super.init()
        words[0x10] = 1 << 31  // LOCK
        words[0x00] = 1 << 10  // DCEN
        words[0x14] = 0x0FFF_AAED  // OPTCR as shipped: RDP 0xAA, OPTLOCK
        memory.interface = self
    }

    var isBusy: Bool { busyLeft > 0 }
    var isLocked: Bool { self[0x10].bit(31) }

    override func load(_ offset: UInt32) -> UInt32 {
        guard offset == 0x0C else { return self[offset] }
        if busyLeft > 0 { busyLeft -= 1 }
        return self[0x0C] | (busyLeft > 0 ? 1 << 16 : 0)
    }

    override func store(_ offset: UInt32, _ value: UInt32) {
        switch offset {
        case 0x04: unlock(value)
        case 0x0C: self[0x0C] &= ~(value & 0x1F3)
        case 0x10: control(value)
        case 0x08: unlockOptions(value)
        case 0x14: optionControl(value)
        case 0x00:
            if value.bit(12) {
                if self[0].bit(10) { violations.append("the data cache is reset while it is on") }
                cacheResets += 1
            }
            self[0] = value
        default: violations.append("store to \(offset)")
        }
    }

    /// Key 1, then key 2; anything else jams the register until the next reset (3.5.1).
    private func unlock(_ value: UInt32) {
        if keys == 0 && value == 0x4567_0123 && !isJammed {
            keys = 1
        } else if keys == 1 && value == 0xCDEF_89AB && !isJammed {
            keys = 0
            self[0x10] &= ~(1 << 31)
        } else {
            isJammed = true
            violations.append("wrong key")
        }
    }

    /// What RDP is since the last time that the options were programmed.
    private(set) var readProtection: UInt32 = 0xAA
    private var optionKeys = 0

    /// As for the control register, with keys of its own (3.6.2).
    private func unlockOptions(_ value: UInt32) {
        if optionKeys == 0 && value == 0x0819_2A3B {
            optionKeys = 1
        } else if optionKeys == 1 && value == 0x4C5D_6E7F {
            optionKeys = 0
            self[0x14] &= ~1
        } else {
            violations.append("wrong option key")
        }
    }

    private func optionControl(_ value: UInt32) {
        if isBusy { return violations.append("OPTCR is written while the interface is busy") }
        if self[0x14].bit(0) { return violations.append("OPTCR is written while it is locked") }
        if value.bits(15, 8) == 0xCC { violations.append("level 2 has no way back") }
        if value & ~0xFF03 != 0x0FFF_AAED & ~0xFF03 { violations.append("another option is changed as well") }
        self[0x14] = value & ~2
        guard value.bit(1) else { return }
        readProtection = value.bits(15, 8)
        busyLeft = busyReads
    }

    private func control(_ value: UInt32) {
        if isBusy { return violations.append("CR is written while the interface is busy") }
        if isLocked { return violations.append("CR is written while it is locked") }
        self[0x10] = value & ~(1 << 16)
        guard value.bit(16) else { return }
        guard value.bit(1), !value.bit(0), !value.bit(2) else { return violations.append("STRT without SER alone") }
        if self[0x0C].bits(8, 4) != 0 { violations.append("an erase starts with an old error") }
        busyLeft = busyReads
        let sector = Int(value.bits(6, 3))
        guard sector < 8 else { return violations.append("sector \(sector)") }
        if protected.contains(sector) { return fail(1 << 4) }
        if failWith != 0 { return fail(failWith) }
        erased.append(sector)
        memory.fill(from: Self.starts[sector], to: Self.starts[sector + 1])
    }

    private func fail(_ bits: UInt32) {
        self[0x0C] |= bits
        failWith = 0
    }

    /// A word is stored to the main memory; true when it is programmed.
    func programs(_ offset: UInt32) -> Bool {
        if isBusy { violations.append("a word is programmed while the interface is busy") }
        guard !isLocked, self[0x10].bit(0) else {
            fail(1 << 7)  // PGSERR
            return false
        }
        guard self[0x10].bits(9, 8) == 2 else {
            fail(1 << 6)  // PGPERR
            return false
        }
        busyLeft = busyReads
        let sector = Self.starts.lastIndex { $0 <= Int(offset) } ?? 8
        if protected.contains(sector) {
            fail(1 << 4)  // WRPERR
            return false
        }
        if failWith != 0 {
            fail(failWith)
            return false
        }
        return true
    }
}

/// 512 KB of main memory.
final class MainMemoryModel: RegisterModel, @unchecked Sendable {
    weak var interface: FlashModel?
    private var contents = [UInt32](repeating: .max, count: 128 * 1024)
    private(set) var programmed = 0
    /// Bits that cannot be erased any more.
    var stuck: [Int: UInt32] = [:]

    override func load(_ offset: UInt32) -> UInt32 {
        if offset % 4 != 0 { violations.append("unaligned load at \(offset)") }
        if interface?.isBusy == true { violations.append("a read stalls while the interface is busy") }
        return contents[Int(offset) / 4]
    }

    override func store(_ offset: UInt32, _ value: UInt32) {
        guard interface?.programs(offset) == true else { return }
        programmed += 1
        contents[Int(offset) / 4] &= value
    }

    /// Puts a word there before the chip is powered.
    func preload(_ offset: Int, _ word: UInt32) { contents[offset / 4] = word }

    func fill(from start: Int, to end: Int) {
        for at in (start / 4)..<(end / 4) { contents[at] = .max & ~stuck[at * 4, default: 0] }
    }
}
