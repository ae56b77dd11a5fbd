// A board with its devices in QEMU, called over its serial port and watched through QEMU's own registers, pins and parts.

import BoardFacts
import Emulation
import FirmwareBuild
import Foundation
import Image
import Synchronization

final class Probe {
    let board: EmulatedBoard
    private let wire: LineSocket

    private static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    init(_ name: String, parts: [String] = []) throws {
        var configuration = EmulatedBoard.Configuration(image: try Probe.image(name))
        configuration.extraArguments = parts
        board = try EmulatedBoard(configuration)
        // Connected before the processor runs, or what it says first would be lost.
        try board.start(paused: true)
        wire = try board.connectUART()
        try board.resume()
        // A chip's port is off until its firmware has set it up, and takes nothing before: QEMU's STM32 is as strict.
        guard try receive().kind == 254 else { throw Silence(received: 0) }
    }

    deinit { board.powerOff() }

    private static let images = Mutex<[String: CheckedImage]>([:])

    /// The probe's image, built once for all tests. LIGHTNODE_ROOT names another source tree.
    private static func image(_ name: String) throws -> CheckedImage {
        let isElsewhere = ProcessInfo.processInfo.environment["LIGHTNODE_ROOT"] != nil
        let catalogue = try BoardCatalogue(root: isElsewhere ? nil : root)
        let board = try catalogue.board(name)
        return try images.withLock { images in
            if let known = images[name] { return known }
            let built = try FirmwareBuilder(catalogue: catalogue).build(board: board, product: "device-probe")
            images[name] = built
            return built
        }
    }

    struct Answer: Equatable {
        let status: UInt8
        let kind: UInt8
        let value: Int32
    }

    /// Sends raw bytes.
    func send(_ bytes: [UInt8]) throws { try wire.send(Data(bytes)) }

    @discardableResult
    func ask(_ device: UInt8, _ method: UInt8 = 0, _ argument: Int32? = nil) throws -> Answer {
        let value = UInt32(bitPattern: argument ?? 0)
        try send([device, method, argument == nil ? 0 : 1] + (0..<4).map { UInt8(truncatingIfNeeded: value >> ($0 * 8)) })
        return try receive()
    }

    func receive() throws -> Answer {
        var data = Data()
        while data.count < 6 {
            let more = try wire.receive(timeout: 10)
            if more.isEmpty { throw Silence(received: data.count) }
            data += more
        }
        let bytes = [UInt8](data)
        let value = (0..<4).reduce(UInt32(0)) { $0 | UInt32(bytes[2 + $1]) << UInt32($1 * 8) }
        return Answer(status: bytes[0], kind: bytes[1], value: Int32(bitPattern: value))
    }

    struct Silence: Error { let received: Int }

    /// Waits until `condition` holds, at most `seconds`.
    func wait(_ seconds: Double = 10, until condition: () throws -> Bool) throws -> Bool {
        let end = Date().addingTimeInterval(seconds)
        while Date() < end {
            if try condition() { return true }
            usleep(1000)
        }
        return try condition()
    }

    /// All events up to now, as (device, event).
    func events() throws -> [[UInt8]] {
        var found: [[UInt8]] = []
        while true {
            let answer = try ask(0xFF)
            if answer.status == 255 { return found }
            if answer.kind != 255 { found.append([answer.status, answer.kind]) }
        }
    }
}
