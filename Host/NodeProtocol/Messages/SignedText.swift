// Signed objects as one line of text, for people to hand to each other: prefix ":" network ":" base64url.
import Foundation
import Reporting

struct SignedText {
    let prefix: String
    /// What it is called, and who gives it, in error messages.
    let what: String
    let from: String

    func text(_ bytes: [UInt8], network: UInt64) -> String {
        let base64 = Data(bytes).base64EncodedString()
        let url = base64.replacingOccurrences(of: "+", with: "-").replacingOccurrences(of: "/", with: "_")
        return "\(prefix):\(network):\(url.replacingOccurrences(of: "=", with: ""))"
    }

    func read<T>(_ text: String, _ body: ([UInt8], UInt64) throws -> T) throws -> T {
        func wrong(_ why: String) -> Failure {
            Failure(.usage, "this is no \(what): \(why)", advice: "Ask \(from) for the whole line, which begins with \(prefix):")
        }
        let parts = text.trimmingCharacters(in: .whitespacesAndNewlines).split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 3, parts[0] == prefix else { throw wrong("it does not begin with \(prefix):") }
        guard let network = UInt64(parts[1]), network <= UInt64(UInt32.max) else { throw wrong("its network is no number") }
        var base64 = parts[2].replacingOccurrences(of: "-", with: "+").replacingOccurrences(of: "_", with: "/")
        base64 += String(repeating: "=", count: (4 - base64.count % 4) % 4)
        guard let data = Data(base64Encoded: base64) else { throw wrong("a part of it is missing or changed") }
        do { return try body(Array(data), network) } catch { throw wrong("a part of it is missing or changed") }
    }
}
