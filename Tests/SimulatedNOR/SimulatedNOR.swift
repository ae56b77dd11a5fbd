// A NOR flash part for tests on the host: as strict as the strictest real one, with faults as options.

import HAL

/// A simulated part with write units of `unit` bytes. It is a reference, so that a test keeps hold of the part that a store has taken.
///
/// It stops the test (`violations`) on what no correct program does: programming a unit twice, leaving a page, wrong alignment. An operation
/// is one unit programmed or one page erased; they are counted from 0 in `operations`.
public final class SimulatedNOR<let unit: Int>: NORFlash {
    public static var writeUnit: Int { unit }

    /// What the part does wrong.
    public struct Faults: Sendable {
        /// The power fails during this operation; all later calls throw `timeout` until `powerUp`.
        public var cutAt: Int?
        /// How that operation is left: nil, not begun; otherwise a random part of its bits, different for each seed.
        public var torn: UInt64?
        /// Pages whose erase does nothing and fails.
        public var unerasable: Set<Int> = []
        /// Units (page, offset) whose programming leaves a bit at one.
        public var worn: Set<[Int]> = []

        public init() {}
        public static var none: Faults { Faults() }
        /// Power fails at operation `at`. With `torn` the operation is done in part.
        public static func cut(at: Int, torn: UInt64? = nil) -> Faults {
            var faults = Faults()
            faults.cutAt = at
            faults.torn = torn
            return faults
        }
    }

    /// Everything that survives without power.
    public struct Snapshot: Sendable {
        fileprivate var bytes: [UInt8]
        fileprivate var programmed: [Bool]
        fileprivate var erases: [Int]
    }

    public let pages: [Int]
    private let starts: [Int]
    public private(set) var bytes: [UInt8]
    /// Units programmed since their page was erased, a cut operation included if it cleared a bit.
    private var programmed: [Bool]
    /// Erases of each page.
    public private(set) var erases: [Int]
    /// Units programmed since the part was made, in all.
    public private(set) var programs = 0
    /// Units programmed and pages erased since the last `powerUp`.
    public private(set) var operations = 0
    public private(set) var isCut = false
    public var faults: Faults
    /// Erases after which a page fails to erase; the data sheet's rating.
    public var ratedErases = Int.max
    /// Faults of the caller: empty in a correct program.
    public private(set) var violations: [String] = []
    /// Words read, for the cost of a mount.
    public private(set) var reads = 0

    public init(pages: [Int], faults: Faults = .none) {
        self.pages = pages
        self.faults = faults
        var starts: [Int] = []
        var size = 0
        for page in pages {
            precondition(page % unit == 0)
            starts.append(size)
            size += page
        }
        self.starts = starts
        bytes = Array(repeating: 0xFF, count: size)
        programmed = Array(repeating: false, count: size / unit)
        erases = Array(repeating: 0, count: pages.count)
    }

    /// Ends a power cut, and sets the faults of the time until the next one.
    public func powerUp(_ faults: Faults = .none) {
        isCut = false
        operations = 0
        self.faults = faults
    }

    public var snapshot: Snapshot { Snapshot(bytes: bytes, programmed: programmed, erases: erases) }

    /// Puts the contents back and powers up.
    public func restore(_ snapshot: Snapshot, faults: Faults = .none) {
        bytes = snapshot.bytes
        programmed = snapshot.programmed
        erases = snapshot.erases
        powerUp(faults)
    }

    /// Flips a bit, as read disturb or lost charge does.
    public func flip(bit: Int) { bytes[bit >> 3] ^= 1 << UInt8(bit & 7) }

    /// Gives a byte another value, as whoever has the part in hand may; its unit counts as programmed while any bit of it is zero.
    public func overwrite(_ at: Int, _ byte: UInt8) {
        bytes[at] = byte
        let start = at / unit * unit
        programmed[at / unit] = bytes[start..<start + unit].contains { $0 != 0xFF }
    }

    /// Overwrites contents without asking, as a part of unknown past has them.
    public func fill(_ byte: UInt8) {
        for index in bytes.indices { bytes[index] = byte }
    }

    /// Where `needle` occurs in the part.
    public func find(_ needle: [UInt8]) -> Int? {
        guard let first = needle.first, bytes.count >= needle.count else { return nil }
        for start in 0...(bytes.count - needle.count) where bytes[start] == first {
            if bytes[start..<(start + needle.count)].elementsEqual(needle) { return start }
        }
        return nil
    }

    // NORFlash.

    public var pageCount: Int { pages.count }
    public func pageSize(_ page: Int) -> Int { pages[page] }

    public func read(page: Int, offset: Int, into bytes: inout MutableRawSpan) throws(FlashError) {
        if isCut { throw .timeout }
        let count = bytes.byteCount
        guard offset >= 0, offset + count <= pages[page] else {
            violations.append("read of page \(page) at \(offset), \(count) bytes")
            throw .outOfBounds
        }
        reads += (count + 3) / 4
        let start = starts[page] + offset
        bytes.withUnsafeMutableBytes { target in
            self.bytes.withUnsafeBytes { source in
                target.copyMemory(from: UnsafeRawBufferPointer(rebasing: source[start..<(start + count)]))
            }
        }
    }

    public func program(page: Int, offset: Int, _ bytes: RawSpan) throws(FlashError) {
        if isCut { throw .timeout }
        let count = bytes.byteCount
        guard offset >= 0, offset + count <= pages[page] else {
            violations.append("program of page \(page) at \(offset), \(count) bytes")
            throw .outOfBounds
        }
        guard offset % unit == 0, count % unit == 0 else {
            violations.append("unaligned program of page \(page) at \(offset), \(count) bytes")
            throw .unaligned
        }
        for start in stride(from: 0, to: count, by: unit) {
            try program(unitAt: starts[page] + offset + start, page, bytes, start)
        }
    }

    private func program(unitAt at: Int, _ page: Int, _ data: RawSpan, _ start: Int) throws(FlashError) {
        if programmed[at / unit] {
            violations.append("unit at \(at - starts[page]) of page \(page) is programmed twice")
            throw .programFailed
        }
        let number = operations
        operations += 1
        programs += 1
        let isCutHere = faults.cutAt == number
        var random = Random(seed: (faults.torn ?? 0) &* 0x9E37 &+ UInt64(number))
        let sparse = random.next() % 3  // few, half or most bits are done
        let isWorn = !faults.worn.isEmpty && faults.worn.contains([page, at - starts[page]])
        var verified = true
        var cleared = false
        for index in 0..<unit {
            let wanted = data.unsafeLoad(fromByteOffset: start + index, as: UInt8.self)
            var mask = wanted
            if isCutHere {
                guard faults.torn != nil else { break }
                let bits = UInt8(truncatingIfNeeded: random.next())
                let more = UInt8(truncatingIfNeeded: random.next())
                mask |= sparse == 0 ? bits | more : sparse == 1 ? bits : bits & more
            }
            if isWorn { mask |= ~wanted & (wanted &+ 1) }
            if bytes[at + index] & mask != bytes[at + index] { cleared = true }
            bytes[at + index] &= mask
            if bytes[at + index] != wanted { verified = false }
        }
        programmed[at / unit] = isCutHere ? cleared : true
        if isCutHere {
            isCut = true
            throw .timeout
        }
        if !verified { throw .programFailed }
    }

    public func erase(page: Int) throws(FlashError) {
        if isCut { throw .timeout }
        let number = operations
        operations += 1
        let range = starts[page]..<(starts[page] + pages[page])
        if faults.cutAt == number {
            isCut = true
            if let torn = faults.torn { tear(range, seed: torn &* 0x9E37 &+ UInt64(number)) }
            throw .timeout
        }
        erases[page] += 1
        if erases[page] > ratedErases || faults.unerasable.contains(page) { throw .eraseFailed }
        bytes.withUnsafeMutableBytes { bytes in
            for at in range { bytes[at] = 0xFF }
        }
        for at in (range.lowerBound / unit)..<(range.upperBound / unit) { programmed[at] = false }
    }

    /// Leaves a page as an erase cut short may: old bits, ones and noise, in one of several mixtures.
    private func tear(_ range: Range<Int>, seed: UInt64) {
        var random = Random(seed: seed)
        let kind = random.next() % 5
        let border = range.lowerBound + Int(random.next() % UInt64(range.count))
        for at in range {
            switch kind {
            case 0: bytes[at] = UInt8(truncatingIfNeeded: random.next())  // noise
            case 1: bytes[at] |= UInt8(truncatingIfNeeded: random.next())  // on the way to ones
            case 2: if at < border { bytes[at] = 0xFF }  // the first part is done
            case 3: if at >= border { bytes[at] = 0xFF }  // the last part is done
            default: bytes[at] &= UInt8(truncatingIfNeeded: random.next())  // zeroed before the erase proper
            }
        }
        // A unit of such a page may not be programmed before a whole erase, not even where it reads as ones.
        for at in (range.lowerBound / unit)..<(range.upperBound / unit) { programmed[at] = true }
    }
}

/// SplitMix64 (G. Steele, D. Lea, C. Flood, "Fast splittable pseudorandom number generators", 2014).
public struct Random: RandomNumberGenerator, Sendable {
    private var state: UInt64
    public init(seed: UInt64) { state = seed }
    public mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = state
        value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
        return value ^ (value >> 31)
    }
}
