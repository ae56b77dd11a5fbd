// A model of the STM32L475's flash interface and main memory (RM0351, section 3).

import HAL
import RegisterModels

/// The flash interface of a part of 1 MB or of 512 KB in two banks: registers by offset (3.7).
final class L4FlashModel: FlashInterfaceModel, @unchecked Sendable {
    let memory: L4MemoryModel
    let pagesPerBank: Int

    init(memory: L4MemoryModel, pagesPerBank: Int) {
        self.memory = memory
        self.pagesPerBank = pagesPerBank
        super.init(key: 0x08, status: 0x10, control: 0x14, cleared: 0xC3FB)
        memory.interface = self
    }

    override func erase(by command: UInt32) {
        guard command.bit(1), !command.bit(0), !command.bit(2), !command.bit(15) else {
            return violations.append("STRT without PER alone")
        }
        let number = Int(command.bits(10, 3))
        guard number < pagesPerBank else { return violations.append("page \(number) of a bank of \(pagesPerBank)") }
        let page = number + (command.bit(11) ? pagesPerBank : 0)
        erase(page) { memory.fill(from: page * 2048, to: (page + 1) * 2048) }
    }

    /// The second word of a double word is stored; true when both are programmed (3.3.7).
    func programs(_ offset: UInt32, isErased: Bool, allZero: Bool) -> Bool {
        begin()
        guard !isLocked, self[control].bit(0) else {
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
final class L4MemoryModel: FlashMemoryModel, @unchecked Sendable {
    private var waiting: (offset: UInt32, word: UInt32)?

    init() { super.init(kilobytes: 1024) }

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
        let interface = interface as? L4FlashModel
        guard interface?.programs(first.offset, isErased: isErased, allZero: first.word == 0 && value == 0) == true else {
            return
        }
        programmed += 1
        (contents[index], contents[index + 1]) = (first.word, value)
    }
}
