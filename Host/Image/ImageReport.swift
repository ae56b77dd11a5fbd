// What `lightnode image show` prints: what an image says about itself, and whether it may be flashed.
import BoardFacts
import Foundation
import Reporting

/// An image file, described and checked.
public struct ImageReport: Encodable, CustomStringConvertible, Sendable {
    /// Path of the file, as it was given.
    public let file: String
    /// How the file writes the image.
    public let format: ImageFile.Format
    /// Which of several programs in the file it tells of, "board 0x9900"; nil when the file holds one.
    public let part: String?
    /// The first four bytes of the header, "LNIM": without them there is no report.
    public let magic: String
    /// Name of the board that the header says; need not be known here.
    public let board: String
    /// Family of the chip that the header says.
    public let mcu: String
    /// Firmware version, "0.1.0".
    public let version: String
    /// Name of the application; nil when the image does not say it.
    public let application: String?
    /// First 32 bits of the commit's hash, nil when unknown.
    public let build: String?
    /// Built from a tree with changes that this commit does not have.
    public let isChanged: Bool
    /// Bytes.
    public let size: Int
    /// The 24 bytes of the header's hash, in hexadecimal; `problem` says when it does not fit the image.
    public let hash: String
    /// First and last address, in hexadecimal.
    public let first: String
    /// Address of the last byte that the header's size covers, in hexadecimal.
    public let last: String
    /// First value of the stack pointer, in hexadecimal.
    public let stack: String
    /// Address of the reset handler, in hexadecimal, bit 0 set for Thumb code.
    public let reset: String
    /// Nil when it may be flashed to its board.
    public let problem: String?

    /// - Parameter catalogue: where boards are described.
    /// - Throws: `Failure` when the file has no image header.
    public init(_ file: ImageFile, catalogue: BoardCatalogue) throws {
        let header: ImageHeader
        var start: UInt64
        (header, start) = try file.header()
        let image = file.segments.first { $0.range.contains(start) }.map { $0.bytes.dropFirst(Int(start - $0.address)) } ?? Data()
        var problem: String?
        do {
            let board = try catalogue.board(header.board)
            if !file.format.hasAddresses { start = board.flash.address.value }
            _ = try CheckedImage(file, for: board)
        } catch let error as Failure {
            problem = error.what
        }
        let vectors = VectorTable(Data(image))
        self.file = file.url.relativePath
        format = file.format
        part = file.part
        magic = "LNIM"
        board = header.board
        mcu = header.mcu
        version = header.version.map(String.init).joined(separator: ".")
        application = header.application.isEmpty ? nil : header.application
        isChanged = header.isChanged
        build = header.build == 0 ? nil : String(format: "%08x", header.build)
        size = header.size
        hash = header.hash.map { String(format: "%02x", $0) }.joined()
        first = hexadecimal(start)
        last = hexadecimal(start + UInt64(max(header.size, 1)) - 1)
        stack = hexadecimal(vectors.stack)
        reset = hexadecimal(vectors.reset)
        self.problem = problem
    }

    public var description: String {
        """
        file      \(file) (\(format.rawValue.uppercased())\(part.map { ", its part for \($0)" } ?? ""))
        header    \(magic)
        image     \(application ?? "not said")
        board     \(board)
        MCU       \(mcu)
        version   \(version)
        commit    \(build ?? "unknown")\(isChanged ? ", with changes that it does not have" : "")
        size      \(size) bytes, \(first)…\(last)
        hash      \(hash)
        vectors   stack \(stack), reset \(reset)
        check     \(problem.map { "not to be flashed: \($0)" } ?? "whole, and fit for its board")
        """
    }
}
