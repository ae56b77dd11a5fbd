// What came of the bytes on a line: tells a node that is silent from a line that garbles what it says.
import Reporting

/// Bytes and frames on a line, counted.
public struct LineHearing: Equatable, Sendable {
    /// All that arrived.
    var bytes = 0
    /// CoAP messages and log lines that arrived whole.
    var frames = 0
    /// Frames that came to nothing: damage, noise, another protocol.
    var dropped = 0
    /// Line feeds, and those of them that a carriage return stands before.
    var feeds = 0
    var feedsAfterReturn = 0
    private var isAfterReturn = false

    mutating func take(_ chunk: [UInt8], _ found: [SlipmuxFrames.Frame], dropped: Int) {
        bytes += chunk.count
        frames += found.count
        self.dropped = dropped
        for byte in chunk {
            if byte == 0x0A {
                feeds += 1
                if isAfterReturn { feedsAfterReturn += 1 }
            }
            isAfterReturn = byte == 0x0D
        }
    }

    /// What has been heard since, when not one frame of it was whole; nil when nothing came or something was understood.
    func garbled(since earlier: LineHearing) -> String? {
        let bytes = bytes - earlier.bytes, damaged = dropped - earlier.dropped
        guard bytes > 0, frames == earlier.frames else { return nil }
        let cooked = feeds > earlier.feeds && feedsAfterReturn - earlier.feedsAfterReturn == feeds - earlier.feeds
        return "\(bytes) bytes came, but none made a frame"
            + (damaged > 0 ? " (\(damaged) damaged)" : "")
            + (cooked ? ", and each line feed came behind a carriage return" : "")
    }

    /// The next thing to do about a line that garbles.
    static let remedy = Remedy.advice(
        "Check that node and line have the same speed (115200 baud), that nothing on the way turns LF into CR LF (a cooked line, a terminal server: "
            + "set it to raw), and that light-node firmware runs")
}
