import BoardFacts
import BootloaderModel
import Foundation
import Image
import Reporting
import Testing

// Images made by hand, and the bootloader's model as a bus in this process.
@testable import Flashing

let sourceRoot = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent()

func board(_ name: String) throws -> Board { try BoardCatalogue(root: sourceRoot).board(name) }

/// A folder that is gone when the test is.
final class Scratch: Sendable {
    let url: URL
    init() throws {
        url = URL(fileURLWithPath: "/tmp/ln-flash-\(String(UInt32.random(in: 0 ... .max), radix: 36))")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    }
    deinit { try? FileManager.default.removeItem(at: url) }

    func file(_ name: String, _ data: Data) throws -> URL {
        let file = url.appendingPathComponent(name)
        try data.write(to: file)
        return file
    }
}

/// What most suites here begin with: a folder of their own, and the facts of a microbit.
class MicrobitSuite {
    let scratch: Scratch
    let board: Board

    init() throws {
        scratch = try Scratch()
        board = try FlashingTests.board("microbit")
    }
}

/// What suites on files of images begin with: a folder of their own, and the facts of a board of each layout, with boot code and without.
class TwoLayoutsSuite {
    let scratch: Scratch
    let blackpill: Board
    let microbit: Board

    init() throws {
        scratch = try Scratch()
        blackpill = try board("blackpill-f411")
        microbit = try board("microbit")
    }
}

/// A stamped image whose bytes follow from `seed`.
func makeImage(
    for board: Board, size: Int = 0x3000, seed: UInt64 = 1, name: String? = nil, mcu: String? = nil, stack: UInt64? = nil,
    reset: UInt64? = nil
) throws -> Data {
    var state = seed
    var flat = Data(
        (0..<size).map { _ in
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return UInt8(truncatingIfNeeded: state >> 40)
        })
    func put(_ value: UInt64, at offset: Int) {
        for index in 0..<4 { flat[offset + index] = UInt8(truncatingIfNeeded: value >> UInt64(8 * index)) }
    }
    put(stack ?? board.ram.range.upperBound, at: 0)
    put(reset ?? (board.flash.address.value + 0x241), at: 4)
    var claimed = board
    claimed.name = name ?? board.name
    claimed.mcu = mcu ?? board.mcu
    flat.stampImageHeader(
        board: claimed, version: [1, 2, 3], origin: ImageOrigin(application: "blinky", build: 0xABCD_EF01, isChanged: true))
    return flat
}

/// Boot code: a vector table and a jump, of 16 bytes.
func makeBoot(_ board: Board) -> Segment? {
    board.boot.map { boot in
        func word(_ value: UInt64) -> [UInt8] { (0..<4).map { UInt8(truncatingIfNeeded: value >> UInt64(8 * $0)) } }
        let start = boot.address.value
        return Segment(
            address: start,
            bytes: Data(word(board.ram.range.upperBound) + word(start + 9) + [0x00, 0xBF, 0xFE, 0xE7, 1, 2, 3, 4]))
    }
}

/// Intel HEX of an image with its boot code.
func hexFile(_ image: Data, _ board: Board) -> Data {
    Data(IntelHex.text((makeBoot(board).map { [$0] } ?? []) + [Segment(address: board.flash.address.value, bytes: image)]).utf8)
}

/// The failure that `body` throws.
func failure(_ body: () throws -> Void) -> Failure? {
    do { try body() } catch { return (error as? any Reportable)?.failure ?? Failure(.usage, "\(error)", advice: "") }
    return nil
}

/// The bootloader's model as one more kind of USB: no libusb, and time that is counted.
final class ModelBus: DFUBus, @unchecked Sendable {
    struct Port {
        var device: STM32Bootloader
        var port: String
        /// Runs its application until it is told to detach.
        var isRunning = false
        var runtimeSerial = ""
        /// What it says its serial number is, in place of the model's.
        var serial: String?
        var denied: String?
        /// Looks at the bus until it is back as a bootloader.
        var returnsAfter = 0
        var layout: String?
        var detachesItself = true
        /// Times that it leaves the bus at the first request after it was opened, and is back at once.
        var flaps = 0
        /// Another program has it.
        var isTaken = false
    }

    var ports: [Port]
    var alternates: [Int] = []
    var resets = 0
    /// Milliseconds that were waited, and called at each wait.
    private(set) var waited = 0
    var onWait: (Int) -> Void = { _ in }

    init(_ ports: [Port]) { self.ports = ports }

    convenience init(_ device: STM32Bootloader) { self.init([Port(device: device, port: "1-1")]) }

    func interfaces() throws -> [DFUInterface] {
        var found: [DFUInterface] = []
        for index in ports.indices where !ports[index].device.isGone {
            let port = ports[index]
            if !port.isRunning, port.returnsAfter > 0 {
                ports[index].returnsAfter -= 1
                continue
            }
            let names =
                port.isRunning
                ? ["light node"] : [port.layout ?? STM32Bootloader.alternateNames[0]] + STM32Bootloader.alternateNames.dropFirst()
            found.append(
                DFUInterface(
                    vendor: port.isRunning ? 0x1209 : 0x0483, product: port.isRunning ? 0x0001 : 0xDF11,
                    serial: port.isRunning ? port.runtimeSerial : port.serial ?? port.device.serial,
                    port: port.port, number: 0, mode: port.isRunning ? .runtime : .dfu,
                    alternates: names.enumerated().map { DFUInterface.Alternate(number: $0.offset, name: $0.element) },
                    functional: DFUFunctional(
                        attributes: port.detachesItself ? 0x0B : 0x03, detachTimeout: 255, transferSize: 2048, version: 0x011A),
                    denied: port.denied))
        }
        return found
    }

    func open(_ interface: DFUInterface, alternate: Int) throws -> any DFUTransport {
        guard let index = ports.firstIndex(where: { $0.port == interface.port }) else { throw USBFault.disconnected }
        guard !ports[index].isTaken else { throw USBFault.busy }
        alternates.append(alternate)
        return ModelTransport(bus: self, index: index)
    }

    func wait(_ milliseconds: Int) {
        waited += milliseconds
        onWait(milliseconds)
        for port in ports { port.device.pass(UInt64(milliseconds) * 1000) }
    }
}

final class ModelTransport: DFUTransport {
    let bus: ModelBus
    let index: Int
    init(bus: ModelBus, index: Int) {
        self.bus = bus
        self.index = index
    }

    private func carry(_ request: UInt8, _ value: UInt16, _ length: Int, _ data: [UInt8]) throws -> [UInt8] {
        if bus.ports[index].isRunning {
            guard request == 0 else { throw USBFault.stalled }
            if bus.ports[index].detachesItself { bus.ports[index].isRunning = false }
            return []
        }
        if bus.ports[index].flaps > 0 {
            bus.ports[index].flaps -= 1
            throw USBFault.disconnected
        }
        switch bus.ports[index].device.request(request, value: value, length: length, data: data) {
        case .data(let bytes): return bytes
        case .acknowledged: return []
        case .stall: throw USBFault.stalled
        case .gone: throw USBFault.disconnected
        case .silence: throw USBFault.timedOut
        }
    }

    func receive(_ request: UInt8, value: UInt16, length: Int, timeout: Int) throws -> [UInt8] {
        try carry(request, value, length, [])
    }

    func send(_ request: UInt8, value: UInt16, _ data: [UInt8], timeout: Int) throws { _ = try carry(request, value, 0, data) }

    func reset() throws {
        bus.resets += 1
        bus.ports[index].isRunning = false
    }

    func wait(_ milliseconds: Int) { bus.wait(milliseconds) }
}

/// Keeps what it is told.
final class RecordedProgress: FlashProgress, @unchecked Sendable {
    private let lock = NSLock()
    private var kept: [String] = []
    private var totals: [FlashStage: Int] = [:]
    private var reached: [FlashStage: Int] = [:]
    /// Called at each step.
    let onAdvance: @Sendable (FlashStage, Int) -> Void

    init(onAdvance: @escaping @Sendable (FlashStage, Int) -> Void = { _, _ in }) { self.onAdvance = onAdvance }

    var lines: [String] { lock.withLock { kept } }
    func reached(_ stage: FlashStage) -> (done: Int, total: Int) { lock.withLock { (reached[stage] ?? 0, totals[stage] ?? 0) } }
    func begin(_ stage: FlashStage, total: Int) {
        lock.withLock {
            kept.append("begin \(stage.rawValue)")
            totals[stage] = total
        }
    }
    func advance(_ stage: FlashStage, done: Int) {
        lock.withLock { reached[stage] = done }
        onAdvance(stage, done)
    }
    func end(_ stage: FlashStage) { lock.withLock { kept.append("end \(stage.rawValue)") } }
    func note(_ text: String) { lock.withLock { kept.append(text) } }
}
