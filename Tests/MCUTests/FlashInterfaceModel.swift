// What the flash interfaces of the STM32F411 and STM32L475 do alike (RM0383 and RM0351, section 3), to the letter and no more patient than the
// chips.

import HAL
import RegisterModels
import Testing

/// Keys, errors, busy time and data cache. Subclasses say what is erased and programmed.
class FlashInterfaceModel: RegisterModel, @unchecked Sendable {
    /// Offsets of KEYR, SR and CR; ACR is at 0.
    let key: UInt32, status: UInt32, control: UInt32
    /// Bits of SR that writing 1 clears.
    let cleared: UInt32
    /// Reads of SR for which BSY stays set after an operation.
    var busyReads = 3
    /// Sectors or pages that are write-protected.
    var protected: Set<Int> = []
    /// The next operation ends with these bits of SR.
    var failWith: UInt32 = 0
    private(set) var erased: [Int] = []
    private(set) var cacheResets = 0
    private var busyLeft = 0
    private var keys = 0
    private var isJammed = false

    init(key: UInt32, status: UInt32, control: UInt32, cleared: UInt32) {
        (self.key, self.status, self.control, self.cleared) = (key, status, control, cleared)
        super.init()
        words[control] = 1 << 31  // LOCK
        words[0x00] = 1 << 10  // DCEN
    }

    var isBusy: Bool { busyLeft > 0 }
    var isLocked: Bool { self[control].bit(31) }

    override func load(_ offset: UInt32) -> UInt32 {
        guard offset == status else { return self[offset] }
        if busyLeft > 0 { busyLeft -= 1 }
        return self[status] | (busyLeft > 0 ? 1 << 16 : 0)
    }

    override func store(_ offset: UInt32, _ value: UInt32) {
        switch offset {
        case key: unlock(value)
        case status: self[status] &= ~(value & cleared)
        case control: command(value)
        case 0x00:
            if value.bit(12) {
                if self[0].bit(10) { violations.append("the data cache is reset while it is on") }
                cacheResets += 1
            }
            self[0] = value
        default: violations.append("store to \(offset)")
        }
    }

    /// Key 1, then key 2; anything else jams the register until the next reset (RM0383 3.5.1, RM0351 3.3.5).
    private func unlock(_ value: UInt32) {
        if keys == 0 && value == 0x4567_0123 && !isJammed {
            keys = 1
        } else if keys == 1 && value == 0xCDEF_89AB && !isJammed {
            keys = 0
            self[control] &= ~(1 << 31)
        } else {
            isJammed = true
            violations.append("wrong key")
        }
    }

    private func command(_ value: UInt32) {
        if isBusy { return violations.append("CR is written while the interface is busy") }
        if isLocked { return violations.append("CR is written while it is locked") }
        self[control] = value & ~(1 << 16)
        guard value.bit(16) else { return }
        if self[status] & cleared & ~1 != 0 { violations.append("an erase starts with an old error") }
        erase(by: value)
    }

    /// STRT is written with these other bits of CR.
    func erase(by command: UInt32) { violations.append("nothing can be erased") }

    /// Erases sector or page `number`, or fails.
    func erase(_ number: Int, _ fill: () -> Void) {
        begin()
        if protected.contains(number) { return fail(1 << 4) }
        if failWith != 0 { return fail(failWith) }
        erased.append(number)
        fill()
    }

    /// An operation begins: BSY is set for a while.
    func begin() { busyLeft = busyReads }

    func fail(_ bits: UInt32) {
        self[status] |= bits
        failWith = 0
    }
}

/// Main memory: what was erased reads as ones, and programming clears bits.
class FlashMemoryModel: RegisterModel, @unchecked Sendable {
    weak var interface: FlashInterfaceModel?
    var contents: [UInt32]
    var programmed = 0
    /// Bits that cannot be erased any more.
    var stuck: [Int: UInt32] = [:]

    init(kilobytes: Int) {
        contents = [UInt32](repeating: .max, count: kilobytes * 256)
        super.init()
    }

    override func load(_ offset: UInt32) -> UInt32 {
        if offset % 4 != 0 { violations.append("unaligned load at \(offset)") }
        if interface?.isBusy == true { violations.append("a read stalls while the interface is busy") }
        return contents[Int(offset) / 4]
    }

    /// Puts a word there before the chip is powered.
    func preload(_ offset: Int, _ word: UInt32) { contents[offset / 4] = word }

    func fill(from start: Int, to end: Int) {
        for at in (start / 4)..<(end / 4) { contents[at] = .max & ~stuck[at * 4, default: 0] }
    }
}

/// The second page refuses to be erased and programmed, and the first does both afterwards.
func expectOnlySecondProtected(_ flash: inout some NORFlash & ~Copyable, unit: [UInt32]) {
    #expect(flash.fault(erasing: 1) == .writeProtected)
    #expect(flash.fault(programming: 1, 0, unit) == .writeProtected)
    #expect(flash.fault(erasing: 0) == nil)
    #expect(flash.fault(programming: 0, 0, unit) == nil)
}

extension NORFlash where Self: ~Copyable {
    /// Programs words; what comes of it as a value.
    mutating func fault(programming page: Int, _ offset: Int, _ words: [UInt32]) -> FlashError? {
        do throws(FlashError) { try program(page: page, offset: offset, words.span.bytes) } catch { return error }
        return nil
    }

    /// Erases; what comes of it as a value.
    mutating func fault(erasing page: Int) -> FlashError? {
        do throws(FlashError) { try erase(page: page) } catch { return error }
        return nil
    }

    /// What is there.
    func bytes(page: Int, _ offset: Int, count: Int) throws(FlashError) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        var span = bytes.mutableSpan
        var raw = span.mutableBytes
        try read(page: page, offset: offset, into: &raw)
        return bytes
    }
}
