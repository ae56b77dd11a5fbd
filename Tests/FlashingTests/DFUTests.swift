import BoardFacts
import BootloaderModel
import Foundation
import Image
import Reporting
import Testing

@testable import Flashing

/// Images for the Black Pill, each made and checked once.
enum Made {
    private static let lock = NSLock()
    nonisolated(unsafe) private static var images: [[UInt64]: CheckedImage] = [:]

    static func image(_ size: Int, seed: UInt64, _ board: Board) throws -> CheckedImage {
        try lock.withLock {
            if let made = images[[UInt64(size), seed]] { return made }
            let scratch = try Scratch()
            let file = try scratch.file("image.hex", hexFile(try makeImage(for: board, size: size, seed: seed), board))
            let made = try CheckedImage(contentsOf: file, for: board)
            images[[UInt64(size), seed]] = made
            return made
        }
    }
}

/// An image, a bootloader and what happens when one is flashed into the other.
struct Attempt {
    let board: Board
    let image: Data
    let device: STM32Bootloader
    let bus: ModelBus
    let seed: UInt64

    init(size: Int = 0x2_C123, seed: UInt64 = 1, former: Bool = true) throws {
        board = try FlashingTests.board("blackpill-f411")
        self.seed = seed
        image = try Made.image(size, seed: seed, board).pieces.last!.bytes
        device = STM32Bootloader()
        bus = ModelBus(device)
        // An older image, and keys in the store.
        if former {
            device.preload(makeBoot(board)!.bytes)
            device.preload(try Made.image(0x3_0000, seed: 99, board).pieces.last!.bytes, at: imageOffset)
        }
        device.preload([UInt8](repeating: 0x5A, count: 1000), at: storeOffset)
    }

    var imageOffset: Int { Int(board.flash.address.value - STM32Bootloader.flashBase) }
    var storeOffset: Int { Int(board.store!.address.value - STM32Bootloader.flashBase) }
    var store: [UInt8] { Array(device.flash[storeOffset..<storeOffset + 1000]) }
    var keysAreThere: Bool { store.allSatisfy { $0 == 0x5A } }
    /// The image and its boot code are in the flash.
    var holdsImage: Bool {
        let boot = makeBoot(board)!.bytes
        return Array(device.flash[imageOffset..<imageOffset + image.count]) == [UInt8](image)
            && Array(device.flash.prefix(boot.count)) == [UInt8](boot)
    }
    /// The block of the vector table is blank: half an image does not start.
    var isStartBlank: Bool { device.flash[imageOffset..<imageOffset + 2048].allSatisfy { $0 == 0xFF } }
    var size: Int { image.count + makeBoot(board)!.bytes.count }

    func job(_ mode: FlashJob.Mode = .write, erasesAll: Bool = false) throws -> FlashJob {
        FlashJob(image: try Made.image(image.count, seed: seed, board), mode: mode, erasesAll: erasesAll)
    }

    @discardableResult
    func run(
        _ mode: FlashJob.Mode = .write, erasesAll: Bool = false, progress: any FlashProgress = SilentProgress(),
        cancellation: Cancellation = Cancellation()
    ) throws -> FlashReport {
        let way = DFUWay(bus: bus)
        let candidates = try way.candidates(for: board)
        return try way.flash(try job(mode, erasesAll: erasesAll), candidates[0], progress: progress, cancellation: cancellation)
    }
}

@Suite("DFU") struct DFUTests {
    @Test("an image is written and verified, only its sectors are erased, and the device leaves")
    func writes() throws {
        let it = try Attempt()
        let progress = RecordedProgress()
        let report = try it.run(progress: progress)
        #expect(it.holdsImage && it.keysAreThere && it.device.hasLeft)
        #expect(it.device.flash[it.imageOffset + it.image.count..<0x6_0000].allSatisfy { $0 == 0xFF })
        #expect(it.device.erases == 2)
        #expect(report == FlashReport(outcome: .written, size: it.size, erased: 0x4_0000, written: 0x2_C800, verified: it.size))
        #expect(it.bus.alternates == [0])
        #expect(it.device.impatience == 0)
        #expect(
            progress.lines == [
                "begin compare", "end compare", "begin erase", "end erase", "begin write", "end write", "begin verify",
                "end verify",
            ])
        for stage in FlashStage.allCases { #expect(progress.reached(stage).done <= progress.reached(stage).total) }
        #expect(progress.reached(.verify).done == progress.reached(.verify).total)
    }

    @Test("the same image again is not written again, and the device still leaves")
    func skips() throws {
        let it = try Attempt()
        try it.run()
        it.device.replug()
        let (erases, blocks) = (it.device.erases, it.device.programmedBlocks)
        let report = try it.run()
        #expect(report.outcome == .unchanged && report.verified == it.size)
        #expect(it.device.erases == erases && it.device.programmedBlocks == blocks && it.device.hasLeft)
    }

    @Test("a blank chip is not erased")
    func blank() throws {
        let it = try Attempt(former: false)
        let report = try it.run()
        #expect(report.erased == 0 && it.device.erases == 0 && it.holdsImage && it.keysAreThere)
    }

    @Test("--verify-only and --dry-run change nothing and say what is")
    func looks() throws {
        let it = try Attempt()
        let before = it.device.flash
        let wrong = failure { try it.run(.verifyOnly) }
        #expect(wrong?.kind == .notFlashed && wrong?.what.contains("differs from the image from 0x0802") == true)
        let plan = try it.run(.dryRun)
        #expect(plan.outcome == .planned && plan.erased == 0x4_0000 && plan.written == 0x2_C800)
        #expect(it.device.flash == before && it.device.erases == 0 && !it.device.hasLeft)
        try it.run()
        it.device.replug()
        #expect(try it.run(.verifyOnly).outcome == .verified)
        #expect(!it.device.hasLeft)
    }

    @Test("--erase-all erases the keys too")
    func erasesAll() throws {
        let it = try Attempt()
        let report = try it.run(erasesAll: true)
        #expect(it.holdsImage && it.store.allSatisfy { $0 == 0xFF } && report.erased == 512 << 10)
        #expect(it.device.erases == STM32Bootloader.sectorSizes.count)
    }

    @Test(
        "quirks of bootloaders make no difference",
        arguments: [
            "fixed length", "erase moves the pointer", "answers while busy", "lies about its wait", "rubbish behind the layout",
        ])
    func quirks(quirk: String) throws {
        let it = try Attempt()
        switch quirk {
        case "fixed length": it.device.faults.blocksHaveFixedLength = true
        case "erase moves the pointer": it.device.faults.eraseMovesPointer = true
        case "answers while busy": it.device.faults.answersWhileBusy = true
        case "lies about its wait":
            it.device.timing.pollErase = 0
            it.device.timing.pollProgram = 0
        default: it.bus.ports[0].layout = STM32Bootloader.alternateNames[0] + "\u{FFFD}\u{3A0}x*"
        }
        try it.run()
        #expect(it.holdsImage && it.keysAreThere)
    }

    @Test(
        "a running node is asked for its bootloader and found again by its port or its serial number", arguments: [true, false])
    func detaches(bySerial: Bool) throws {
        let it = try Attempt()
        it.bus.ports[0].isRunning = true
        it.bus.ports[0].returnsAfter = 5
        it.bus.ports[0].runtimeSerial = bySerial ? it.device.serial : "node1abc"
        it.bus.ports[0].detachesItself = bySerial
        // Another one that must be left alone.
        let other = STM32Bootloader(serial: "OTHER")
        it.bus.ports.append(.init(device: other, port: "1-2"))
        let job = try it.job()
        let progress = RecordedProgress()
        let way = DFUWay(bus: it.bus)
        let candidates = try way.candidates(for: it.board)
        #expect(candidates.map(\.serial) == [it.bus.ports[0].runtimeSerial, "OTHER"])
        _ = try way.flash(job, candidates[0], progress: progress, cancellation: Cancellation())
        #expect(it.holdsImage && other.requests == 0 && it.bus.resets == (bySerial ? 0 : 1))
        #expect(progress.lines.first?.contains("asking it for its bootloader") == true)
    }

    @Test("a node that does not come back is given up, with the way to recover")
    func lostOnTheWay() throws {
        let it = try Attempt()
        it.bus.ports[0].isRunning = true
        it.bus.ports[0].returnsAfter = .max
        let job = try it.job()
        let way = DFUWay(bus: it.bus)
        let candidate = try way.candidates(for: it.board)[0]
        let found = failure { _ = try way.flash(job, candidate, progress: SilentProgress(), cancellation: Cancellation()) }
        #expect(found?.kind == .unreachable && found?.what.contains("did not come back") == true)
        #expect(found?.advice.contains("BOOT0") == true)
    }

    @Test("memory layouts as devices send them")
    func layouts() throws {
        let f411 = try #require(DfuSeLayout(STM32Bootloader.alternateNames[0]))
        #expect(f411.name == "Internal Flash" && f411.sectors.count == 8)
        #expect(f411.sectors.map(\.size) == STM32Bootloader.sectorSizes)
        #expect(f411.sectors[4].address == 0x0801_0000 && f411.sectors.last?.range.upperBound == 0x0808_0000)
        let options = try #require(DfuSeLayout(STM32Bootloader.alternateNames[1]))
        #expect(
            options.runs == [
                .init(address: 0x1FFF_C000, count: 1, size: 16, isReadable: true, isErasable: false, isWritable: true)
            ])
        #expect(options.sectors.isEmpty)
        // ST UM0424's example of two regions in one memory.
        let two = try #require(DfuSeLayout("@Flash /0xF000/1*4Ka/0xE000/1*4Kg/0x80000/2*24Kg"))
        #expect(two.runs.map(\.address) == [0xF000, 0xE000, 0x80000] && two.sectors.count == 3)
        // Rubbish behind the last sector, with slashes in it.
        for rubbish in [
            "/", "/x", "/x/y", "//", "/0x", "/0xZZ/1*4Kg", "/0x0/rubbish/0x1000/1*4Kg", "\u{0}\u{1}/\u{2}", ",x/y/z",
            " /etc/passwd",
        ] {
            let layout = DfuSeLayout(STM32Bootloader.alternateNames[0] + rubbish)
            #expect(layout?.runs == f411.runs, "\(rubbish): \(String(describing: layout))")
        }
        for wrong in [
            "@X/x/1*4Kg", "@X/0x0/x/0x1000/1*4Kg", "", "light node", "@X", "@X/0x08000000", "@X/8000/1*4Kg", "@X/0x0/0*4Kg",
            "@X/0x0/1*4Kz", "@X/0xFFFFFFFFFF/1*1Kg",
        ] {
            #expect(DfuSeLayout(wrong) == nil, "\(wrong)")
        }
    }
}
