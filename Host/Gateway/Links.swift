// A node's links (RFC 6690) as they read from the gateway: below the node's name.

enum Links {
    /// `links` with `/name` before the target of each; text in quotes is left as it is.
    static func below(_ name: String, _ links: String) -> String {
        var result = "", isQuoted = false, isEscaped = false
        for character in links {
            result.append(character)
            if isEscaped {
                isEscaped = false
            } else if character == "\\" {
                isEscaped = isQuoted
            } else if character == "\"" {
                isQuoted.toggle()
            } else if character == "<", !isQuoted {
                result += "/\(name)"
            }
        }
        return result
    }
}
