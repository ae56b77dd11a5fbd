// Takes frames out of a byte stream, one byte at a time; survives whatever the wire brings.

import Synchronization

/// What a byte completed.
public enum SlipmuxEvent: Sendable {
    /// Nothing: go on.
    case none
    /// A CoAP message with a good FCS: see `SlipmuxDecoder.content`.
    case coap
    /// A CoAP message with a good FCS that is longer than the buffer: `SlipmuxDecoder.content` is its beginning, the rest is lost.
    case cut
    /// Diagnostic text: see `SlipmuxDecoder.content`. Meant for people; strip control characters before showing it.
    case diagnostic
    /// A frame was dropped: see `SlipmuxDecoder.dropped`.
    case dropped
}

/// Frames that came to nothing, counted since the start (wrapping).
public struct SlipmuxDrops: Equatable, Sendable {
    /// Longer than the buffer.
    public internal(set) var tooLong: UInt32 = 0
    /// CoAP frames with a wrong or missing FCS: noise, or bytes lost.
    public internal(set) var badCheck: UInt32 = 0
    /// Wrong escapes, or aborted by the sender.
    public internal(set) var malformed: UInt32 = 0
    /// Frames of an unknown type, IP packets among them, and what stood before the first END.
    public internal(set) var unknownType: UInt32 = 0

    /// All four together, wrapping.
    public var total: UInt32 { tooLong &+ badCheck &+ malformed &+ unknownType }
}

/// A streaming decoder. `capacity` is the longest CoAP message or text, in bytes; longer frames are dropped and counted, of a message its
/// beginning is there to be refused.
///
///     var decoder = SlipmuxDecoder<512>()
///     while let byte = port.readByte() {
///         if case .coap = decoder.receive(byte) { handle(decoder.content) }
///     }
///
/// Not copyable, so that a buffer of a kilobyte is never copied by oversight.
public struct SlipmuxDecoder<let capacity: Int>: ~Copyable, Sendable {
    private enum State: UInt8, Sendable {
        /// Nothing but ENDs so far: the next byte is a type.
        case idle
        case coap
        case diagnostic
        case unknown
        case malformed
    }

    /// Makes the compiler handle the decoder by address (Firmware/HAL/InMemory.swift says why).
    private let anchor = Atomic<UInt8>(0)
    private var buffer = InlineArray<capacity, UInt8>(repeating: 0)
    /// Bytes of the frame after its type byte, FCS included.
    private var count = 0
    private var contentCount = 0
    private var state = State.idle
    private var escaped = false
    /// Zero between frames, so that a decoder is all zero bits to begin with and takes no flash.
    private var fcs = FCS(register: 0)

    /// Frames dropped since the start.
    public private(set) var dropped = SlipmuxDrops()

    /// Between frames: what stands before the first END counts as a frame of its own.
    public init() {}

    /// The content of the frame just completed: without type byte and FCS. Valid until the next call of `receive`.
    public var content: RawSpan {
        @_lifetime(borrow self) get { buffer.span.bytes.extracting(0..<contentCount) }
    }

    /// Takes the next byte from the wire.
    @inline(never)
    public mutating func receive(_ byte: UInt8) -> SlipmuxEvent {
        if byte == Slipmux.end { return endFrame() }
        if escaped {
            escaped = false
            switch byte {
            case Slipmux.escapedEnd: take(Slipmux.end)
            case Slipmux.escapedEscape: take(Slipmux.escape)
            default: state = .malformed
            }
        } else if byte == Slipmux.escape {
            escaped = true
        } else {
            take(byte)
        }
        return .none
    }

    @inline(never)
    private mutating func take(_ byte: UInt8) {
        switch state {
        case .idle:
            switch byte {
            case Slipmux.coapType: state = .coap
            case Slipmux.diagnosticType: state = .diagnostic
            default: state = .unknown
            }
            fcs = FCS()
            fcs.update(byte)
            count = 0
        case .coap, .diagnostic:
            fcs.update(byte)
            // The FCS may stand beyond the buffer: it is checked in passing, and never read again.
            if count < capacity { buffer[count] = byte }
            // By how much a frame is too long is not counted.
            if count < capacity &+ 3 { count &+= 1 }
        case .unknown, .malformed: break
        }
    }

    @inline(never)
    private mutating func endFrame() -> SlipmuxEvent {
        if escaped { state = .malformed }
        let finished = state
        state = .idle
        escaped = false
        switch finished {
        case .idle: return .none
        case .diagnostic:
            contentCount = count
            if count <= capacity { return .diagnostic }
            dropped.tooLong &+= 1
        case .coap:
            if count >= 2 && fcs.isGood {
                contentCount = min(count &- 2, capacity)
                if count &- 2 <= capacity { return .coap }
                dropped.tooLong &+= 1
                return .cut
            }
            dropped.badCheck &+= 1
        case .unknown: dropped.unknownType &+= 1
        case .malformed: dropped.malformed &+= 1
        }
        return .dropped
    }
}
