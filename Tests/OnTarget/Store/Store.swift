// The flash store on the board's own flash: the driver keeps the rules of a NOR part, and the store holds what it is given.
import Board
import FirmwareTesting
import FlashStore
import HAL
import MCU

@main enum Store: FirmwareSuite {
    private static var layout: StoreLayout { StoreLayout(recordPages: 1, intentBytes: 4, outcomeBytes: 6, summaryBytes: 44) }

    private static func formatted() -> FlashStore<ChipFlash> {
        var store = FlashStore(boardFlash(), layout: layout)
        do throws(StoreError) { try store.format() } catch { fail("the store cannot be formatted") }
        return store
    }

    private static func word(_ flash: borrowing ChipFlash, page: Int, _ offset: Int) -> UInt32 {
        var words: InlineArray<1, UInt32> = [0]
        var span = words.mutableSpan
        var bytes = span.mutableBytes
        do throws(FlashError) { try flash.read(page: page, offset: offset, into: &bytes) } catch { fail("a read failed") }
        return words[0]
    }

    private static func program(_ flash: inout ChipFlash, page: Int, _ offset: Int, _ value: UInt32) -> FlashError? {
        let words: InlineArray<1, UInt32> = [value]
        do throws(FlashError) { try flash.program(page: page, offset: offset, words.span.bytes) } catch { return error }
        return nil
    }

    private static func erase(_ flash: inout ChipFlash, _ page: Int) -> FlashError? {
        do throws(FlashError) { try flash.erase(page: page) } catch { return error }
        return nil
    }

    @used static func `an erased page is all ones and its neighbours stay`() {
        var flash = boardFlash()
        for page in 0..<3 { expect(erase(&flash, page) == nil) }
        let end = flash.pageSize(0) - 4
        expect(program(&flash, page: 0, end, 0x1234_5678) == nil)
        expect(program(&flash, page: 1, 0, 0x0BAD_F00D) == nil)
        expect(program(&flash, page: 2, 0, 0x9ABC_DEF0) == nil)
        expect(erase(&flash, 1) == nil)
        expect(word(flash, page: 0, end) == 0x1234_5678)
        expect(word(flash, page: 2, 0) == 0x9ABC_DEF0)
        for offset in 0..<(flash.pageSize(1) / 4) { expect(word(flash, page: 1, offset * 4) == 0xFFFF_FFFF) }
    }

    @used static func `programming only clears bits, and says so when that is not enough`() {
        var flash = boardFlash()
        expect(erase(&flash, 0) == nil)
        expect(program(&flash, page: 0, 8, 0xFFFF_0000) == nil)
        expect(program(&flash, page: 0, 8, 0x0000_FFFF) == .programFailed)
        expect(word(flash, page: 0, 8) == 0)
    }

    @used static func `what leaves the page or is not aligned is refused`() {
        var flash = boardFlash()
        expect(erase(&flash, 0) == nil)
        expect(program(&flash, page: 0, flash.pageSize(0), 0) == .outOfBounds)
        expect(program(&flash, page: flash.pageCount, 0, 0) == .outOfBounds)
        expect(program(&flash, page: -1, 0, 0) == .outOfBounds)
        expect(program(&flash, page: 0, 2, 0) == .unaligned)
        expect(erase(&flash, flash.pageCount) == .outOfBounds)
        expect(word(flash, page: 0, 0) == 0xFFFF_FFFF)
    }

    @used static func `records, counters and the journal are there after a mount`() {
        var store = formatted()
        let value = InlineArray<32, UInt8>(repeating: 0x5A)
        let summary = InlineArray<44, UInt8>(repeating: 7)
        let application: InlineArray<4, UInt8> = [1, 2, 3, 4]
        let outcome: InlineArray<6, UInt8> = [9, 8, 7, 6, 5, 4]
        do throws(StoreError) {
            try store.put(1, value.span, secret: true)
            for number in 1..<100 as Range<UInt64> {
                try store.raise(2, to: number * 1000)
                if store.needsPage { try store.openPage(summary: summary.span) }
                let index = try store.begin(sequence: number << 30, signer: 3, application: application.span)
                if number < 99 { try store.complete(index, outcome: outcome.span) }
            }
            var again = FlashStore(boardFlash(), layout: layout)
            try again.mount()
            let read: InlineArray<32, UInt8>? = try again.value(1)
            for index in 0..<32 { expect(require(read)[index] == 0x5A) }
            expect(try again.counter(2) == 99_000)
            expect(again.nextJournalIndex == 99)
            let last = require(try again.nextEntry(from: 98))
            expect(last.sequence == 99 << 30)
            expect(last.outcome == .none)
            let before = require(try again.nextEntry(from: 97))
            expect(before.outcome == .recorded)
            expect(before.outcomeBytes[0] == 9)
        } catch { fail("the store threw") }
    }

    @used static func `a secret that is removed is nowhere in the part`() {
        var store = formatted()
        var value = InlineArray<32, UInt8>(repeating: 0)
        for index in 0..<32 { value[index] = UInt8(truncatingIfNeeded: index * 73 + 29) }
        do throws(StoreError) {
            try store.put(1, value.span, secret: true)
            expect(holds(store.flash, value) == true)
            try store.remove(1)
            expect(holds(store.flash, value) == false)
        } catch { fail("the store threw") }
    }

    /// Any word of `value` is somewhere in the part.
    private static func holds(_ flash: borrowing ChipFlash, _ value: InlineArray<32, UInt8>) -> Bool {
        for start in 0..<8 {
            var wanted: UInt32 = 0
            for byte in 0..<4 { wanted |= UInt32(value[start * 4 + byte]) << UInt32(8 * byte) }
            for page in 0..<flash.pageCount {
                for offset in 0..<(flash.pageSize(page) / 4) where word(flash, page: page, offset * 4) == wanted { return true }
            }
        }
        return false
    }

    @used static func `the store takes less than 100 bytes of RAM`() {
        let size = MemoryLayout<FlashStore<ChipFlash>>.size
        expect(size < 100)
    }

    @used static func `a part of zeros is damaged, not new`() {
        var flash = boardFlash()
        for page in 0..<flash.pageCount {
            expect(erase(&flash, page) == nil)
            for offset in 0..<(flash.pageSize(page) / 4) { expect(program(&flash, page: page, offset * 4, 0) == nil) }
        }
        var store = FlashStore(flash, layout: layout)
        do throws(StoreError) {
            try store.mount()
            fail("it was mounted")
        } catch { expect(error == .damagedRecords) }
    }
}
