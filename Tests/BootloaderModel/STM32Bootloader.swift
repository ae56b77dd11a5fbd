// The ROM bootloader of an STM32F411 as a USB host sees it: requests in, answers out, with the chip's flash behind it.
//
// Written from ST's AN3156 ("USB DFU protocol used in the STM32 bootloader"), DFU 1.1, RM0383 (sectors) and DS10314 (times); it shares no
// code with the client that is tested against it. That it is right shows in that the unmodified dfu-util lists, reads and writes it.

/// One device. Used by one thread at a time.
public final class STM32Bootloader: @unchecked Sendable {
    public enum Answer: Equatable, Sendable {
        case data([UInt8])
        case acknowledged
        case stall
        /// Nothing comes back: it was unplugged, or it left.
        case gone
        /// Nothing comes back for so long that the host gives up.
        case silence
    }

    enum State: UInt8 {
        case idle = 2, downloadSync = 3, downloadBusy = 4, downloadIdle = 5, manifestSync = 6, manifest = 7, uploadIdle = 9,
            error = 10
    }

    /// What the last DFU_DNLOAD asked for; it is carried out when the host asks for the status (AN3156, section 5).
    enum Operation {
        case setAddress(UInt64)
        case eraseSector(UInt64)
        case eraseAll
        case readUnprotect
        case program(UInt64, [UInt8])
        case refused(status: UInt8)
    }

    public static let flashBase: UInt64 = 0x0800_0000
    /// Sectors of the STM32F411xE (RM0383, table 5).
    public static let sectorSizes = [Int](repeating: 16 << 10, count: 4) + [64 << 10] + [Int](repeating: 128 << 10, count: 3)
    public static let alternateNames = [
        "@Internal Flash  /0x08000000/04*016Kg,01*064Kg,03*128Kg", "@Option Bytes  /0x1FFFC000/01*016 e",
        "@OTP Memory /0x1FFF7800/01*512 e,01*016 e", "@Device Feature/0xFFFF0000/01*004 e",
    ]
    public static let transferSize = 2048

    public let serial: String
    /// 512 KB.
    public internal(set) var flash = [UInt8](repeating: 0xFF, count: 512 << 10)
    public var timing = FlashTiming()
    public var faults = Faults()
    public var isReadProtected = false
    /// Called after each sector that is erased and each block that is programmed: a test acts at that very moment.
    public var onChange: (@Sendable (_ erases: Int, _ programmedBlocks: Int) -> Void)?
    /// Time on the chip's and the bus's own clock, in microseconds.
    public private(set) var time: UInt64 = 0
    public private(set) var isGone = false
    /// True when it left because it was told to.
    public private(set) var hasLeft = false
    /// Sectors erased and blocks programmed or read so far.
    public private(set) var erases = 0
    public private(set) var programmedBlocks = 0
    public private(set) var readBlocks = 0
    /// Class requests so far.
    public private(set) var requests = 0
    /// When the first block came, and when the last one was programmed; nil before.
    public private(set) var downloadBegan: UInt64?
    public private(set) var downloadEnded: UInt64?
    /// How often the host asked for a status before the time that bwPollTimeout told it to wait was over.
    public private(set) var impatience = 0

    var state = State.idle
    var status: UInt8 = 0
    private var pointer = STM32Bootloader.flashBase
    private var operation: Operation?
    private var busyUntil: UInt64 = 0
    private var patientUntil: UInt64 = 0

    public init(serial: String = "3276365D3336") { self.serial = serial }

    /// Puts it into dfuERROR, as a host leaves it that was stopped at the wrong moment.
    public func startInError(_ code: UInt8 = 0x0F) {
        state = .error
        status = code
    }

    /// Plugged in anew, BOOT0 high: flash and time stay.
    public func replug() {
        isGone = false
        hasLeft = false
        state = .idle
        status = 0
        operation = nil
        pointer = Self.flashBase
        busyUntil = 0
    }

    /// Fills flash from its start: what is on the chip before the test.
    public func preload(_ bytes: some Collection<UInt8>, at offset: Int = 0) {
        flash.replaceSubrange(offset..<offset + bytes.count, with: bytes)
    }

    /// Starts counting anew; flash and state stay.
    public func resetCounters() {
        time = 0
        busyUntil = 0
        patientUntil = 0
        downloadBegan = nil
        downloadEnded = nil
        (erases, programmedBlocks, readBlocks, requests, impatience) = (0, 0, 0, 0, 0)
    }

    /// The host lets time pass.
    public func pass(_ microseconds: UInt64) { time += microseconds }

    /// Sectors of the flash: offset and size.
    public static var sectors: [(offset: Int, size: Int)] {
        var offset = 0
        return sectorSizes.map { size in
            defer { offset += size }
            return (offset, size)
        }
    }

    // MARK: Class requests

    /// A class request to the interface (DFU 1.1, table 3.2).
    public func request(_ request: UInt8, value: UInt16, length: Int, data: [UInt8]) -> Answer {
        guard !isGone else { return .gone }
        requests += 1
        time += busTime(max(length, data.count))
        if faults.unplugsAtRequest == requests { return unplug() }
        if faults.silentFromRequest.map({ requests >= $0 }) ?? false { return .silence }
        if faults.stallsAtRequest == requests { return fail(0x0F) }
        if request != 3, request != 5 { settle() }
        switch request {
        case 1: return download(block: value, data)
        case 2: return upload(block: value, length: length)
        case 3: return .data(getStatus())
        case 4:
            guard state == .error else { return fail(0x0F) }
            state = .idle
            status = 0
            return .acknowledged
        case 5: return .data([state.rawValue])
        case 6:
            guard [.idle, .downloadIdle, .uploadIdle, .downloadSync].contains(state) else { return fail(0x0F) }
            state = .idle
            operation = nil
            return .acknowledged
        default: return fail(0x0F)
        }
    }

    private func fail(_ code: UInt8) -> Answer {
        state = .error
        status = code
        return .stall
    }

    private func unplug() -> Answer {
        if case .program(let address, let bytes) = operation, state == .downloadBusy || state == .downloadSync {
            // The power goes in the middle of it.
            program(address, Array(bytes.prefix(bytes.count / 2)))
        }
        operation = nil
        isGone = true
        return .gone
    }

    private func download(block: UInt16, _ data: [UInt8]) -> Answer {
        guard state == .idle || state == .downloadIdle else { return fail(0x0F) }
        if data.isEmpty {
            // Leave (AN3156, 5.5); only after a command.
            guard state == .downloadIdle else { return fail(0x0F) }
            if faults.leaving == .atOnce { return leave() }
            state = .manifestSync
            return .acknowledged
        }
        guard data.count <= Self.transferSize else { return fail(0x0F) }
        state = .downloadSync
        if block == 0 {
            operation = command(data)
        } else if block == 1 {
            operation = .refused(status: 0x0F)
        } else {
            if let fault = faults.unplugsAtBlock, fault == programmedBlocks {
                operation = .program(address(block, data.count), data)
                return unplug()
            }
            if downloadBegan == nil { downloadBegan = time - busTime(data.count) }
            operation = isReadProtected ? .refused(status: 0x0B) : .program(address(block, data.count), data)
        }
        return .acknowledged
    }

    /// AN3156, 4.1 and 5.1: (block number - 2) × length of this very request + pointer.
    private func address(_ block: UInt16, _ length: Int) -> UInt64 {
        pointer + UInt64(block - 2) * UInt64(faults.blocksHaveFixedLength ? Self.transferSize : length)
    }

    private func command(_ data: [UInt8]) -> Operation {
        func operand() -> UInt64 { data.dropFirst().reversed().reduce(0) { $0 << 8 | UInt64($1) } }
        switch (data[0], data.count) {
        case (0x92, 1): return .readUnprotect
        case _ where isReadProtected: return .refused(status: 0x0B)
        case (0x21, 5): return isMemory(operand()) ? .setAddress(operand()) : .refused(status: 0x01)
        case (0x41, 5): return sector(operand()) != nil ? .eraseSector(operand()) : .refused(status: 0x01)
        case (0x41, 1): return .eraseAll
        default: return .refused(status: 0x0F)
        }
    }

    private func isMemory(_ address: UInt64) -> Bool {
        [0x0800_0000..<0x0808_0000, 0x1FFF_C000..<0x1FFF_C010, 0x1FFF_7800..<0x1FFF_7A10, 0x2000_3000..<0x2002_0000].contains {
            $0.contains(address)
        }
    }

    private func sector(_ address: UInt64) -> (offset: Int, size: Int)? {
        guard address >= Self.flashBase else { return nil }
        return Self.sectors.first { ($0.offset..<$0.offset + $0.size).contains(Int(address - Self.flashBase)) }
    }

    private func upload(block: UInt16, length: Int) -> Answer {
        guard state == .idle || state == .uploadIdle, length <= Self.transferSize else { return fail(0x0F) }
        if block == 0 {
            state = .idle
            return .data(Array([0x00, 0x21, 0x41, 0x92].prefix(length)))
        }
        guard !isReadProtected, block >= 2 else { return fail(isReadProtected ? 0x0B : 0x0F) }
        if faults.unplugsAtReadBlock == readBlocks { return unplug() }
        readBlocks += 1
        state = .uploadIdle
        let start = address(block, length)
        return .data((0..<UInt64(length)).map { read(start + $0) })
    }

    private func read(_ address: UInt64) -> UInt8 {
        guard address >= Self.flashBase, address < Self.flashBase + UInt64(flash.count) else { return 0xFF }
        let byte = flash[Int(address - Self.flashBase)]
        return faults.badCell == address ? byte ^ 1 : byte
    }

    // MARK: Status and operations

    private func getStatus() -> [UInt8] {
        if time < patientUntil { impatience += 1 }
        if state == .downloadBusy {
            if faults.isStuck { return answer(poll: faults.busyPoll) }
            if time < busyUntil, faults.answersWhileBusy { return answer(poll: faults.busyPoll) }
        }
        settle()
        switch state {
        case .downloadSync: return begin()
        case .manifestSync:
            state = .manifest
            if faults.leaving == .refused {
                state = .error
                status = 0x0A
            }
            let bytes = answer(poll: 1)
            if faults.leaving == .afterStatus { _ = leave() }
            return faults.leaving == .duringStatus
                ? {
                    _ = leave(); return []
                }() : bytes
        default: return answer(poll: 0)
        }
    }

    private func leave() -> Answer {
        hasLeft = true
        isGone = true
        return .gone
    }

    /// Six bytes; a fault may put something else into them.
    private func answer(poll: Int) -> [UInt8] {
        patientUntil = time + UInt64(poll) * 1000
        if let wrong = faults.wrongStatus, wrong.in == state.rawValue, erases >= wrong.afterErases {
            if wrong.state == State.error.rawValue {
                state = .error
                status = wrong.code
            }
            return [wrong.code, 0, 0, 0, wrong.state, 0]
        }
        return [status] + (0..<3).map { UInt8(truncatingIfNeeded: poll >> (8 * $0)) } + [state.rawValue, 0]
    }

    private func begin() -> [UInt8] {
        var poll = timing.pollSetAddress, takes: UInt64 = 0
        switch operation {
        case .eraseSector(let address):
            poll = timing.pollErase
            takes = timing.erase(sector(address)!.size)
        case .eraseAll:
            poll = timing.pollErase
            takes = timing.eraseAll
        case .program(_, let bytes):
            poll = timing.pollProgram
            takes = timing.program * UInt64(bytes.count)
        case .refused(let code):
            operation = nil
            state = .error
            status = code
            return answer(poll: 0)
        default: break
        }
        state = .downloadBusy
        busyUntil = time + takes
        return answer(poll: poll)
    }

    /// Ends what is under way; the device answers NAK meanwhile, so the bus waits.
    private func settle() {
        guard state == .downloadBusy, !faults.isStuck else { return }
        time = max(time, busyUntil)
        state = .downloadIdle
        switch operation {
        case .setAddress(let address): pointer = address
        case .eraseSector(let address):
            if faults.failsToErase { return result(0x04) }
            let found = sector(address)!
            flash.replaceSubrange(found.offset..<found.offset + found.size, with: repeatElement(0xFF, count: found.size))
            erases += 1
            if faults.eraseMovesPointer { pointer = address }
            onChange?(erases, programmedBlocks)
        case .eraseAll:
            flash = [UInt8](repeating: 0xFF, count: flash.count)
            erases += Self.sectorSizes.count
        case .readUnprotect:
            flash = [UInt8](repeating: 0xFF, count: flash.count)
            isReadProtected = false
            isGone = true
        case .program(let address, let bytes):
            guard address >= Self.flashBase, address + UInt64(bytes.count) <= Self.flashBase + UInt64(flash.count) else {
                return result(0x01)
            }
            if faults.failsToProgramBlock == programmedBlocks { return result(0x06) }
            program(address, bytes)
            programmedBlocks += 1
            downloadEnded = time
            onChange?(erases, programmedBlocks)
        default: break
        }
        operation = nil
    }

    private func result(_ code: UInt8) {
        operation = nil
        state = .error
        status = code
    }

    /// Programming clears bits; only erasing sets them.
    private func program(_ address: UInt64, _ bytes: [UInt8]) {
        for (index, byte) in bytes.enumerated() {
            let at = Int(address - Self.flashBase) + index
            if flash.indices.contains(at) { flash[at] &= byte }
        }
    }
}
