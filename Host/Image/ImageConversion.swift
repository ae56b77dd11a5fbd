// A checked image as a file of any format that other programs take.
import BoardFacts
import Foundation
import Reporting

extension CheckedImage {
    /// The image as a programmer's drive takes it.
    public var intelHex: String { IntelHex.text(pieces) }

    /// The image as an ELF file: the one that was read, with its symbols, or one that is made of the pieces.
    public var elf: Data { file.format == .elf ? file.bytes : ELFFile.file(pieces) }

    /// The image as a file of that format.
    /// - Throws: `Failure` of kind `usage` when the format cannot say whose the image is.
    public func file(as format: ImageFile.Format) throws -> Data {
        switch format {
        case .elf: return elf
        case .hex: return Data(intelHex.utf8)
        case .bin: return pieces.flat(in: pieces[0].address..<board.wholeFlash.upperBound)
        case .dfu: return DFUFile.dfuSe(pieces, for: bootloader)
        case .uf2:
            guard let family = board.uf2Family else {
                throw Failure(
                    .usage,
                    "the chip of \(board.name) (\(board.mcu)) has no number in the list of UF2 families, so a UF2 file could not say whose it is",
                    about: board.name, advice: "Choose another format, such as hex: no bootloader of this chip takes UF2 files")
            }
            return UF2.file(pieces, family: UInt32(family.value))
        }
    }

    /// Whether a plain binary of it also fills the store, which lies between its pieces: other programs than ours would erase the keys.
    public var fillsStoreAsBinary: Bool {
        guard let store = board.store?.range, let first = pieces.first, let last = pieces.last else { return false }
        return store.overlaps(first.address..<last.range.upperBound)
    }

    /// The device that a DfuSe file is for: the chip's own bootloader where the board shows it on USB, else any.
    private var bootloader: DFUFile.Identity {
        let found = board.usb.first { $0.vendor.value == 0x0483 && $0.product.value == 0xDF11 }
        return found.map { .init(vendor: UInt16($0.vendor.value), product: UInt16($0.product.value)) } ?? .init()
    }
}
