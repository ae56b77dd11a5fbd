// The flash of an STM32 behind its ROM bootloader, block by block.
//
// A block's address is (wValue - 2) × its length + the address pointer (AN3156, 4.1 and 5.1): with blocks of one length, aligned to the
// start of the flash, the pointer is set once and the block number says the rest.
import Foundation
import Image
import Reporting

final class DfuSePart: FlashPart {
    private enum Direction { case none, download, upload }

    let name: String
    let sectors: [FlashSector]
    let blockSize: Int
    let recovery =
        "The bootloader is in ROM and not harmed: plug it in with BOOT0 high (or press RESET while BOOT0 is held) and flash it again"
    private let client: DFUClient
    /// State that the device is known to be in.
    private var direction = Direction.none
    private var isPointerSet = false

    /// Brings the device to dfuIDLE, whatever it was doing.
    /// - Throws: `PartFault` when the layout makes no sense, `Interrupted`.
    init(
        _ transport: any DFUTransport, name: String, layout: DfuSeLayout, transferSize: Int, cancellation: Cancellation = .init()
    ) throws {
        self.name = name
        sectors = layout.sectors
        client = DFUClient(transport, name: name, cancellation: cancellation)
        blockSize = transferSize
        guard let first = sectors.first, let last = sectors.last, transferSize >= 64,
            sectors.allSatisfy({ $0.size.isMultiple(of: transferSize) }),
            zip(sectors, sectors.dropFirst()).allSatisfy({ $0.range.upperBound <= $1.address }),
            (last.range.upperBound - first.address) / UInt64(transferSize) < 65_534
        else {
            throw PartFault(
                .malformedAnswer, "\(name) describes a flash that blocks of \(transferSize) bytes do not fit: \(layout.name)",
                advice: "Flash it with dfu-util or a probe")
        }
        try client.becomeIdle(while: "starting")
    }

    /// It left the bus in the middle of a request.
    var hasLeft: Bool { client.hasLeft }

    private func block(_ address: UInt64) -> UInt16 { UInt16((address - sectors[0].address) / UInt64(blockSize)) + 2 }

    /// The pointer points to the first sector, and the device takes blocks in this direction.
    private func prepare(_ wanted: Direction, while doing: String) throws {
        if !isPointerSet {
            if direction == .upload { try client.becomeIdle(while: doing) }
            try client.command(.setAddressPointer, address: sectors[0].address, while: doing)
            isPointerSet = true
            direction = .download
        }
        guard direction != wanted else { return }
        if wanted == .upload || direction == .upload { try client.becomeIdle(while: doing) }
        direction = wanted
    }

    func readBlock(at address: UInt64) throws -> Data {
        let doing = "reading \(hexadecimal(address))"
        try prepare(.upload, while: doing)
        return try client.upload(block: block(address), length: blockSize, while: doing)
    }

    func erase(_ sector: FlashSector) throws {
        let doing = "erasing \(hexadecimal(sector.address))"
        if direction == .upload { try client.becomeIdle(while: doing) }
        // Some bootloaders move the pointer to what they erase.
        isPointerSet = false
        direction = .download
        try client.command(.erase, address: sector.address, while: doing)
    }

    func writeBlock(_ data: Data, at address: UInt64) throws {
        let doing = "writing \(hexadecimal(address))"
        try prepare(.download, while: doing)
        try client.download(block: block(address), [UInt8](data), while: doing)
    }

    /// Leaves DFU mode (AN3156, 5.5): the pointer at the image, an empty block, and a status that starts it. The device then goes, and
    /// whether it still answers is of no importance.
    func finish() throws {
        let doing = "starting the image"
        do {
            if direction == .upload { try client.becomeIdle(while: doing) }
            try client.command(.setAddressPointer, address: sectors[0].address, while: doing)
        } catch let fault as PartFault {
            throw PartFault(
                fault.kind, "the image is written and verified, but \(fault.what)", advice: "Press RESET to start it")
        }
        do {
            try client.transport.send(DFURequest.download.rawValue, value: 2, [], timeout: DFUClient.transferTimeout)
            let answer = try client.transport.receive(
                DFURequest.getStatus.rawValue, value: 0, length: 6, timeout: DFUClient.transferTimeout)
            guard let status = DFUStatus(answer), status.state == .error else { return }
            throw PartFault(
                .malformedAnswer, "the image is written and verified, but \(name) does not start it (\(status.code))",
                advice: "Press RESET to start it")
        } catch USBFault.disconnected, USBFault.timedOut, USBFault.stalled, USBFault.other(_) {}
    }
}
