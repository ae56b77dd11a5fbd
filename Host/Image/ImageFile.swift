// A firmware image file of any format: ELF, Intel HEX, UF2, DfuSe, or a plain binary with the header inside.
import BoardFacts
import Foundation
import Reporting

/// The bytes of an image file and where they go.
public struct ImageFile: Sendable {
    /// How a file writes an image.
    public enum Format: String, Codable, CaseIterable, Sendable {
        /// An ELF file of the linker's; Intel HEX, of the micro:bit's Universal Hex too; plain bytes from the vector table, or from the boot
        /// code, on; Microsoft's UF2; ST's DfuSe.
        case elf, hex, bin, uf2, dfu

        /// Whether it says where its bytes go.
        var hasAddresses: Bool { self != .bin }
    }

    /// Where it was read from; it is not read again.
    public let url: URL
    /// The whole file, as it was when it was read.
    public let bytes: Data
    /// Told from the first bytes of the file.
    public let format: Format
    /// Which of several programs in the file this is, "board 0x9900"; nil when the file holds one program.
    public let part: String?
    /// By address. A binary has one, at address 0 until a board says where its flash is.
    public let segments: [Segment]

    /// Reads the file; its content, not its name, says which format it has.
    /// - Throws: `Failure`: `environment` when it cannot be read, `unfitImage` when it is damaged or none of these formats.
    public init(contentsOf url: URL) throws { try self.init(try Self.read(url), from: url) }

    /// - Parameter url: where the bytes were read from, or were written to.
    /// - Throws: `Failure` of kind `unfitImage` when they are damaged, or none of these formats.
    public init(_ bytes: Data, from url: URL) throws {
        (self.url, self.bytes) = (url, bytes)
        let program: Program
        (format, program) = try Self.program(bytes, url)
        (part, segments) = (program.owner, program.segments)
        if let foreign = ForeignFile.failure(segments, url) { throw foreign }
        guard segments.contains(where: { !$0.bytes.isEmpty }) else {
            throw Failure.unfit("the image \(url.path) is empty", about: url.path, remedy: .build(board: nil))
        }
    }

    private static func program(_ bytes: Data, _ url: URL) throws -> (Format, Program) {
        let name = url.lastPathComponent
        if bytes.starts(with: ELFFile.magic) { return (.elf, Program(segments: try ELFFile(bytes, from: url).segments)) }
        if UF2.isOne(bytes) { return (.uf2, try UF2.programs(bytes, file: name).chosen(file: name)) }
        if DFUFile.isDfuSe(bytes) { return (.dfu, Program(segments: try DFUFile.segments(bytes, file: name))) }
        let text = TextFile.characters(bytes)
        if TextFile.beginning(text)?.first == UInt8(ascii: ":") {
            return (.hex, try IntelHex.programs(text, file: name).chosen(file: name))
        }
        if let foreign = ForeignFile.failure(bytes, url) { throw foreign }
        let image = try DFUFile.contents(bytes, file: name) ?? bytes
        return (.bin, Program(segments: [Segment(address: 0, bytes: Data(image))]))
    }

    /// The bytes of an image's file.
    static func read(_ url: URL) throws -> Data {
        var status = stat()
        // What is no file would be waited for without end, or read without end.
        if stat(url.path, &status) == 0, let foreign = ForeignFile.failure(status: status, url) { throw foreign }
        do { return try Data(contentsOf: url) } catch {
            throw Failure(
                .environment, "the image \(url.path) cannot be read: \(error.localizedDescription)", about: url.path,
                remedy: .either([.advice("Name a file that is there"), .build(board: nil)]))
        }
    }

    /// What the image says about itself, and the address of its vector table. Boot code may stand before it.
    /// - Throws: `Failure` when it has no header, so is none of ours.
    public func header() throws -> (header: ImageHeader, start: UInt64) {
        if let found = segments.imageHeader { return found }
        // An old or newer format has a message of its own.
        do { return (try ImageHeader(flash: segments[0].bytes), 0) } catch let error as Failure {
            throw Failure.unfit("\(url.path): \(error.what)", remedy: error.remedy)
        }
    }

    /// The segments at their addresses on `board`: a binary starts where the board's flash, or its boot code, does.
    func placed(on board: Board) throws -> [Segment] {
        guard !format.hasAddresses else { return segments }
        let flash = board.flash.address.value
        guard let boot = board.boot else { return [Segment(address: flash, bytes: segments[0].bytes)] }
        let start = try header().start
        guard flash - boot.address.value == start else {
            throw Failure.unfit(
                "\(url.lastPathComponent) lacks the boot code of \(board.name), from which the chip starts",
                advice: "Flash the ELF or the Intel HEX file")
        }
        // What lies between boot code and image is filling.
        let bytes = segments[0].bytes
        let filling = bytes.dropFirst(board.boot!.size.int).prefix(Int(start) - board.boot!.size.int)
        guard filling.allSatisfy({ $0 == 0xFF }) || filling.allSatisfy({ $0 == 0 }) else {
            return [Segment(address: boot.address.value, bytes: bytes)]
        }
        return [
            Segment(address: boot.address.value, bytes: Data(bytes.prefix(boot.size.int))),
            Segment(address: flash, bytes: Data(bytes.dropFirst(Int(start)))),
        ]
    }
}
