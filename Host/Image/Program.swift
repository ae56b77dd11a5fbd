// What a file holds: one program, or one for each of several kinds of chips, of which one is ours.
import Foundation
import Reporting

/// One of the programs in a file.
struct Program: Equatable, Sendable {
    /// Whose it is, as the file says: "board 0x9900", "family 0x57755A57"; nil when it does not say.
    var owner: String?
    /// By address, neighbours joined.
    var segments: [Segment]
}

extension [Program] {
    /// The one that is a light node image, else the first; without an owner when it is the only one.
    /// - Throws: `Failure` of kind `unfitImage` when several are, and differ.
    func chosen(file: String) throws -> Program {
        let ours = filter { $0.segments.imageHeader != nil }
        guard ours.dropFirst().allSatisfy({ $0.segments == ours[0].segments }) else {
            let owners = ours.map { $0.owner ?? "any board" }.joined(separator: ", ")
            throw Failure.unfit(
                "\(file) holds \(ours.count) light node images, for \(owners)", about: file,
                advice: "Flash the one of the files it was joined from that is for your board")
        }
        let chosen = ours.first ?? first ?? Program(segments: [])
        return count > 1 ? chosen : Program(segments: chosen.segments)
    }
}

extension [Segment] {
    /// The first light node image's header among them, and the address of its vector table. Boot code may stand before it.
    var imageHeader: (header: ImageHeader, start: UInt64)? {
        // A vector table is aligned to 0x200 and more on every chip that we have; flash pages are 1 KB at least.
        for segment in self {
            for offset in stride(from: 0, to: segment.bytes.count, by: 1024) {
                let rest = segment.bytes.dropFirst(offset)
                if let header = try? ImageHeader(flash: Data(rest.prefix(ImageHeader.offset + ImageHeader.length))) {
                    return (header, segment.address + UInt64(offset))
                }
            }
        }
        return nil
    }

    /// By address, what touches joined and what is empty left out.
    /// - Throws: `Failure` of kind `unfitImage` when two of them overlap.
    func joined(file: String) throws -> [Segment] {
        var joined: [Segment] = []
        for segment in sorted(by: { $0.address < $1.address }) where !segment.bytes.isEmpty {
            guard let last = joined.last else {
                joined.append(segment)
                continue
            }
            guard segment.address >= last.range.upperBound else {
                throw Failure.unfit(
                    "\(file) gives two values for \(hexadecimal(segment.address))", about: file, advice: "Write the file again")
            }
            if segment.address == last.range.upperBound {
                joined[joined.count - 1].bytes.append(segment.bytes)
            } else {
                joined.append(segment)
            }
        }
        return joined
    }
}
