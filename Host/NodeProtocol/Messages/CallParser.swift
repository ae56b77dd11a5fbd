// The parser of `$('led').on()`: the form of a command that people type.
//
//   call      = "$" "(" string ")" "." name "(" [ argument *( "," argument ) ] ")" [ ";" ]
//   argument  = [ name ":" ] value                           the name is the one that the device's interface has
//   value     = integer / quantity / "true" / "false" / string
//   quantity  = number unit / "." unit-word "(" number ")"    5s, 1.5s, 80%, .seconds(5): see `Quantity`
//   number    = [ "-" / "+" ] 1*DIGIT [ "." 1*DIGIT ]
//   string    = "'" *character "'" / '"' *character '"'      with \\ \' \" \n \t inside
//   integer   = [ "-" / "+" ] 1*DIGIT / "0x" 1*HEXDIG         "_" may separate digits
//   name      = ( letter / "_" ) *( letter / digit / "_" / "-" )
//
// White space may stand between any two of these.
import Reporting

/// Where and why a text is no call. `column` counts characters from 1.
public struct CallSyntaxError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The text that was to be read, line ends shown as spaces.
    public let text: String
    /// Where it went wrong, in characters from 1; one past the end when more was expected.
    public let column: Int
    /// What stands there in a call: ends a sentence that begins with "expected".
    public let expected: String

    public var description: String {
        let marker = String(repeating: " ", count: column - 1) + "^"
        return "column \(column): expected \(expected)\n  \(text)\n  \(marker)"
    }
}

extension Call {
    /// Reads `$('led').on()`, with the labels and units that people write. Throws `CallSyntaxError` naming the column.
    public init(parsing text: String) throws(CallSyntaxError) { self = try WrittenCall(parsing: text).call }
}

extension WrittenCall {
    /// Reads `$('lock').open(for: 5s)`. Throws `CallSyntaxError` naming the column.
    public init(parsing text: String) throws(CallSyntaxError) {
        // A line break in the text would put the marker below the wrong line.
        var parser = CallParser(text: String(text.map { $0.isNewline ? " " : $0 }))
        self = try parser.call()
    }
}

private struct CallParser {
    let text: String
    let characters: [Character]
    var position = 0

    init(text: String) {
        self.text = text
        self.characters = Array(text)
    }

    mutating func call() throws(CallSyntaxError) -> WrittenCall {
        try expect("$", "“$” as in $('led').on()")
        try expect("(", "“(” after “$”")
        skipSpace()
        let start = position
        let device = try string("a device name in quotes, as in $('led')")
        guard !device.isEmpty else { throw error(at: start, "a device name that is not empty") }
        try expect(")", "“)” after the device name")
        try expect(".", "“.” and a method, as in .on()")
        skipSpace()
        let methodStart = position
        let method = try name()
        try expect("(", "“(” after the method “\(method)”")
        let arguments = try arguments()
        let end = position
        skipSpace()
        if peek() == ";" { position += 1 }
        skipSpace()
        guard position == characters.count else { throw error(at: position, "the end of the call") }
        return WrittenCall(
            call: Call(device: device, method: method, arguments: arguments.map(\.value)), text: text,
            columns: .init(device: start + 1, method: methodStart + 1, end: end), arguments: arguments)
    }

    private mutating func arguments() throws(CallSyntaxError) -> [WrittenCall.Argument] {
        var list: [WrittenCall.Argument] = []
        skipSpace()
        if peek() == ")" {
            position += 1
            return list
        }
        while true {
            list.append(try argument())
            skipSpace()
            switch peek() {
            case ",": position += 1
            case ")":
                position += 1
                return list
            default: throw error(at: position, "“,” or “)” after an argument")
            }
        }
    }

    private mutating func argument() throws(CallSyntaxError) -> WrittenCall.Argument {
        skipSpace()
        let start = position
        let label = label()
        skipSpace()
        let column = position + 1
        let (value, unit) = try value(orLabelAt: label == nil ? start : position)
        return .init(label: label, value: value, unit: unit, column: column)
    }

    /// A name with a colon behind it; nil, and nothing is read, where there is none.
    private mutating func label() -> String? {
        let start = position
        if let name = try? name() {
            skipSpace()
            if peek() == ":" {
                position += 1
                return name
            }
        }
        position = start
        return nil
    }

    private mutating func value(orLabelAt start: Int) throws(CallSyntaxError) -> (Value, Quantity.Unit?) {
        let what = "an argument: a number, true, false or a text in quotes"
        switch peek() {
        case "'", "\"": return (.text(try string(what)), nil)
        case ".":
            position += 1
            let unit = try unit(named: try name(), at: start)
            try expect("(", "“(” after the unit")
            skipSpace()
            let number = try number()
            try expect(")", "“)” after the number")
            return (.int(try reckoned(number, unit, at: start)), unit)
        case let character? where character.isLetter:
            switch try name() {
            case "true": return (.bool(true), nil)
            case "false": return (.bool(false), nil)
            default: throw error(at: start, what)
            }
        case let character? where character.isASCII && (character.isNumber || character == "-" || character == "+"):
            return try number(at: position)
        default: throw error(at: position, what)
        }
    }

    /// A number as it is written, with the digits behind its point.
    private struct Number {
        var digits: String
        var decimals = 0
        var point: Int?
        var isHexadecimal = false
    }

    private mutating func number(at start: Int) throws(CallSyntaxError) -> (Value, Quantity.Unit?) {
        let number = try number()
        let unitStart = position
        let letters = characters[position...].prefix { $0.isLetter || $0 == "%" || $0 == "°" }
        if letters.isEmpty || number.isHexadecimal {
            if let point = number.point { throw error(at: point, "a unit behind a number with a fraction, as in 1.5s") }
            guard let value = Int64(number.digits, radix: number.isHexadecimal ? 16 : 10) else {
                throw error(at: start, "a whole number between \(Int64.min) and \(Int64.max)")
            }
            return (.int(value), nil)
        }
        position += letters.count
        let unit = try unit(named: String(letters), at: unitStart)
        return (.int(try reckoned(number, unit, at: start)), unit)
    }

    private mutating func number() throws(CallSyntaxError) -> Number {
        let start = position
        var number = Number(digits: "")
        if peek() == "-" || peek() == "+" {
            number.digits.append(characters[position])
            position += 1
        }
        if peek() == "0", position + 1 < characters.count, characters[position + 1] == "x" {
            number.isHexadecimal = true
            position += 2
        }
        let first = position
        while let character = peek() {
            let isDigit = character.isASCII && (number.isHexadecimal ? character.isHexDigit : character.isNumber)
            let isPoint = character == "." && number.point == nil && !number.isHexadecimal && position > first
            guard isDigit || character == "_" || isPoint else { break }
            if isPoint { number.point = position }
            if isDigit {
                number.digits.append(character)
                if number.point != nil { number.decimals += 1 }
            }
            position += 1
        }
        guard position > first else {
            throw error(at: start, "a whole number between \(Int64.min) and \(Int64.max)")
        }
        return number
    }

    private func unit(named name: String, at start: Int) throws(CallSyntaxError) -> Quantity.Unit {
        guard let unit = Quantity.unit(name) else {
            throw error(at: start, "a unit: \(Quantity.names.joined(separator: ", "))")
        }
        return unit
    }

    private func reckoned(_ number: Number, _ unit: Quantity.Unit, at start: Int) throws(CallSyntaxError) -> Int64 {
        guard let value = unit.whole(number.digits, decimals: number.decimals) else {
            throw error(at: start, "a whole number of \(unit.base)")
        }
        return value
    }

    private mutating func name() throws(CallSyntaxError) -> String {
        skipSpace()
        let start = position
        while let character = peek(), character.isASCII,
            character.isLetter || character == "_" || (position > start && (character.isNumber || character == "-"))
        {
            position += 1
        }
        guard position > start else { throw error(at: position, "the name of a method, as in .on()") }
        return String(characters[start..<position])
    }

    private mutating func string(_ expected: String) throws(CallSyntaxError) -> String {
        skipSpace()
        guard let quote = peek(), quote == "'" || quote == "\"" else { throw error(at: position, expected) }
        let start = position
        position += 1
        var result = ""
        while let character = peek() {
            position += 1
            if character == quote { return result }
            guard character == "\\" else {
                result.append(character)
                continue
            }
            switch peek() {
            case "n": result.append("\n")
            case "t": result.append("\t")
            case let escaped? where escaped == "'" || escaped == "\"" || escaped == "\\": result.append(escaped)
            default: throw error(at: position, "one of \\' \\\" \\\\ \\n \\t")
            }
            position += 1
        }
        throw error(at: characters.count, "“\(quote)” to close the text that begins in column \(start + 1)")
    }

    private func peek() -> Character? { position < characters.count ? characters[position] : nil }

    private mutating func skipSpace() {
        while let character = peek(), character.isWhitespace { position += 1 }
    }

    private mutating func expect(_ character: Character, _ expected: String) throws(CallSyntaxError) {
        skipSpace()
        guard peek() == character else { throw error(at: position, expected) }
        position += 1
    }

    private func error(at position: Int, _ expected: String) -> CallSyntaxError {
        CallSyntaxError(text: text, column: position + 1, expected: expected)
    }
}
