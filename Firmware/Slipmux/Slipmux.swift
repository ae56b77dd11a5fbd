// Slipmux (draft-bormann-t2trg-slipmux): CoAP messages and human-readable logs share one serial byte pipe.
//
// On the wire: END, type byte, data, [FCS for CoAP], END; with SLIP escapes (RFC 1055) between the two ENDs.
//
//     END 0xC0, ESC 0xDB;  0xC0 in a frame is sent as DB DC, 0xDB as DB DD;  DB C0 aborts the frame
//     0x0A        diagnostic text, UTF-8, from device to computer
//     0xA9        CoAP message, then the 16-bit FCS of RFC 1662 over type byte and message, low byte first
//     0x45–0x4F   IPv4 packet, 0x60–0x6F IPv6 packet: ignored here

/// Makes frames, byte by byte and without a buffer: `emit` is called for each byte in order.
public enum Slipmux {
    static let end: UInt8 = 0xc0
    static let escape: UInt8 = 0xdb
    static let escapedEnd: UInt8 = 0xdc
    static let escapedEscape: UInt8 = 0xdd
    static let diagnosticType: UInt8 = 0x0a
    static let coapType: UInt8 = 0xa9

    /// Bytes that a frame adds to a CoAP message that needs no escapes: two ENDs, type, FCS. Escapes at worst double the rest.
    public static let coapOverhead = 5

    /// Sends a CoAP message as one frame.
    @inline(never)
    public static func sendCoAP(_ message: RawSpan, _ emit: (UInt8) -> Void) {
        var fcs = FCS()
        emit(end)
        fcs.update(coapType)
        emit(coapType)
        for index in 0..<message.byteCount {
            let byte = message.unsafeLoad(fromByteOffset: index, as: UInt8.self)
            fcs.update(byte)
            emitEscaped(byte, emit)
        }
        let check = fcs.value
        emitEscaped(UInt8(truncatingIfNeeded: check), emit)
        emitEscaped(UInt8(truncatingIfNeeded: check >> 8), emit)
        emit(end)
    }

    /// Opens a frame of diagnostic text. Then `emitEscaped` its bytes, and `endFrame`.
    public static func beginDiagnostic(_ emit: (UInt8) -> Void) {
        emit(end)
        emit(diagnosticType)
    }

    /// Sends one byte of a frame's content.
    @inline(never)
    public static func emitEscaped(_ byte: UInt8, _ emit: (UInt8) -> Void) {
        if byte == end || byte == escape {
            emit(escape)
            emit(byte == end ? escapedEnd : escapedEscape)
        } else {
            emit(byte)
        }
    }

    /// Closes a frame.
    public static func endFrame(_ emit: (UInt8) -> Void) {
        emit(end)
    }

    /// Sends UTF-8 text as one diagnostic frame.
    public static func sendDiagnostic(_ text: RawSpan, _ emit: (UInt8) -> Void) {
        beginDiagnostic(emit)
        for index in 0..<text.byteCount { emitEscaped(text.unsafeLoad(fromByteOffset: index, as: UInt8.self), emit) }
        endFrame(emit)
    }

    /// Sends text as one diagnostic frame.
    public static func sendDiagnostic(_ text: StaticString, _ emit: (UInt8) -> Void) {
        beginDiagnostic(emit)
        for index in 0..<text.utf8CodeUnitCount { emitEscaped(text.utf8Start[index], emit) }
        endFrame(emit)
    }
}

/// The frame check sequence of RFC 1662 appendix C: CRC-16 with the reflected polynomial 0x8408, also known as CRC-16/X-25.
struct FCS: Sendable {
    private var register: UInt16 = 0xffff

    init() {}
    init(register: UInt16) { self.register = register }

    /// What the register holds after data and their FCS, low byte first.
    var isGood: Bool { register == 0xf0b8 }

    /// What is sent behind the data.
    var value: UInt16 { ~register }

    /// One byte at a time without a table: the eight shift steps folded into one expression.
    @inline(never)
    mutating func update(_ byte: UInt8) {
        var mixed = byte ^ UInt8(truncatingIfNeeded: register)
        mixed ^= mixed << 4
        let wide = UInt16(mixed)
        register = register >> 8 ^ wide << 8 ^ wide << 3 ^ wide >> 4
    }
}
