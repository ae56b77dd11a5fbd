// The tables of the documents, between the marks “<!-- table NAME -->” and “<!-- end -->” (“; table NAME” and “; end” in CDDL).

import Foundation

/// The documents with the tables in them made anew.
func documents(of table: Table) throws -> [GeneratedFile] {
    let tables = table.documentTables
    var used: Set<String> = []
    let files = try ["docs/protocol.md", "docs/flash-format.md", "docs/protocol.cddl"].map { path in
        var lines: [String] = []
        var inside: String?
        for line in try String(contentsOfFile: path, encoding: .utf8).components(separatedBy: "\n") {
            let bare = line.trimmingCharacters(in: CharacterSet(charactersIn: "<>!-; "))
            let isMark = line.hasPrefix("<!-- ") || line.hasPrefix("; table ") || line == "; end"
            if isMark, bare.hasPrefix("table "), inside == nil {
                let name = String(bare.dropFirst("table ".count))
                guard let text = tables[name] else {
                    throw TableError("\(path) has a mark for “\(name)”: there is no such table")
                }
                used.insert(name)
                lines += [line, text]
                inside = name
            } else if isMark, bare == "end" {
                guard inside != nil else { throw TableError("\(path) has an end without a table") }
                lines.append(line)
                inside = nil
            } else if inside == nil {
                lines.append(line)
            }
        }
        guard inside == nil else { throw TableError("\(path): the table “\(inside ?? "")” has no end") }
        return GeneratedFile(path: path, text: lines.joined(separator: "\n"))
    }
    for name in tables.keys.sorted() where !used.contains(name) { throw TableError("no document has the table “\(name)”") }
    return files
}

extension Table {
    fileprivate var documentTables: [String: String] {
        [
            "messages": markdown(
                ["Type", "Number", "Signed by", "What it is for"],
                messages.map { ["`\($0.name)`", "\($0.number)", $0.signer, $0.meaning] }),
            "resources": resourceRows, "refusals": refusalRows,
            "outcomes": markdown(["Code", "Outcome", "Meaning"], outcomes.map { ["\($0.code)", "`\($0.name)`", $0.meaning] }),
            "signers": markdown(
                ["Number", "Signer"], signers.map { [bytes($0.number, $0.count), $0.meaning] }),
            "log-entry": markdown(["Bytes", "Field", "Content"], logEntry.fields.map(fieldRow)),
            "reset-reasons": markdown(
                ["Number", "Reason", "Meaning"], resetReasons.map { ["\($0.code)", "`\($0.name)`", $0.meaning] }),
            "content-formats": markdown(["Number", "Content-Format"], contentFormats.map { ["\($0.number)", $0.meaning] }),
            "records": markdown(
                ["Key", "Name in `status`", "Content", "Where it is specified (`Firmware/LightNode/`)"],
                records.map { record in
                    let places = record.where.components(separatedBy: ", ").map { "`\($0)`" }.joined(separator: ", ")
                    return [bytes(record.key, record.count ?? 1), record.name, record.content, places]
                }),
            "image-header": markdown(["Bytes", "Field", "Content"], imageHeader.fields.map(fieldRow)),
            "external-aad":
                "external_aad = bytes .cbor [ \"\(protocolVersion.name)\", \(protocolVersion.version), network, type: message-type ]",
            "claims": claimRules, "shapes": messageRules, "maps": maps.map(mapRule).joined(separator: "\n\n"),
        ]
    }

    private func bytes(_ first: Int, _ count: Int) -> String { count == 1 ? "\(first)" : "\(first)–\(first + count - 1)" }

    private func fieldRow(_ field: Field) -> [String] { [bytes(field.offset, field.size), "`\(field.name)`", field.meaning] }

    private var resourceRows: String {
        markdown(
            ["Request", "Body", "Answer"],
            resources.map { resource in
                let query = resource.body.hasPrefix("`?") ? "?" + resource.body.dropFirst(2).prefix { $0 != "`" } : ""
                let path = "`\(resource.method) /\(resource.path)\(query)`" + (resource.observable ?? false ? ", observable" : "")
                let code = "\(resource.success), \(format(resource.format))"
                let note = resource.meaning.isEmpty ? "" : " (\(resource.meaning))"
                return [path, resource.body.replacing("`\(query)` ", with: ""), "\(resource.answer)\(note); \(code)"]
            })
    }

    private var refusalRows: String {
        markdown(
            ["Code", "Name", "CoAP", "Meaning"],
            refusals.map { ["\($0.code)", "`\($0.name)`", $0.coap, $0.meaning] })
    }

    // MARK: CDDL

    /// The name of a claim's rule. Some are names of messages as well.
    private func rule(_ claim: Claim) -> String {
        let name = kebab(claim.name)
        // “time” is a rule of CDDL's own (RFC 8610, appendix D).
        return name == "time" || messages.contains { $0.rule == name } ? name + "-claim" : name
    }

    private var claimRules: String {
        (cwtClaims + nodeClaims).filter { rule($0) != $0.cddl }.map { line("\(rule($0)) = \($0.cddl)", $0.meaning) }
            .joined(separator: "\n")
    }

    private func line(_ text: String, _ meaning: String) -> String {
        text.count > 56 ? "; \(meaning)\n\(text)" : text.padding(toLength: 57, withPad: " ", startingAt: 0) + "; \(meaning)"
    }

    private var messageRules: String {
        let types = messages.filter { $0.rule != nil }
        let names = "message-type = " + types.map { "\"\($0.name)\"" }.joined(separator: " / ")
        let logged = messages.filter { $0.rule == nil }.map { "\"\($0.name)\"" }.joined(separator: " / ")
        let rules = "claims = " + types.map { $0.rule ?? "" }.joined(separator: " / ")
        return folded(names) + "\n" + line("logged-type = message-type / \(logged)", "what the log names") + "\n\n"
            + folded(rules) + "\n\n"
            + types.map(messageRule).joined(separator: "\n")
    }

    private func messageRule(_ message: Message) -> String {
        func entries(_ names: [String]?, _ claims: [Claim], _ start: String) -> [(Int, String)] {
            (names ?? []).compactMap { name in
                claims.first { $0.name == name }.map { claim in
                    let form = message.cddl?[name] ?? (kebab(name) == claim.cddl ? claim.cddl : rule(claim))
                    return (claim.key, "\(start)\(claim.key) => \(form)".replacing(" ", with: "\u{A0}"))
                }
            }
        }
        func list(_ must: [String]?, _ may: [String]?, _ claims: [Claim]) -> String {
            (entries(must, claims, "") + entries(may, claims, "? ")).sorted { $0.0 < $1.0 }.map(\.1).joined(separator: ", ")
        }
        let outer = list(message.cwt, message.cwtOptional, cwtClaims)
        let inner = list(message.node, message.nodeOptional, nodeClaims)
        return folded("\(message.rule ?? "") = { \(outer), \(privateClaim.key) => { \(inner) } }")
    }

    private func mapRule(_ map: Map) -> String {
        let fields = map.fields.map { field in
            "    " + line("\(field.optional ?? false ? "? " : "")\(field.key) => \(field.cddl),", field.meaning)
        }
        return "\(map.name) = {\n\(fields.joined(separator: "\n"))\n}"
    }

    /// One rule in lines that fit a screen, broken between its parts.
    private func folded(_ text: String) -> String {
        wrapped(text, 124).joined(separator: "\n    ").replacing("\u{A0}", with: " ")
    }
}
