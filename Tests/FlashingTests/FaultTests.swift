import BoardFacts
import BootloaderModel
import Foundation
import Reporting
import Testing

@testable import Flashing

/// A fault, and what a user sees: kind of failure (the exit code), words of the message, and words of the advice.
@Suite("Faults of DFU devices") struct FaultTests {
    static let recovery = "plug it in with BOOT0 high"

    /// The failure, and that a flash after it, with the fault gone and the device plugged in again, ends well.
    func expect(
        _ it: Attempt, _ kind: Failure.Kind, _ what: String, _ advice: String, sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let found = failure { try it.run() }
        #expect(found?.kind == kind, "\(found?.description ?? "no failure")", sourceLocation: sourceLocation)
        #expect(found?.what.contains(what) == true, "\(found?.what ?? "no failure")", sourceLocation: sourceLocation)
        #expect(found?.advice.contains(advice) == true, "\(found?.advice ?? "")", sourceLocation: sourceLocation)
        #expect(it.keysAreThere, sourceLocation: sourceLocation)
        try heal(it, sourceLocation: sourceLocation)
    }

    /// With the fault gone and the device plugged in again, flashing ends well.
    func heal(_ it: Attempt, sourceLocation: SourceLocation = #_sourceLocation) throws {
        it.device.faults = Faults()
        it.device.timing = FlashTiming()
        it.device.replug()
        try it.run()
        #expect(it.holdsImage && it.keysAreThere, sourceLocation: sourceLocation)
    }

    @Test(
        "unplugged while any block is written: the flash is partly written, the image in it never starts, and flashing again heals it"
    )
    func unpluggedAtEveryBlock() throws {
        let blocks = 0x2_C123 / 2048 + 1
        for block in 0..<blocks {
            let it = try Attempt()
            it.device.faults.unplugsAtBlock = block
            let found = failure { try it.run() }
            #expect(found?.kind == .notFlashed && found?.what.contains("was unplugged, writing 0x080") == true, "\(block)")
            #expect(found?.what.hasSuffix("its flash is partly written") == true && found?.advice.contains(Self.recovery) == true)
            // The blocks before are whole; that of the vector table is the last, and until then it is blank.
            #expect(it.device.programmedBlocks == block && it.keysAreThere)
            #expect(!it.holdsImage)
            if block < blocks - 1 { #expect(it.isStartBlank) }
            try heal(it)
        }
    }

    /// Flashes as often as flashing takes requests, each time with `fault` at another one. At the last two, the status of the request to
    /// leave and what follows, it has left: that is success.
    private func atEachRequest(_ fault: WritableKeyPath<Faults, Int?>, _ check: (Int, Attempt, Failure?) throws -> Void) throws {
        let whole = try Attempt(size: 0x2801)
        try whole.run()
        for request in 1...whole.device.requests {
            let it = try Attempt(size: 0x2801)
            it.device.faults[keyPath: fault] = request
            let found = failure { try it.run() }
            if request < whole.device.requests - 1 {
                try check(request, it, found)
            } else {
                #expect(found == nil && it.holdsImage, "\(request): \(found?.description ?? "")")
            }
        }
    }

    @Test("unplugged at any request whatever: the failure says so, keys stay, and flashing again heals it")
    func unpluggedAtEveryRequest() throws {
        try atEachRequest(\.unplugsAtRequest) { request, it, found in
            let isWritten = it.holdsImage
            #expect(
                found?.kind == .notFlashed || found?.kind == .unreachable, "\(request): \(found?.description ?? "no failure")")
            if it.device.erases > 0, !isWritten { #expect(found?.kind == .notFlashed, "\(request)") }
            #expect(found?.what.contains("unplugged") == true && it.keysAreThere, "\(request): \(found?.what ?? "")")
            try heal(it)
        }
    }

    @Test("unplugged while it is read: nothing was changed yet")
    func unpluggedWhileComparing() throws {
        let it = try Attempt()
        it.device.faults.unplugsAtReadBlock = 0
        let before = it.device.flash
        let found = failure { try it.run() }
        #expect(found?.kind == .unreachable && found?.what.contains("was unplugged, reading 0x08000000") == true)
        #expect(it.device.flash == before)
    }

    @Test(
        "a wrong status at every state ends with words for it",
        arguments: [
            // In dfuIDLE, at the start: an error is cleared, anything else is strange.
            (UInt8(2), UInt8(0), UInt8(0), Failure.Kind.malformedAnswer, "appIDLE"),
            (2, 0, 8, .malformedAnswer, "dfuMANIFEST-WAIT-RESET"),
            // In dfuDNBUSY: erasing, writing or setting the pointer.
            (4, 0x03, 10, .malformedAnswer, "errWRITE"),
            (4, 0x04, 10, .malformedAnswer, "errERASE"),
            (4, 0x0E, 10, .malformedAnswer, "errUNKNOWN"),
            (4, 0, 2, .malformedAnswer, "is in state dfuIDLE where dfuDNLOAD-IDLE is due"),
            (4, 0, 9, .malformedAnswer, "is in state dfuUPLOAD-IDLE"),
            // In dfuDNLOAD-IDLE, when the operation is over.
            (5, 0x06, 10, .malformedAnswer, "errPROG"),
            (5, 0x07, 10, .malformedAnswer, "errVERIFY"),
            (5, 0x08, 10, .malformedAnswer, "errADDRESS"),
            (5, 0, 7, .malformedAnswer, "is in state dfuMANIFEST where"),
            (5, 0x0B, 10, .environment, "read-protected"),
            // States and codes that DFU does not have.
            (2, 0, 77, .malformedAnswer, "DFU does not know"),
            (5, 99, 10, .malformedAnswer, "errUNKNOWN"),
        ])
    func wrongStatus(state: UInt8, code: UInt8, answered: UInt8, kind: Failure.Kind, words: String) throws {
        let it = try Attempt()
        it.device.faults.wrongStatus = .init(in: state, code: code, state: answered)
        try expect(it, kind, words, answered == 10 && code == 0x0B ? "erases the whole chip" : "plug it in")
    }

    @Test(
        "a wrong status once the flash is erased is a partly written flash",
        arguments: [
            (UInt8(4), UInt8(0x03), UInt8(10), "errWRITE"), (4, 0, 2, "is in state dfuIDLE where"), (5, 0x06, 10, "errPROG"),
            (5, 0x07, 10, "errVERIFY"), (5, 0, 9, "is in state dfuUPLOAD-IDLE where"), (5, 0, 77, "DFU does not know"),
        ])
    func wrongStatusLater(state: UInt8, code: UInt8, answered: UInt8, words: String) throws {
        let it = try Attempt()
        it.device.faults.wrongStatus = .init(in: state, code: code, state: answered, afterErases: 1)
        try expect(it, .notFlashed, words, Self.recovery)
    }

    @Test("a wrong status after reading back: an error is cleared, a device that stays strange holds the image all the same")
    func wrongStatusAfterReading() throws {
        let cleared = try Attempt()
        cleared.device.faults.wrongStatus = .init(in: 9, code: 0x0F, state: 10, afterErases: 1)
        #expect(try cleared.run().outcome == .written)
        #expect(cleared.holdsImage && cleared.device.hasLeft)
        let strange = try Attempt()
        strange.device.faults.wrongStatus = .init(in: 9, code: 0, state: 7, afterErases: 1)
        let found = failure { try strange.run() }
        #expect(found?.what.contains("the image is written and verified, but") == true, "\(found?.what ?? "")")
        #expect(strange.holdsImage && strange.keysAreThere)
    }

    @Test(
        "each status code that the device can end an operation with is told",
        arguments: DFUStatusCode.allCases.filter { $0 != .ok })
    func everyCode(code: DFUStatusCode) throws {
        let it = try Attempt()
        it.device.faults.wrongStatus = .init(in: 5, code: code.rawValue, state: 10)
        let found = failure { try it.run() }
        #expect(found?.what.contains("\(code)".split(separator: ":")[0]) == true, "\(found?.what ?? "")")
    }

    @Test("erasing that fails, and a block that cannot be programmed, are partly written flashes")
    func chipFails() throws {
        let erase = try Attempt()
        erase.device.faults.failsToErase = true
        try expect(erase, .notFlashed, "errERASE: erasing failed, erasing 0x08020000; its flash is partly written", Self.recovery)
        let program = try Attempt()
        program.device.faults.failsToProgramBlock = 3
        try expect(program, .notFlashed, "errPROG: programming failed, writing 0x080", Self.recovery)
    }

    @Test("a cell that reads back wrong is found, and where")
    func badCell() throws {
        let it = try Attempt()
        it.device.faults.badCell = 0x0802_5123
        try expect(it, .notFlashed, "reads back differently from 0x08025123 on", "worn out")
    }

    @Test("a device that stalls a request, at every request, is told and healed by the next try")
    func stalled() throws {
        try atEachRequest(\.stallsAtRequest) { request, it, found in
            // The first request asks for the status that an earlier session may have left: a stall there is none of this one's.
            if request == 1 {
                #expect(found == nil && it.holdsImage)
                return
            }
            #expect(found != nil && it.keysAreThere, "\(request)")
            #expect(
                found?.what.contains("errSTALLEDPKT") == true || found?.what.contains("stall") == true, "\(found?.what ?? "")")
            it.device.faults = Faults()
            try it.run()
            #expect(it.holdsImage, "\(request)")
        }
    }

    @Test("a device that falls silent is given up at every request")
    func silent() throws {
        for request in [1, 2, 5, 9, 20, 40] {
            let it = try Attempt()
            it.device.faults.silentFromRequest = request
            let found = failure { try it.run() }
            #expect(found?.kind == .unreachable || found?.kind == .notFlashed)
            #expect(found?.what.contains("does not answer") == true && it.keysAreThere, "\(found?.what ?? "")")
        }
    }

    @Test("a slow device is waited for, one that is busy without end is not")
    func slow() throws {
        let it = try Attempt()
        it.device.timing = FlashTiming().slower(8)
        try it.run()
        #expect(it.holdsImage && it.keysAreThere)
        let stuck = try Attempt()
        stuck.device.faults.isStuck = true
        try expect(stuck, .unreachable, "busy without end", "plug it in again")
    }

    @Test(
        "a device that leaves, whenever it does, has been flashed",
        arguments: [Faults.Leaving.afterStatus, .duringStatus, .atOnce, .never])
    func leaves(how: Faults.Leaving) throws {
        let it = try Attempt()
        it.device.faults.leaving = how
        #expect(try it.run().outcome == .written)
        #expect(it.holdsImage && it.keysAreThere && it.device.hasLeft == (how != .never))
    }

    @Test("a device that refuses to leave holds the image, and the message says so")
    func refusesToLeave() throws {
        let it = try Attempt()
        it.device.faults.leaving = .refused
        let found = failure { try it.run() }
        #expect(
            found?.what.contains("the image is written and verified, but") == true && found?.advice == "Press RESET to start it")
        #expect(it.holdsImage)
    }

    @Test("a device in dfuERROR at the start is brought back, whatever the error", arguments: [UInt8(1), 3, 0x0B, 0x0E, 0x0F])
    func startsInError(code: UInt8) throws {
        let it = try Attempt()
        it.device.startInError(code)
        try it.run()
        #expect(it.holdsImage && it.keysAreThere)
    }

    @Test(
        "a device that refuses even a question because of an earlier session's error is brought back: that error is no word about this session",
        arguments: [1, 2])
    func refusesAtTheStart(request: Int) throws {
        let it = try Attempt()
        it.device.startInError(0x0B)
        it.device.faults.stallsAtRequest = request
        try it.run()
        #expect(it.holdsImage && it.keysAreThere)
    }

    @Test("a read-protected chip is neither read nor written, and the advice warns what unprotecting costs")
    func readProtected() throws {
        let it = try Attempt()
        it.device.isReadProtected = true
        let before = it.device.flash
        let found = failure { try it.run() }
        #expect(found?.kind == .environment && found?.what.contains("is read-protected") == true, "\(found?.description ?? "")")
        #expect(found?.advice.contains("erases the whole chip, the keys too") == true)
        #expect(it.device.flash == before && it.device.erases == 0)
        // With --erase-all nothing is compared first; it is found all the same.
        let all = failure { try it.run(erasesAll: true) }
        #expect(all?.what.contains("is read-protected") == true && it.device.flash == before)
    }

    @Test("another chip of the same identity is refused by its memory")
    func otherChip() throws {
        let it = try Attempt()
        it.bus.ports[0].layout = "@Internal Flash  /0x08000000/04*016Kg,01*064Kg,07*128Kg"
        let found = failure { try it.run() }
        #expect(found?.kind == .unfitImage && found?.what.contains("has 1024 KB of flash") == true && it.device.requests == 0)
    }

    @Test("a device that this user may not open: the failure names the rule that fixes it")
    func denied() throws {
        let it = try Attempt()
        it.bus.ports[0].denied = "/dev/bus/usb/001/004"
        let found = failure { try it.run() }
        #expect(found?.kind == .environment && found?.what.contains("/dev/bus/usb/001/004") == true)
        #expect(found?.remedy == .permitUSB && it.device.requests == 0)
    }

    @Test(
        "Ctrl-C at every stage stops between blocks, says what that means, and the next flash heals it",
        arguments: FlashStage.allCases)
    func interrupted(stage: FlashStage) throws {
        let it = try Attempt()
        let cancellation = Cancellation()
        let progress = RecordedProgress { now, done in if now == stage, done > 0x1000 { cancellation.cancel() } }
        let before = it.device.flash
        let found = failure { try it.run(progress: progress, cancellation: cancellation) }
        #expect(found?.kind == .interrupted, "\(found?.description ?? "no failure")")
        if stage == .compare {
            #expect(found?.advice.contains("Nothing was changed") == true && it.device.flash == before)
        } else {
            #expect(found?.what.contains("partly written") == true && found?.advice.contains(Self.recovery) == true)
        }
        #expect(it.keysAreThere && !it.device.isGone)
        try it.run()
        #expect(it.holdsImage)
    }
}

@Suite("Which device is meant") struct SelectionTests {
    let board: Board
    let bus: ModelBus
    let first = STM32Bootloader(serial: "AAA"), second = STM32Bootloader(serial: "BBB")

    init() throws {
        board = try FlashingTests.board("blackpill-f411")
        bus = ModelBus([.init(device: first, port: "1-1"), .init(device: second, port: "1-2")])
    }

    func choose(serial: String? = nil, all: Bool = false, via: WayName? = nil) throws -> [String] {
        try FlashSelection(ways: [DFUWay(bus: bus)], via: via, serial: serial, all: all).choose(for: board).devices.map(\.serial)
    }

    @Test("two devices: one must be named, and the failure lists them; a serial chooses; --all takes both")
    func ambiguity() throws {
        let found = failure { _ = try choose() }
        #expect(found?.kind == .usage && found?.what == "2 devices could be meant")
        #expect(found?.remedy.choices.contains("\n    AAA   dfu, 0483:df11 at port 1-1, bootloader") == true)
        #expect(found?.remedy.choices.contains("\n    BBB ") == true)
        #expect(try choose(serial: "BBB") == ["BBB"])
        #expect(try choose(all: true) == ["AAA", "BBB"])
        let wrong = failure { _ = try choose(serial: "CCC") }
        #expect(wrong?.kind == .unreachable && wrong?.remedy.choices.contains("\n    AAA ") == true)
        #expect(first.requests + second.requests == 0)
    }

    @Test("no device: the failure says what to do; a way that the board has not is refused")
    func none() throws {
        bus.ports = []
        let found = failure { _ = try choose() }
        #expect(
            found?.kind == .unreachable && found?.advice.contains("BOOT0") == true
                && found?.advice.contains("wait until it is plugged in") == true)
        let wrong = failure { _ = try choose(via: .massStorage) }
        #expect(wrong?.kind == .usage && wrong?.remedy == .nameWay(["dfu", "openocd"]))
    }

    @Test("several are flashed at once; one that fails does not stop the other")
    func parallel() throws {
        let it = try Attempt()
        second.faults.unplugsAtBlock = 2
        let way = DFUWay(bus: bus)
        let results = FlashSelection.flash(
            try it.job(), try way.candidates(for: board), via: way, progress: { _ in SilentProgress() },
            cancellation: Cancellation())
        #expect(results.map(\.device.serial) == ["AAA", "BBB"])
        #expect(Array(first.flash[it.imageOffset..<it.imageOffset + it.image.count]) == [UInt8](it.image))
        #expect(failure { _ = try results[0].result.get() } == nil)
        #expect(failure { _ = try results[1].result.get() }?.kind == .notFlashed)
    }

    @Test("--wait looks again until a device comes")
    func waits() throws {
        let ports = bus.ports
        bus.ports = []
        let progress = RecordedProgress()
        var looks = 0
        let chosen = try FlashSelection(ways: [DFUWay(bus: bus)]).wait(for: board, progress: progress) {
            looks += 1
            if looks == 3 { bus.ports = [ports[0]] }
        }
        #expect(chosen.devices.map(\.serial) == ["AAA"] && looks == 3)
        #expect(progress.lines.count == 1 && progress.lines[0].hasPrefix("waiting for a blackpill-f411"))
    }
}
