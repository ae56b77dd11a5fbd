// The ways to get an image into a board, and which device is meant.
import BoardFacts
import Foundation
import Reporting

/// A way to flash, as board.json and `--via` name it.
public enum WayName: String, Codable, CaseIterable, Sendable {
    /// The flash file of a board in QEMU.
    case emulated
    /// USB DFU: a ROM bootloader, or a node that goes into it.
    case dfu
    /// The drive of an interface chip.
    case massStorage = "mass-storage"
    /// A debug probe.
    case openocd
}

/// A device that could be flashed.
public struct FlashCandidate: Hashable, Codable, Sendable, CustomStringConvertible {
    /// The way that found it, and can flash it.
    public var via: WayName
    /// What it is called: a serial number, the name of an emulated board, or a drive's number. Another device may be called so too. The
    /// port where it has no such name.
    public var serial: String
    /// Where it is, which is its identity while it is there: bus and ports ("1-2.3"), an emulated board's name, or a drive's path.
    public var port: String
    /// What it is and where.
    public var note: String

    /// - Parameters:
    ///   - serial: empty when it has no such name: `port` takes its place.
    ///   - port: unique among the candidates of one way.
    ///   - note: may hold foreign text.
    public init(via: WayName, serial: String, port: String, note: String) {
        self.via = via
        self.serial = serial.isEmpty ? port : serial
        self.port = port
        self.note = note
    }

    public var description: String { "\(serial)   \(via.rawValue), \(note)" }

    /// Whether `--serial` means it.
    func isCalled(_ name: String) -> Bool { serial == name || port == name }

    /// What `--serial` takes for it and for no other of `devices`, as a word of a shell.
    public func name(among devices: [FlashCandidate]) -> String {
        let isOwn = devices.count { $0.isCalled(serial) } < 2
        return isOwn && Quoted.isPlain(serial) ? serial : Quoted.shell(port)
    }

    static func choices(_ found: [FlashCandidate]) -> [Remedy.Choice] {
        found.map { .init($0.name(among: found), note: "\($0.via.rawValue), \(Quoted.line($0.note))") }
    }
}

/// Devices of one kind, and how they are flashed.
public protocol FlashingWay: Sendable {
    /// As board.json and `--via` name it; no two ways of one program share it.
    var name: WayName { get }
    /// What is there for this board now.
    /// - Throws: when it cannot be told.
    func candidates(for board: Board) throws -> [FlashCandidate]
    /// Carries out the job on one of them. May be called for several at once, from a thread each.
    /// - Throws: `Failure`, of kind `notFlashed` when the flash may be partly written.
    func flash(_ job: FlashJob, _ candidate: FlashCandidate, progress: any FlashProgress, cancellation: Cancellation) throws
        -> FlashReport
}

/// The rule for choosing devices.
public struct FlashSelection: Sendable {
    /// All ways of this program; those of a board are chosen from them by name.
    public let ways: [any FlashingWay]
    /// `--via`.
    public var via: WayName?
    /// `--serial`.
    public var serial: String?
    /// `--all`.
    public var all: Bool

    /// - Parameters:
    ///   - ways: one of each name.
    ///   - via: only this way; nil: those of the board in their order.
    ///   - serial: only devices that are called so or are at this port.
    ///   - all: take several devices, where one is demanded otherwise.
    public init(ways: [any FlashingWay], via: WayName? = nil, serial: String? = nil, all: Bool = false) {
        self.ways = ways
        self.via = via
        self.serial = serial
        self.all = all
    }

    /// The ways of `board`, in the order of its board.json; only `--via` when given.
    /// - Throws: `Failure` when the board has not that way.
    public func ways(of board: Board) throws -> [any FlashingWay] {
        let names = board.flashing.compactMap { WayName(rawValue: $0) }
        if let via, !names.contains(via) {
            throw Failure(
                .usage, "board “\(board.name)” cannot be flashed via \(via.rawValue)",
                remedy: names.isEmpty
                    ? .advice("It has no way to be flashed: add one to its board.json") : .nameWay(names.map(\.rawValue)))
        }
        return names.filter { via == nil || $0 == via }.compactMap { name in ways.first { $0.name == name } }
    }

    /// The devices that are meant: all of the first way that finds any.
    /// - Throws: `Failure` when there is none, or several and neither `serial` nor `all`.
    public func choose(for board: Board) throws -> (way: any FlashingWay, devices: [FlashCandidate]) {
        let ways = try ways(of: board)
        var seen: [FlashCandidate] = []
        for way in ways {
            var found = try way.candidates(for: board)
            seen += found
            if let serial { found = found.filter { $0.isCalled(serial) } }
            guard !found.isEmpty else { continue }
            guard found.count == 1 || all else {
                throw Failure(
                    .usage, "\(found.count) devices could be meant", about: "\(found.count)",
                    remedy: .either([.nameSerial(FlashCandidate.choices(found)), .flashAll]))
            }
            return (way, found)
        }
        if let serial, !seen.isEmpty {
            throw Failure(
                .unreachable, "no device “\(serial)” to flash as \(board.name)",
                remedy: .nameSerial(FlashCandidate.choices(seen)))
        }
        throw Failure(
            .unreachable, "no \(board.name) to flash was found via \(ways.map(\.name.rawValue).joined(separator: " or "))",
            remedy: .either(ways.map { hint($0.name, board) } + [.wait]))
    }

    /// As `choose`, but waits for a device to come.
    /// - Parameter sleep: called between two looks; throw from it to give up.
    /// - Throws: `Failure` when several devices could be meant; what `sleep` throws.
    public func wait(for board: Board, progress: any FlashProgress, sleep: () throws -> Void) throws
        -> (way: any FlashingWay, devices: [FlashCandidate])
    {
        var isAnnounced = false
        while true {
            do { return try choose(for: board) } catch let error as Failure where error.failure.kind == .unreachable {
                if !isAnnounced { progress.note("waiting for a \(board.name): \(error.failure.advice)") }
                isAnnounced = true
                try sleep()
            }
        }
    }

    private func hint(_ way: WayName, _ board: Board) -> Remedy {
        switch way {
        case .emulated: .startEmulated(board: board.name, name: nil)
        case .dfu: .advice("Plug it in by USB; a chip without our firmware needs BOOT0 high (hold BOOT0, press RESET)")
        case .massStorage:
            .either([.advice("Plug it in and mount its drive"), .nameSerial([.init("PATH", note: "its mount point")])])
        case .openocd: .advice("Connect a debug probe")
        }
    }
}

/// One device's end.
public struct FlashResult: Sendable {
    /// What was to be flashed.
    public let device: FlashCandidate
    /// The report, or the error that ended this device's flash.
    public let result: Result<FlashReport, any Error>
}

extension FlashSelection {
    /// Flashes several devices at once, one thread each. A failure of one does not stop the others.
    public static func flash(
        _ job: FlashJob, _ devices: [FlashCandidate], via way: any FlashingWay,
        progress: @Sendable (FlashCandidate) -> any FlashProgress, cancellation: Cancellation
    ) -> [FlashResult] {
        let lock = NSLock()
        nonisolated(unsafe) var results: [Int: FlashResult] = [:]
        let group = DispatchGroup()
        for (index, device) in devices.enumerated() {
            let shown = progress(device)
            group.enter()
            let thread = Thread {
                let result = Result { try way.flash(job, device, progress: shown, cancellation: cancellation) }
                lock.withLock { results[index] = FlashResult(device: device, result: result) }
                group.leave()
            }
            thread.start()
        }
        group.wait()
        return devices.indices.compactMap { results[$0] }
    }
}
