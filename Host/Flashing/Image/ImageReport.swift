// What `lightnode image show` prints: what an image says about itself, and whether it may be flashed.
import FirmwareBuild
import Foundation
import Reporting

/// An image file, described and checked.
public struct ImageReport: Encodable, CustomStringConvertible, Sendable {
    public let file: String
    public let format: ImageFile.Format
    public let magic: String
    public let board: String
    public let mcu: String
    public let version: String
    /// First 32 bits of the commit's hash, nil when unknown.
    public let build: String?
    /// Bytes.
    public let size: Int
    public let hash: String
    /// First and last address, in hexadecimal.
    public let first: String
    public let last: String
    public let stack: String
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
            if file.format == .bin { start = board.flash.address.value }
            _ = try FlashImage(file, for: board)
        } catch let error as Failure {
            problem = error.what
        }
        let vectors = VectorTable(Data(image))
        self.file = file.url.relativePath
        format = file.format
        magic = "LNIM"
        board = header.board
        mcu = header.mcu
        version = header.version.map(String.init).joined(separator: ".")
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
        file      \(file) (\(format.rawValue.uppercased()))
        header    \(magic)
        board     \(board)
        MCU       \(mcu)
        version   \(version)
        build     \(build ?? "unknown")
        size      \(size) bytes, \(first)…\(last)
        hash      \(hash)
        vectors   stack \(stack), reset \(reset)
        check     \(problem.map { "not to be flashed: \($0)" } ?? "whole, and fit for its board")
        """
    }
}
