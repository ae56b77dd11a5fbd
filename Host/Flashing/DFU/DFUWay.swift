// Flashing over USB DFU: finds bootloaders and running nodes, asks a node to detach, and follows it through its change of identity.
import FirmwareBuild
import Foundation
import Reporting

/// The way `dfu`.
public struct DFUWay: FlashingWay {
    public let name = WayName.dfu
    let bus: any DFUBus
    /// Milliseconds for a node to come back as its bootloader.
    static let detachLimit = 15_000

    public init(bus: any DFUBus) { self.bus = bus }

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
            throw FlashingError(PartFault(fault, name: "the computer's USB", "looking for devices"))
        }
        return all.filter { found in
            board.usb.contains { $0.vendor.value == found.vendor && $0.product.value == found.product }
        }
    }

    public func flash(_ job: FlashJob, _ candidate: FlashCandidate, progress: any FlashProgress, cancellation: Cancellation)
        throws
        -> FlashReport
    {
        let device = "the \(job.board.name) \(candidate.serial)"
        // The port is what it is; its name may be another one's, or fail to be read this time.
        guard var found = try interfaces(for: job.board).first(where: { $0.port == candidate.port }) else {
            throw FlashingError(.unreachable, "\(device) at port \(candidate.port) is gone", advice: "Plug it in again")
        }
        if let path = found.denied { throw FlashingError(PartFault(.denied(path), name: device, "")) }
        if found.mode == .runtime {
            progress.note("\(device) runs: asking it for its bootloader")
            found = try detach(found, job.board, device, cancellation)
        }
        guard let (alternate, layout) = flashMemory(of: found) else {
            throw FlashingError(
                .malformedAnswer, "\(device) names no flash memory as ST's bootloaders do",
                advice: "Flash it with dfu-util, or with a probe: --via openocd")
        }
        try check(layout, job.board, device)
        do {
            let transport = try bus.open(found, alternate: alternate)
            let part = try DfuSePart(transport, name: device, layout: layout, transferSize: found.transferSize)
            let engine = FlashEngine(job, on: part, progress: progress, cancellation: cancellation)
            return try engine.run()
        } catch let fault as USBFault {
            throw FlashingError(PartFault(fault, name: device, "opening it"))
        } catch let fault as PartFault {
            throw FlashingError(fault)
        }
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
            throw FlashingError.unfit(
                "\(device) has \(size / 1024) KB of flash at \(hexadecimal(sectors.first?.address ?? 0)), a \(board.name) has "
                    + "\(wanted.count / 1024) KB at \(hexadecimal(wanted.lowerBound)): it is another chip",
                advice: "Name the right board with --board, or plug in the right device")
        }
    }

    /// DFU_DETACH, then the same port or the same serial number as a bootloader (DFU 1.1, section 5.1).
    private func detach(_ node: DFUInterface, _ board: Board, _ device: String, _ cancellation: Cancellation) throws
        -> DFUInterface
    {
        do {
            let transport = try bus.open(node, alternate: node.alternates.first?.number ?? 0)
            try transport.send(
                DFURequest.detach.rawValue, value: UInt16(clamping: max(node.detachTimeout, 1)), [],
                timeout: DFUClient.transferTimeout)
            if node.attributes & 8 == 0 { try transport.reset() }
        } catch USBFault.disconnected {
            // It left before it had answered.
        } catch let fault as USBFault {
            throw FlashingError(PartFault(fault, name: device, "asking it for its bootloader"))
        }
        for _ in 0..<Self.detachLimit / 100 {
            if cancellation.isCancelled {
                throw FlashingError(
                    .interrupted, "\(device) was interrupted on its way into the bootloader",
                    advice: "Nothing was changed: press RESET to start it again")
            }
            bus.wait(100)
            let now = try interfaces(for: board).filter { $0.mode == .dfu }
            if let same = now.first(where: { !$0.serial.isEmpty && $0.serial == node.serial })
                ?? now.first(where: { $0.port == node.port })
            {
                return same
            }
        }
        throw FlashingError(
            .unreachable, "\(device) did not come back as a bootloader within \(Self.detachLimit / 1000) s",
            advice: "Plug it in with BOOT0 high (hold BOOT0, press RESET) and flash it again")
    }
}

extension FlashingError {
    init(_ fault: PartFault) { self.init(fault.kind, fault.what, advice: fault.advice) }
}
