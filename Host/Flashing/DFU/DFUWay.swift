// Flashing over USB DFU: finds bootloaders and running nodes, asks a node to detach, and follows it through its change of identity.
import BoardFacts
import Foundation
import Image
import Reporting

/// The way `dfu`.
public struct DFUWay: FlashingWay {
    public let name = WayName.dfu
    let bus: any DFUBus
    /// Milliseconds for a node to come back as its bootloader.
    static let detachLimit = 15_000

    /// - Parameter bus: where devices are looked for; nothing is opened before `flash`.
    public init(bus: any DFUBus) { self.bus = bus }

    /// Bootloaders and running nodes with a USB identity of the board, one that may not be opened too (its note says so).
    /// - Throws: `Failure` when USB cannot be listed.
    public func candidates(for board: Board) throws -> [FlashCandidate] {
        try interfaces(for: board).map { found in
            let state = found.denied != nil ? "no permission" : found.mode == .dfu ? "bootloader" : "running"
            return FlashCandidate(
                via: .dfu, serial: found.serial, port: found.port,
                note: "\(found.identity) at port \(found.port), \(state)")
        }
    }

    /// DFU interfaces with an identity of the board, one per device: its internal flash is what counts.
    func interfaces(for board: Board) throws -> [DFUInterface] {
        let all: [DFUInterface]
        do { all = try bus.interfaces() } catch let fault as USBFault {
            throw Failure(PartFault(fault, name: "the computer's USB", "looking for devices"))
        }
        return all.filter { found in
            board.usb.contains { $0.vendor.value == found.vendor && $0.product.value == found.product }
        }
    }

    /// Flashes the device at the candidate's port, and first asks a running node for its bootloader: it leaves the bus, and must
    /// come back within 15 s. A device that leaves before anything was changed is tried again, up to four times.
    /// - Throws: `Failure`; of kind `notFlashed` when the flash may be partly written, and of kind `interrupted` when `cancellation`
    ///   was set: its text says whether anything was changed.
    public func flash(_ job: FlashJob, _ candidate: FlashCandidate, progress: any FlashProgress, cancellation: Cancellation)
        throws
        -> FlashReport
    {
        let device = "the \(job.board.name) \(candidate.serial)"
        // The port is what it is; its name may be another one's, or fail to be read this time.
        guard var found = try interfaces(for: job.board).first(where: { $0.port == candidate.port }) else {
            throw Failure(
                .unreachable, "\(device) at port \(candidate.port) is gone", about: "\(device)", advice: "Plug it in again")
        }
        if let path = found.denied { throw Failure(PartFault(.denied(path), name: device, "")) }
        if found.mode == .runtime {
            progress.note("\(device) runs: asking it for its bootloader")
            found = try detach(found, job.board, device, cancellation)
        }
        for _ in 0..<Self.returns {
            switch try attempt(job, found, device, progress, cancellation) {
            case .done(let report): return report
            case .left(let error):
                // Nothing was changed. One that is back at once has only enumerated again, as some do on their way into the bootloader.
                guard let back = try comesBack(job.board, at: found.port, cancellation) else { throw error }
                found = back
            }
        }
        throw Failure(
            .unreachable, "\(device) leaves the bus again and again", about: "\(device)",
            advice: "Try another cable, or another port without a hub")
    }

    /// Attempts at a device that leaves the bus before anything was changed, and comes back by itself.
    static let returns = 4
    /// Milliseconds for it to come back.
    static let returnLimit = 2000

    private enum Attempt {
        case done(FlashReport)
        case left(Failure)
    }

    private func attempt(
        _ job: FlashJob, _ found: DFUInterface, _ device: String, _ progress: any FlashProgress, _ cancellation: Cancellation
    ) throws -> Attempt {
        guard let (alternate, layout) = flashMemory(of: found) else {
            throw Failure(
                .malformedAnswer, "\(device) names no flash memory as ST's bootloaders do", about: "\(device)",
                remedy: .either([.advice("Flash it with dfu-util"), .nameWay(["openocd"])]))
        }
        try check(layout, job.board, device)
        var part: DfuSePart?
        do {
            let transport = try bus.open(found, alternate: alternate)
            let opened = try DfuSePart(
                transport, name: device, layout: layout, transferSize: found.transferSize, cancellation: cancellation)
            part = opened
            let engine = FlashEngine(job, on: opened, progress: progress, cancellation: cancellation)
            do { return .done(try engine.run()) } catch let error as Failure
                where opened.hasLeft && !engine.isTouched && error.failure.kind == .unreachable
            {
                return .left(error)
            }
        } catch let fault as USBFault {
            let error = Failure(PartFault(fault, name: device, "opening it"))
            if fault == .disconnected { return .left(error) }
            throw error
        } catch let fault as PartFault {
            // It left before the part was there to say so.
            if part == nil, fault.isDeparture { return .left(Failure(fault)) }
            throw Failure(fault)
        } catch is Interrupted {
            throw Failure(
                .interrupted, "flashing \(device) was interrupted", advice: "Nothing was changed: flash it again when you like")
        }
    }

    /// A bootloader at that port, as soon as it is there.
    private func comesBack(_ board: Board, at port: String, _ cancellation: Cancellation) throws -> DFUInterface? {
        for _ in 0..<Self.returnLimit / 100 where !cancellation.isCancelled {
            bus.wait(100)
            if let back = try interfaces(for: board).first(where: { $0.port == port && $0.mode == .dfu && $0.denied == nil }),
                flashMemory(of: back) != nil
            {
                return back
            }
        }
        return nil
    }

    private func flashMemory(of found: DFUInterface) -> (Int, DfuSeLayout)? {
        for alternate in found.alternates {
            if let layout = DfuSeLayout(alternate.name), layout.name.hasPrefix("Internal Flash") {
                return (alternate.number, layout)
            }
        }
        return nil
    }

    /// All of ST's bootloaders have one identity; the memory tells whether it is this board's chip.
    private func check(_ layout: DfuSeLayout, _ board: Board, _ device: String) throws {
        let sectors = layout.sectors
        let size = sectors.reduce(0) { $0 + $1.size }, wanted = board.wholeFlash
        guard sectors.first?.address == wanted.lowerBound, size == wanted.count else {
            throw Failure.unfit(
                "\(device) has \(size / 1024) KB of flash at \(hexadecimal(sectors.first?.address ?? 0)), a \(board.name) has "
                    + "\(wanted.count / 1024) KB at \(hexadecimal(wanted.lowerBound)): it is another chip",
                remedy: .either([.nameBoard([]), .advice("Plug in the right device")]))
        }
    }

    /// DFU_DETACH, then the same port or the same serial number as a bootloader (DFU 1.1, section 5.1).
    private func detach(_ node: DFUInterface, _ board: Board, _ device: String, _ cancellation: Cancellation) throws
        -> DFUInterface
    {
        let before = Set(try interfaces(for: board).filter { $0.mode == .dfu }.map(\.port))
        do {
            let transport = try bus.open(node, alternate: node.alternates.first?.number ?? 0)
            try transport.send(
                DFURequest.detach.rawValue, value: UInt16(clamping: max(node.detachTimeout, 1)), [],
                timeout: DFUClient.transferTimeout)
            if node.attributes & 8 == 0 { try transport.reset() }
        } catch USBFault.disconnected {
            // It left before it had answered.
        } catch let fault as USBFault {
            throw Failure(PartFault(fault, name: device, "asking it for its bootloader"))
        }
        let began = ContinuousClock.now
        for _ in 0..<Self.detachLimit / 100 where ContinuousClock.now - began < .milliseconds(Self.detachLimit) {
            if cancellation.isCancelled {
                throw Failure(
                    .interrupted, "\(device) was interrupted on its way into the bootloader", about: "\(device)",
                    advice: "Nothing was changed: press RESET to start it again")
            }
            bus.wait(100)
            let now = try interfaces(for: board).filter { $0.mode == .dfu }
            if let same = now.first(where: { $0.port == node.port }) { return same }
            // At another port only by a name that no other has.
            let named = now.filter { !$0.serial.isEmpty && $0.serial == node.serial && !before.contains($0.port) }
            if named.count == 1 { return named[0] }
        }
        throw Failure(
            .unreachable, "\(device) did not come back as a bootloader within \(Self.detachLimit / 1000) s", about: "\(device)",
            advice: "Plug it in with BOOT0 high (hold BOOT0, press RESET) and flash it again")
    }
}

extension Failure {
    init(_ fault: PartFault) { self.init(fault.kind, fault.what, remedy: fault.remedy) }
}
