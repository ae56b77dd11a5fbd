// A model of the STM32F411's flash interface and main memory (RM0383, section 3).

import HAL
import RegisterModels

/// The flash interface: registers by offset (3.8).
final class FlashModel: FlashInterfaceModel, @unchecked Sendable {
    let memory: MainMemoryModel

    static let starts = [0, 0x4000, 0x8000, 0xC000, 0x10000, 0x20000, 0x40000, 0x60000, 0x80000]

    init(memory: MainMemoryModel) {
        self.memory = memory
        super.init(key: 0x04, status: 0x0C, control: 0x10, cleared: 0x1F3)
        words[0x14] = 0x0FFF_AAED  // OPTCR as shipped: RDP 0xAA, OPTLOCK
        memory.interface = self
    }

    override func store(_ offset: UInt32, _ value: UInt32) {
        switch offset {
        case 0x08: unlockOptions(value)
        case 0x14: optionControl(value)
        default: super.store(offset, value)
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
        begin()
    }

    override func erase(by command: UInt32) {
        guard command.bit(1), !command.bit(0), !command.bit(2) else { return violations.append("STRT without SER alone") }
        let sector = Int(command.bits(6, 3))
        guard sector < 8 else { return violations.append("sector \(sector)") }
        erase(sector) { memory.fill(from: Self.starts[sector], to: Self.starts[sector + 1]) }
    }

    /// A word is stored to the main memory; true when it is programmed.
    func programs(_ offset: UInt32) -> Bool {
        if isBusy { violations.append("a word is programmed while the interface is busy") }
        guard !isLocked, self[control].bit(0) else {
            fail(1 << 7)  // PGSERR
            return false
        }
        guard self[control].bits(9, 8) == 2 else {
            fail(1 << 6)  // PGPERR
            return false
        }
        begin()
        let sector = Self.starts.lastIndex { $0 <= Int(offset) } ?? 8
        if protected.contains(sector) { failWith = 1 << 4 }  // WRPERR
        if failWith != 0 {
            fail(failWith)
            return false
        }
        return true
    }
}

/// 512 KB of main memory.
final class MainMemoryModel: FlashMemoryModel, @unchecked Sendable {
    init() { super.init(kilobytes: 512) }

    override func store(_ offset: UInt32, _ value: UInt32) {
        guard (interface as? FlashModel)?.programs(offset) == true else { return }
        programmed += 1
        contents[Int(offset) / 4] &= value
    }
}
