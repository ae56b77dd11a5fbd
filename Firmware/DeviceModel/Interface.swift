// What a kind of device can be told, and what it tells: one line of text in flash per driver, which the wire's discovery sends as
// it is and from which arguments are checked before a driver sees them.
//
//     interface = methods "|" kind [":" unit] "|" events
//     methods   = [ method *( ";" method ) ]        method   = name [ "(" argument *( "," argument ) ")" ] [ ":" unit ]
//     argument  = name ":" ( "bool"                 event    = name
//               / "text" " " least ".." most        events   = [ event *( ";" event ) ]
//               / unit " " least ".." most [ "=" default ] )
//
// Units are SenML's (RFC 8428, 12.1 and RFC 8798: ms, %, Cel, mCel for thousandths, Wh, V…), "1" for a plain number and "bool" for a
// truth value. A unit after a method is that of its result; one after the kind is that of the device's state. For a text, the
// numbers are its length in bytes. Arguments with a default may be left out from the end.
//
//     open(for:ms 100..60000=5000);close|lock:bool|opened;closed

import Bytes

/// One argument of a method.
public struct ArgumentSignature: Sendable {
    /// What a caller must pass. The raw values are those of `Arguments.Kind`, with which they are compared.
    public enum Kind: UInt8, Sendable {
        case integer
        case boolean
        case text
    }
    /// The part before the colon. It is for people: arguments are passed by position.
    public let name: FlashText
    /// Follows from the unit: "bool", "text", or anything else for an integer.
    public let kind: Kind
    /// SenML unit; "bool" or "text" for those.
    public let unit: FlashText
    /// The range of an integer, or of a text's length in bytes.
    public let minimum: Int32
    /// The largest value that is accepted; 1 for a truth value.
    public let maximum: Int32
    /// What a missing argument means; nil when it may not be missing.
    public let standard: Int32?

    @inline(never)
    init(_ text: FlashText) {
        name = text.before(UInt8(ascii: ":"))
        let type = text.after(UInt8(ascii: ":")) ?? text
        unit = type.before(UInt8(ascii: " "))
        kind = unit.matches("bool") ? .boolean : unit.matches("text") ? .text : .integer
        guard let range = type.after(UInt8(ascii: " ")) else {
            (minimum, maximum, standard) = (0, 1, nil)
            return
        }
        let (least, rest) = range.number()
        let (most, tail) = FlashText(start: rest.start + 2, count: max(0, rest.count - 2)).number()
        minimum = least
        maximum = most
        standard = tail.after(UInt8(ascii: "="))?.number().value
    }
}

/// One method of a device.
public struct MethodSignature: Sendable {
    let text: FlashText

    /// The part before the parenthesis or the colon; what a call names.
    public var name: FlashText {
        @inline(never) get { text.before(UInt8(ascii: "(")).before(UInt8(ascii: ":")) }
    }

    /// Argument `index`, or nil past the last.
    @inline(never)
    public func argument(_ index: Int) -> ArgumentSignature? {
        guard let inner = text.after(UInt8(ascii: "("))?.before(UInt8(ascii: ")")) else { return nil }
        return inner.part(index, of: UInt8(ascii: ",")).map { ArgumentSignature($0) }
    }

    /// Unit of the result; nil when the method returns nothing.
    public var resultUnit: FlashText? {
        (text.after(UInt8(ascii: ")")) ?? text).after(UInt8(ascii: ":"))
    }
}

/// The interface text of a driver, taken apart.
public struct Interface: Sendable {
    /// The whole line, for discovery.
    public let text: FlashText

    @inline(__always) init(_ text: FlashText) { self.text = text }

    /// Method `index`, or nil past the last.
    @inline(never)
    public func method(_ index: Int) -> MethodSignature? {
        text.before(UInt8(ascii: "|")).part(index, of: UInt8(ascii: ";")).map { MethodSignature(text: $0) }
    }

    /// The name of the kind, "lock".
    public var kind: FlashText { section(1).before(UInt8(ascii: ":")) }

    /// Unit of the device's state; nil when it has none.
    public var stateUnit: FlashText? { section(1).after(UInt8(ascii: ":")) }

    /// The name of event `index`, or nil past the last.
    public func event(_ index: Int) -> FlashText? { section(2).part(index, of: UInt8(ascii: ";")) }

    private func section(_ index: Int) -> FlashText { text.part(index, of: UInt8(ascii: "|")) ?? FlashText("") }
}
