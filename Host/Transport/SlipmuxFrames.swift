// Slipmux frames for the host: chunks of any size in, CoAP messages and log lines out. The portable Slipmux module does the framing.
import Slipmux

/// Cuts a byte stream into frames, and makes frames.
public struct SlipmuxFrames: ~Copyable, Sendable {
    /// What a frame carries.
    public enum Frame: Hashable, Sendable {
        /// A CoAP message whose check sequence was right.
        case coap([UInt8])
        /// A line of the node's log, without control characters.
        case log(String)
    }

    private var decoder = SlipmuxDecoder<2048>()

    /// Starts outside of any frame, with nothing dropped.
    public init() {}

    /// The frames that `bytes` complete. Damaged ones are left out.
    public mutating func push(_ bytes: [UInt8]) -> [Frame] {
        var frames: [Frame] = []
        for byte in bytes {
            switch decoder.receive(byte) {
            case .coap: frames.append(.coap(decoder.content.withUnsafeBytes { Array($0) }))
            case .diagnostic: frames.append(.log(Self.printable(decoder.content.withUnsafeBytes { Array($0) })))
            // Of what is too long here nothing is taken.
            default: break
            }
        }
        return frames
    }

    /// Frames dropped so far: noise, damage, unknown kinds.
    public var dropped: SlipmuxDrops { decoder.dropped }

    /// A CoAP message as one frame.
    public static func coap(_ message: [UInt8]) -> [UInt8] {
        var bytes: [UInt8] = []
        Slipmux.sendCoAP(message.span.bytes) { bytes.append($0) }
        return bytes
    }

    /// What a node writes must not steer the terminal: control characters become spaces.
    private static func printable(_ bytes: [UInt8]) -> String {
        let scalars = String(decoding: bytes, as: UTF8.self).unicodeScalars.map { scalar in  // foreign: made printable here
            switch scalar.properties.generalCategory {
            case .control, .format, .lineSeparator, .paragraphSeparator: " " as Unicode.Scalar
            default: scalar
            }
        }
        var text = String(String.UnicodeScalarView(scalars))
        while text.last == " " { text.removeLast() }
        return text
    }
}
