// A model of the STM32L475's flash interface and main memory (RM0351, section 3), to the letter and no more patient than the chip.

import HAL
import RegisterModels

/// The flash interface of a part of 1 MB or of 512 KB in two banks: registers by offset (3.7).
final class L4FlashModel: RegisterModel, @unchecked Sendable {
    let memory: L4MemoryModel
    let pagesPerBank: Int
    /// Reads of SR for which BSY stays set after an operation.
    var busyReads = 3
    /// Pages that are write-protected, counted through both banks.
    var protected: Set<Int> = []
    /// The next operation ends with these bits of SR.
    var failWith: UInt32 = 0
    private(set) var erased: [Int] = []
    private(set) var cacheResets = 0
    private var busyLeft = 0
    private var keys = 0
    private var isJammed = false

    init(memory: L4MemoryModel, pagesPerBank: Int) {
        self.memory = memory
        self.pagesPerBank = pagesPerBank
        super.init()
        words[0x14] = 1 << 31  // LOCK
        words[0x00] = 1 << 10  // DCEN
        memory.interface = self
    }

    var isBusy: Bool { busyLeft > 0 }
    var isLocked: Bool { self[0x14].bit(31) }

    override func load(_ offset: UInt32) -> UInt32 {
        guard offset == 0x10 else { return self[offset] }
        if busyLeft > 0 { busyLeft -= 1 }
        return self[0x10] | (busyLeft > 0 ? 1 << 16 : 0)
    }

    override func store(_ offset: UInt32, _ value: UInt32) {
        switch offset {
        case 0x08: unlock(value)
        case 0x10: self[0x10] &= ~(value & 0xC3FB)
        case 0x14: control(value)
        case 0x00:
            if value.bit(12) {
                if self[0].bit(10) { violations.append("the data cache is reset while it is on") }
                cacheResets += 1
            }
            self[0] = value
        default: violations.append("store to \(offset)")
        }
    }

    /// Key 1, then key 2; anything else jams the register until the next reset (3.3.5).
    private func unlock(_ value: UInt32) {
        if keys == 0 && value == 0x4567_0123 && !isJammed {
            keys = 1
        } else if keys == 1 && value == 0xCDEF_89AB && !isJammed {
            keys = 0
            self[0x14] &= ~(1 << 31)
        } else {
            isJammed = true
            violations.append("wrong key")
        }
    }

    private func control(_ value: UInt32) {
        if isBusy { return violations.append("CR is written while the interface is busy") }
        if isLocked { return violations.append("CR is written while it is locked") }
        self[0x14] = value & ~(1 << 16)
        guard value.bit(16) else { return }
        guard value.bit(1), !value.bit(0), !value.bit(2), !value.bit(15) else {
            return violations.append("STRT without PER alone")
        }
        if self[0x10] & 0xC3FA != 0 { violations.append("an erase starts with an old error") }
        busyLeft = busyReads
        let number = Int(value.bits(10, 3))
        guard number < pagesPerBank else { return violations.append("page \(number) of a bank of \(pagesPerBank)") }
        let page = number + (value.bit(11) ? pagesPerBank : 0)
        if protected.contains(page) { return fail(1 << 4) }
        if failWith != 0 { return fail(failWith) }
        erased.append(page)
        memory.fill(page: page)
    }

    func fail(_ bits: UInt32) {
        self[0x10] |= bits
        failWith = 0
    }

    /// The second word of a double word is stored; true when both are programmed (3.3.7).
    func programs(_ offset: UInt32, isErased: Bool, allZero: Bool) -> Bool {
        busyLeft = busyReads
        guard !isLocked, self[0x14].bit(0) else {
            fail(1 << 7)  // PGSERR
            return false
        }
        if protected.contains(Int(offset) / 2048) {
            fail(1 << 4)  // WRPERR
            return false
        }
        guard isErased || allZero else {
            fail(1 << 3)  // PROGERR
            return false
        }
        if failWith != 0 {
            fail(failWith)
            return false
        }
        return true
    }
}

/// 1 MB of main memory, programmed by pairs of stores.
final class L4MemoryModel: RegisterModel, @unchecked Sendable {
    weak var interface: L4FlashModel?
    private var contents = [UInt32](repeating: .max, count: 256 * 1024)
    private var waiting: (offset: UInt32, word: UInt32)?
    private(set) var programmed = 0
    /// Bits that cannot be erased any more.
    var stuck: [Int: UInt32] = [:]

    override func load(_ offset: UInt32) -> UInt32 {
        if offset % 4 != 0 { violations.append("unaligned load at \(offset)") }
        if interface?.isBusy == true { violations.append("a read stalls while the interface is busy") }
        return contents[Int(offset) / 4]
    }

    override func store(_ offset: UInt32, _ value: UInt32) {
        if interface?.isBusy == true { violations.append("a word is stored while the interface is busy") }
        guard let first = waiting else {
            if offset % 8 != 0 { violations.append("a double word begins at \(offset)") }
            waiting = (offset, value)
            return
        }
        waiting = nil
        guard offset == first.offset + 4 else { return violations.append("the second half is not behind the first") }
        let index = Int(first.offset) / 4
        let isErased = contents[index] == .max && contents[index + 1] == .max
        guard interface?.programs(first.offset, isErased: isErased, allZero: first.word == 0 && value == 0) == true else {
            return
        }
        programmed += 1
        (contents[index], contents[index + 1]) = (first.word, value)
    }

    func fill(page: Int) {
        for at in (page * 512)..<((page + 1) * 512) { contents[at] = .max & ~stuck[at * 4, default: 0] }
    }
}
