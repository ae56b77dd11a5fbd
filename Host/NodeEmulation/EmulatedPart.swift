// The flash of an emulated board as a part: changes are collected and saved as a whole, so the board is never half written.
import Emulation
import Flashing
import Foundation
import Image
import Reporting

final class EmulatedPart: FlashPart {
    let name: String
    let sectors: [FlashSector]
    let blockSize: Int
    let recovery = "Nothing was changed: its flash is saved as a whole or not at all"
    private let stored: StoredBoard
    private let image: CheckedImage
    private var memories: [(address: UInt64, bytes: Data)]
    private var isDirty = false

    init(_ stored: StoredBoard, image: CheckedImage) throws {
        self.stored = stored
        self.image = image
        name = "emulated:\(stored.record.name)"
        let page = stored.board.store?.page.int ?? 1024
        blockSize = page
        memories = try stored.contents()
        sectors = memories.flatMap { memory in
            stride(from: 0, to: memory.bytes.count, by: page).map {
                FlashSector(address: memory.address + UInt64($0), size: page)
            }
        }
    }

    private func place(_ address: UInt64) -> (memory: Int, offset: Int) {
        let memory = memories.lastIndex { $0.address <= address } ?? 0
        return (memory, memories[memory].bytes.startIndex + Int(address - memories[memory].address))
    }

    func readBlock(at address: UInt64) throws -> Data {
        if isDirty { try save() }
        let (memory, offset) = place(address)
        return Data(memories[memory].bytes[offset..<offset + blockSize])
    }

    func erase(_ sector: FlashSector) throws {
        let (memory, offset) = place(sector.address)
        memories[memory].bytes.replaceSubrange(offset..<offset + sector.size, with: repeatElement(0xFF, count: sector.size))
        isDirty = true
    }

    func writeBlock(_ data: Data, at address: UInt64) throws {
        let (memory, offset) = place(address)
        memories[memory].bytes.replaceSubrange(offset..<offset + data.count, with: data)
        isDirty = true
    }

    /// Saves, and reads back what was saved.
    private func save() throws {
        try stored.replace(memories, image: image)
        memories = try stored.contents()
        isDirty = false
    }

    func finish() throws { if isDirty { try save() } }
}
