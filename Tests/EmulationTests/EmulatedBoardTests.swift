import BoardFacts
import Foundation
import Image
import Reporting
import Testing

@testable import Emulation

// Boards in QEMU: power, flash, registers, names, and what happens when something is missing.

/// A tiny image for `board` made from machine code, so that these tests need no compiler.
struct TinyImage {
    static func write(for board: Board, code: [UInt16], to folder: URL, size: Int = 0x300, name: String? = nil) throws -> URL {
        var flat = Data(repeating: 0, count: size)
        func put(_ value: UInt32, at offset: Int) {
            for index in 0..<4 { flat[offset + index] = UInt8(truncatingIfNeeded: value >> UInt32(8 * index)) }
        }
        put(UInt32(board.ram.address.value + board.ram.size.value), at: 0)
        put(0x261, at: 4)
        for (index, half) in code.enumerated() {
            flat[0x260 + 2 * index] = UInt8(half & 0xFF)
            flat[0x260 + 2 * index + 1] = UInt8(half >> 8)
        }
        var claimed = board
        claimed.name = name ?? board.name
        flat.stampImageHeader(board: claimed, version: [0, 0, 0], origin: ImageOrigin(application: "tiny", build: 0))
        let url = folder.appendingPathComponent("tiny-\(board.name).elf")
        try elf(flat).write(to: url)
        return url
    }

    /// The image, known to fit `board`.
    static func checked(for board: Board, code: [UInt16], to folder: URL) throws -> CheckedImage {
        try CheckedImage(contentsOf: try write(for: board, code: code, to: folder), for: board)
    }

    /// The least of an ELF file: one loaded segment at 0.
    private static func elf(_ flat: Data) -> Data {
        func half(_ value: Int) -> [UInt8] { [UInt8(value & 0xFF), UInt8(value >> 8 & 0xFF)] }
        func word(_ value: Int) -> [UInt8] { half(value & 0xFFFF) + half(value >> 16) }
        var bytes: [UInt8] = [0x7F, 0x45, 0x4C, 0x46, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0]
        bytes += half(2) + half(40) + word(1) + word(0x261) + word(52) + word(0) + word(0x0500_0000)
        bytes += half(52) + half(32) + half(1) + half(40) + half(0) + half(0)
        bytes += word(1) + word(84) + word(0) + word(0) + word(flat.count) + word(flat.count) + word(5) + word(4)
        return Data(bytes) + flat
    }
}

let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

func loadBoard(_ name: String) throws -> Board { try BoardCatalogue(root: root).board(name) }

/// A folder that is gone when the test is.
final class Scratch {
    let url: URL
    init() throws {
        url = FileManager.default.temporaryDirectory.appendingPathComponent("lightnode-test-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    }
    deinit { try? FileManager.default.removeItem(at: url) }
}

/// What suites on named boards begin with: a home of their own, and the facts of a microbit.
class NamedBoardSuite {
    let scratch: Scratch
    let boards: EmulatedBoards
    let microbit: Board

    init() throws {
        scratch = try Scratch()
        boards = EmulatedBoards(home: scratch.url)
        microbit = try loadBoard("microbit")
    }
}

/// `b .`: does nothing for ever.
let idle: [UInt16] = [0xE7FE]

@Suite struct EmulatedBoardTests {
    let scratch: Scratch
    init() throws { scratch = try Scratch() }

    func emulated(_ name: String, code: [UInt16] = idle, keep: Bool = true) throws -> EmulatedBoard {
        let board = try loadBoard(name)
        return try EmulatedBoard(
            .init(
                image: try TinyImage.checked(for: board, code: code, to: scratch.url),
                flashFile: keep ? scratch.url.appendingPathComponent("flash-\(name)") : nil))
    }

    @Test(
        "the store is erased at first, and keeps what is written to it across power cycles and resets",
        arguments: ["microbit", "mps2-an386"])
    func storeSurvives(name: String) throws {
        let emulated = try emulated(name)
        let store = try #require(emulated.board.store)
        try emulated.start()
        #expect(try emulated.readRegister(store.address.value) == 0xFFFF_FFFF)
        if emulated.board.emulator?.flash == .nrf51 { try emulated.writeRegister(NRF51Flash.config, NRF51Flash.writeEnable) }
        try emulated.writeRegister(store.address.value + 8, 0x1234_5678)
        try emulated.reset()
        #expect(try emulated.readRegister(store.address.value + 8) == 0x1234_5678)
        try emulated.powerCycle()
        #expect(try emulated.readRegister(store.address.value + 8) == 0x1234_5678)
        #expect(try emulated.readRegister(store.address.value) == 0xFFFF_FFFF)
        try emulated.stop()
        #expect(try emulated.flash.contents().count == FlashFile.size(for: emulated.board))
        let file = try FileManager.default.attributesOfItem(atPath: emulated.flash.url.path)[.size] as? Int
        #expect(file == FlashFile.size(for: emulated.board))
    }

    @Test("programming a new image keeps the store")
    func programKeepsStore() throws {
        do {
            let first = try emulated("microbit")
            try first.start()
            try first.writeRegister(NRF51Flash.config, NRF51Flash.writeEnable)
            try first.writeRegister(0x3C000, 0xCAFE_F00D)
            try first.stop()
        }
        let second = try emulated("microbit", code: [0xBF00] + idle)
        try second.start()
        #expect(try second.readRegister(0x3C000) == 0xCAFE_F00D)
        #expect(try second.readRegister(0x260) == 0xE7FE_BF00)
    }

    @Test("a flash file of the wrong size is refused and left as it was")
    func wrongSize() throws {
        let file = scratch.url.appendingPathComponent("flash-microbit")
        try Data("precious".utf8).write(to: file)
        #expect { _ = try emulated("microbit") } throws: { "\($0)".contains("has 8 bytes; board microbit has 262144") }
        #expect(try Data(contentsOf: file) == Data("precious".utf8))
    }

    @Test("an image for another board is refused")
    func wrongBoard() throws {
        let board = try loadBoard("microbit")
        let image = try TinyImage.write(for: board, code: idle, to: scratch.url, name: "mps2-an386")
        #expect { _ = try EmulatedBoard(.init(image: CheckedImage(contentsOf: image, for: board))) } throws: {
            "\($0)".contains("made for board “mps2-an386”, not for “microbit”")
        }
    }

    @Test("a damaged image and one that reaches into the store are refused")
    func damaged() throws {
        let board = try loadBoard("microbit")
        let image = try TinyImage.write(for: board, code: idle, to: scratch.url)
        var bytes = try Data(contentsOf: image)
        bytes[bytes.count - 1] ^= 1
        try bytes.write(to: image)
        #expect { _ = try EmulatedBoard(.init(image: CheckedImage(contentsOf: image, for: board))) } throws: {
            "\($0)".contains("it is damaged")
        }
        let large = try TinyImage.write(for: board, code: idle, to: scratch.url, size: 0x3C004)
        #expect { _ = try EmulatedBoard(.init(image: CheckedImage(contentsOf: large, for: board))) } throws: {
            "\($0)".contains("into the store of microbit")
        }
    }

    @Test("one flash file serves one board at a time")
    func exclusive() throws {
        let first = try emulated("microbit")
        try first.start()
        #expect { _ = try emulated("microbit") } throws: { "\($0)".contains("in use by another emulated board") }
    }

    @Test("an emulator killed from outside is reported, and leaves no process")
    func killed() throws {
        let emulated = try emulated("microbit")
        try emulated.start()
        let pid = try #require(emulated.processIdentifier)
        kill(pid, SIGKILL)
        #expect(emulated.waitForExit(timeout: 5) == .killed(signal: SIGKILL))
        #expect { _ = try emulated.readRegister(0) } throws: { "\($0)".contains("killed by signal 9") }
        #expect(kill(pid, 0) != 0)
    }

    @Test("a board that is dropped takes its process and its folder with it")
    func noStray() throws {
        var pid: Int32 = 0
        var folder = ""
        do {
            let emulated = try emulated("mps2-an386")
            try emulated.start()
            pid = try #require(emulated.processIdentifier)
            folder = emulated.folder.path
        }
        #expect(kill(pid, 0) != 0)
        #expect(!FileManager.default.fileExists(atPath: folder))
    }

    @Test("output pins are traced and input pins driven from outside")
    func pins() throws {
        let emulated = try emulated("microbit")
        try emulated.start()
        try emulated.tracePins()
        // nRF51 Series Reference Manual v3.0, 14.2: PIN_CNF[13] output; OUTSET and OUTCLR bit 13.
        try emulated.writeRegister(0x5000_0734, 3)
        try emulated.writeRegister(0x5000_0508, 1 << 13)
        try emulated.writeRegister(0x5000_050C, 1 << 13)
        #expect(
            try emulated.pinChanges(timeout: 1).suffix(2) == [PinChange(pin: 13, level: true), PinChange(pin: 13, level: false)])
        try emulated.setInput(pin: 17, high: true)
        #expect(try emulated.readRegister(0x5000_0510) >> 17 & 1 == 1)
        try emulated.setInput(pin: 17, high: false)
        #expect(try emulated.readRegister(0x5000_0510) >> 17 & 1 == 0)
    }

    @Test("buttons are pressed by their names")
    func buttons() throws {
        let emulated = try emulated("microbit")
        try emulated.start()
        func level(_ pin: UInt32) throws -> UInt32 { try emulated.readRegister(0x5000_0510) >> pin & 1 }
        try emulated.release("button-a")
        try emulated.release("button-b")
        #expect(try level(17) == 1 && level(26) == 1)
        try emulated.press("button-b")
        #expect(try level(17) == 1 && level(26) == 0)
        try emulated.release("button-b")
        #expect(try level(26) == 1)
        #expect { try emulated.press("doorbell") } throws: { "\($0)".contains("There are: button-a, button-b") }
    }

    @Test("a part's measurement is set while the board runs, and one that is not there is an error")
    func sensor() throws {
        let board = try loadBoard("mps2-an386")
        let image = try TinyImage.checked(for: board, code: idle, to: scratch.url)
        var configuration = EmulatedBoard.Configuration(image: image)
        configuration.extraArguments = ["-device", "tmp105,address=0x48,id=t1"]
        let emulated = try EmulatedBoard(configuration)
        try emulated.start()
        try emulated.set("temperature", of: "t1", to: -12_500)
        #expect(try emulated.monitor("qom-get /machine/peripheral/t1 temperature").contains("-12500"))
        #expect(throws: Failure.self) { try emulated.set("temperature", of: "t2", to: 0) }
        #expect { try emulated.press("button") } throws: { "\($0)".contains("It has none") }
    }

    @Test("the display is drawn from registers that QEMU shows")
    func display() throws {
        let emulated = try emulated("microbit")
        try emulated.start()
        #expect(try !emulated.display(samples: 2).isLit)
        // Row 1 high, column 1 low lights the top left; all other columns high.
        try emulated.writeRegister(0x5000_0514, 0xFFF0)
        try emulated.writeRegister(0x5000_0504, 1 << 13 | 0x1FE0)
        let display = try emulated.display(samples: 2)
        #expect(display.litCount == 1)
        #expect(display.lights[0][0])
        #expect(display.description.hasPrefix("● · · · ·\n· · · · ·"))
        let text = try emulated.monitor("xp /1wx 0x50000504")
        #expect(text.contains("0x00003fe0"))
    }

    @Test("the exit code that firmware gives by semihosting is the emulator's")
    func semihostingExit() throws {
        let board = try loadBoard("microbit")
        // r1 = sp - 8; [r1] = 0x20026; [r1 + 4] = 7; r0 = 0x20; bkpt 0xAB
        let code: [UInt16] = [
            0xB082, 0x4669, 0x4A02, 0x600A, 0x2207, 0x604A, 0x2020, 0xBEAB, 0x0026, 0x0002,
        ]
        let image = try TinyImage.checked(for: board, code: code, to: scratch.url)
        var configuration = EmulatedBoard.Configuration(image: image)
        configuration.semihosting = ["test"]
        configuration.clock = .instructions(shift: 6)
        let emulated = try EmulatedBoard(configuration)
        try emulated.start()
        #expect(emulated.waitForExit(timeout: 10) == .status(7))
    }

    /// Writes 0, 1, 2… to the words of the store, for ever: r2 = store, r3 = NVMC, r1 = count.
    static let writer: [UInt16] = [
        0x4A05,  // ldr r2, store
        0x4B06,  // ldr r3, controller
        0x2101, 0x6019,  // CONFIG = write enable
        0x2100,  // r1 = 0
        0x6011,  // loop: str r1, [r2]
        0x3204,  // adds r2, #4
        0x3101,  // adds r1, #1
        0x2980,  // cmp r1, #128
        0xD1FA,  // bne loop
        0xE7FE, 0xBF00,  // b .
        0xC000, 0x0003, 0xE504, 0x4001,
    ]

    @Test("power can be cut after any number of instructions, and the flash is as it was then")
    func cutAtInstruction() throws {
        let board = try loadBoard("microbit")
        let image = try TinyImage.checked(for: board, code: Self.writer, to: scratch.url)
        for (cut, words) in [(6, 1), (5, 0), (11, 2), (100, 19), (0, 0), (6, 1), (6, 1), (6, 1)] {
            let file = scratch.url.appendingPathComponent("cut-\(UUID().uuidString)")
            var configuration = EmulatedBoard.Configuration(image: image, flashFile: file)
            configuration.clock = .instructions(shift: 6)
            configuration.countsInstructions = true
            let emulated = try EmulatedBoard(configuration)
            try emulated.start()
            #expect(try emulated.run(untilInstruction: UInt64(cut)))
            try emulated.cutPower()
            let store = try Data(contentsOf: file)[0x3C000...]
            let written = stride(from: store.startIndex, to: store.endIndex, by: 4).prefix { store[$0 + 3] == 0 }.count
            #expect(written == words, "after \(cut) instructions")
        }
    }

    @Test("one run can be stopped at many counts, and goes on")
    func manyCuts() throws {
        let board = try loadBoard("microbit")
        let image = try TinyImage.checked(for: board, code: Self.writer, to: scratch.url)
        var configuration = EmulatedBoard.Configuration(image: image)
        configuration.countsInstructions = true
        let emulated = try EmulatedBoard(configuration)
        try emulated.start()
        for word in 1...40 {
            #expect(try emulated.run(untilInstruction: UInt64(5 * word + 1)))
            let store = try emulated.flashContents()[0x3C000...]
            #expect(stride(from: store.startIndex, to: store.endIndex, by: 4).prefix { store[$0 + 3] == 0 }.count == word)
        }
        #expect { try emulated.run(untilInstruction: 5) } throws: { "\($0)".contains("cannot go back to 5") }
        try emulated.runFreely()
        usleep(50_000)
        #expect(try emulated.readRegister(0x3C000 + 4 * 127) == 127)
    }

    /// Toggles pin 13 for ever: 3 instructions high, 2 low. GPIO: OUTSET, OUTCLR (nRF51 Series Reference Manual v3.0, 14.2).
    static let toggler: [UInt16] = [
        0x4A05,  // ldr r2, port
        0x2103, 0x4B05, 0x6019,  // PIN_CNF[13] = output, input disconnected
        0x2101, 0x0349,  // r1 = 1 << 13
        0x6091,  // loop: str r1, [r2, #8]
        0xBF00, 0xBF00,  // nop, nop
        0x60D1,  // str r1, [r2, #12]
        0xE7FA, 0xBF00,  // b loop
        0x0500, 0x5000, 0x0734, 0x5000,
    ]

    @Test("pin changes are traced with their virtual time, and written for a waveform viewer")
    func trace() throws {
        let board = try loadBoard("microbit")
        let image = try TinyImage.checked(for: board, code: Self.toggler, to: scratch.url)
        var configuration = EmulatedBoard.Configuration(image: image)
        configuration.clock = .instructions(shift: 6)
        configuration.countsInstructions = true
        let emulated = try EmulatedBoard(configuration)
        try emulated.start()
        let trace = try emulated.tracePins(until: 40, step: 1)
        let pin = trace.changes.filter { $0.change.pin == 13 }
        let highs = pin.filter(\.change.level).map(\.instruction)
        let lows = pin.filter { !$0.change.level }.map(\.instruction)
        #expect(highs.prefix(4) == [7, 12, 17, 22])
        #expect(lows.suffix(4) == [25, 30, 35, 40])
        #expect(trace.vcd.contains("$var wire 1 p13 pin13 $end"))
        #expect(trace.vcd.contains("#448\n1p13"))
        #expect(trace.description.contains("0.000448 ms  pin 13 high"))
    }

    @Test("QEMU that is too old is refused with the version that is needed")
    func tooOld() throws {
        var board = try loadBoard("microbit")
        board.emulator?.minimumVersion = "99.1"
        #expect { try QEMU.installed().require(board) } throws: { "\($0)".contains("microbit needs QEMU 99.1 or newer") }
    }
}
