// The parser of `$('led').on()`: the form of a command that people type.
//
//   call      = "$" "(" string ")" "." name "(" [ argument *( "," argument ) ] ")" [ ";" ]
//   argument  = integer / "true" / "false" / string
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
    /// Reads `$('led').on()`. Throws `CallSyntaxError` naming the column.
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

    mutating func call() throws(CallSyntaxError) -> Call {
        try expect("$", "“$” as in $('led').on()")
        try expect("(", "“(” after “$”")
        skipSpace()
        let start = position
        let device = try string("a device name in quotes, as in $('led')")
        guard !device.isEmpty else { throw error(at: start, "a device name that is not empty") }
        try expect(")", "“)” after the device name")
        try expect(".", "“.” and a method, as in .on()")
        let method = try name()
        try expect("(", "“(” after the method “\(method)”")
        let arguments = try arguments()
        skipSpace()
        if peek() == ";" { position += 1 }
        skipSpace()
        guard position == characters.count else { throw error(at: position, "the end of the call") }
        return Call(device: device, method: method, arguments: arguments)
    }

    private mutating func arguments() throws(CallSyntaxError) -> [Value] {
        var list: [Value] = []
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

    private mutating func argument() throws(CallSyntaxError) -> Value {
        skipSpace()
        let what = "an argument: a number, true, false or a text in quotes"
        switch peek() {
        case "'", "\"": return .text(try string(what))
        case let character? where character.isLetter:
            let start = position
            switch try name() {
            case "true": return .bool(true)
            case "false": return .bool(false)
            default: throw error(at: start, what)
            }
        case let character? where character.isASCII && (character.isNumber || character == "-" || character == "+"):
            return .int(try integer())
        default: throw error(at: position, what)
        }
    }

    private mutating func integer() throws(CallSyntaxError) -> Int64 {
        let start = position
        var digits = ""
        if peek() == "-" || peek() == "+" {
            digits.append(characters[position])
            position += 1
        }
        var radix = 10
        if peek() == "0", position + 1 < characters.count, characters[position + 1] == "x" {
            radix = 16
            position += 2
        }
        let first = position
        while let character = peek(), character == "_" || (character.isASCII && character.isHexDigit) {
            if character != "_" { digits.append(character) }
            position += 1
        }
        guard position > first, let value = Int64(digits, radix: radix) else {
            throw error(at: start, "a whole number between \(Int64.min) and \(Int64.max)")
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
