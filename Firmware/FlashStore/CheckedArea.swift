// Reading and writing of checked areas, word by word, without a buffer larger than one write unit.
import HAL

/// Checked bytes as they were written: words of a page with the one flipped bit put right.
struct CheckedWords: ~Copyable {
    private let inMemory = InMemory()
    let page: Int
    let offset: Int
    /// Offset of the word with the flipped bit, or -1.
    private let flippedWord: Int
    private let mask: UInt32

    @inline(never)
    init(page: Int, offset: Int, length: Int, verdict: Check.Verdict) {
        self.page = page
        self.offset = offset
        if case .flipped(let bit) = verdict {
            flippedWord = length &- 4 &- 4 &* (bit >> 5)
            mask = 1 &<< UInt32(truncatingIfNeeded: bit & 31)
        } else {
            flippedWord = -1
            mask = 0
        }
    }

    /// The word `at` bytes after the start; `at` is a multiple of four.
    @inline(never)
    func word<Flash: NORFlash & ~Copyable>(_ at: Int, of store: borrowing FlashStore<Flash>) throws(StoreError) -> UInt32 {
        let word = try store.word(page, offset &+ at)
        return at == flippedWord ? word ^ mask : word
    }

    /// Copies bytes from `start` into `bytes[into ..< into + count]`.
    @inline(never)
    func copy<Flash: NORFlash & ~Copyable>(
        from start: Int, count: Int, of store: borrowing FlashStore<Flash>, into bytes: inout MutableSpan<UInt8>
    ) throws(StoreError) {
        var word: UInt32 = 0
        for index in 0..<count {
            let at = start &+ index
            if index == 0 || at & 3 == 0 { word = try self.word(at & ~3, of: store) }
            bytes[index] = UInt8(truncatingIfNeeded: word >> UInt32(truncatingIfNeeded: at & 3 &* 8))
        }
    }
}

/// Writes a checked area from its first byte to its check, granule by granule.
struct Writer {
    let page: Int
    private(set) var offset: Int
    private var check: Check
    private var granule = InlineArray<4, UInt32>(repeating: .max)
    private var filled = 0
    private var partial: UInt32 = 0

    init(page: Int, offset: Int, seed: UInt32) {
        self.page = page
        self.offset = offset
        check = Check(seed: seed)
    }

    @inline(never)
    mutating func byte<Flash: NORFlash & ~Copyable>(_ byte: UInt8, to store: inout FlashStore<Flash>) throws(StoreError) {
        partial |= UInt32(byte) &<< UInt32(truncatingIfNeeded: filled & 3 &* 8)
        filled &+= 1
        if filled & 3 == 0 { try flush(to: &store) }
    }

    /// Only at a multiple of four bytes.
    @inline(never)
    mutating func word<Flash: NORFlash & ~Copyable>(_ word: UInt32, to store: inout FlashStore<Flash>) throws(StoreError) {
        partial = word
        filled &+= 4
        try flush(to: &store)
    }

    /// Moves the whole word in `partial` on.
    @inline(never)
    private mutating func flush<Flash: NORFlash & ~Copyable>(to store: inout FlashStore<Flash>) throws(StoreError) {
        check.add(partial)
        granule[(filled &>> 2) &- 1] = partial.littleEndian
        partial = 0
        if filled == FlashStore<Flash>.granule { try programGranule(to: &store) }
    }

    @inline(never)
    private mutating func programGranule<Flash: NORFlash & ~Copyable>(to store: inout FlashStore<Flash>) throws(StoreError) {
        let words = granule
        let bytes = words.span.bytes.extracting(first: FlashStore<Flash>.granule)
        do { try store.flash.program(page: page, offset: offset, bytes) } catch { throw .flash(error) }
        offset &+= FlashStore<Flash>.granule
        granule = InlineArray(repeating: .max)
        filled = 0
    }

    @inline(never)
    mutating func bytes<Flash: NORFlash & ~Copyable>(_ bytes: Span<UInt8>, to store: inout FlashStore<Flash>) throws(StoreError) {
        for index in bytes.indices { try byte(bytes[index], to: &store) }
    }

    /// Fills the last granule with ones.
    @inline(never)
    mutating func pad<Flash: NORFlash & ~Copyable>(to store: inout FlashStore<Flash>) throws(StoreError) {
        while filled != 0 { try byte(0xFF, to: &store) }
    }

    /// Pads the data and commits it: the check has a granule of its own, so a check that has begun means that the data is whole.
    @inline(never)
    mutating func finish<Flash: NORFlash & ~Copyable>(to store: inout FlashStore<Flash>) throws(StoreError) {
        try pad(to: &store)
        granule[0] = check.word.littleEndian
        try programGranule(to: &store)
    }
}
