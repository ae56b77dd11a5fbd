// A debugger's end of the GDB remote protocol: "$", text, "#", sum of the text's bytes in two hexadecimal digits.
import Emulation
import Foundation

extension LineSocket {
    /// Sends one request; `after` an answer, which it acknowledges.
    func request(_ text: String, after: Bool = true) throws {
        let sum = String(format: "%02x", text.utf8.reduce(UInt8(0), &+))
        try send(Data("\(after ? "+" : "")$\(text)#\(sum)".utf8))
    }

    /// What the next answer says.
    func answer() throws -> String {
        var text = ""
        for _ in 0..<100 {
            text += String(decoding: try receive(timeout: 1), as: UTF8.self)
            if let match = text.firstMatch(of: /\$([^#]*)#../) { return String(match.1) }
        }
        return text
    }
}
