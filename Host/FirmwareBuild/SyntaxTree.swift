// A Swift file as the compiler itself parses it: names, initialisers and places, without building anything.
import Foundation
import Reporting

/// The syntax tree of one file, as `swiftc -dump-parse` prints it. The compiler that builds the firmware reads it, so that what is found
/// here is what will be built.
struct SyntaxTree {
    /// A node: its kind, its fields, and where it stands.
    struct Node {
        let fields: [String: Any]

        var kind: String { fields["_kind"] as? String ?? "" }
        /// The declared name.
        var name: String? {
            let base = (fields["name"] as? [String: Any])?["base_name"] as? [String: Any]
            return base?["name"] as? String ?? fields["name"] as? String
        }
        /// Byte offsets of the first and of the last token.
        var range: (start: Int, end: Int)? {
            guard let range = fields["range"] as? [String: Any], let start = range["start"] as? Int,
                let end = range["end"] as? Int
            else { return nil }
            return (start, end)
        }

        subscript(_ field: String) -> Node? { (fields[field] as? [String: Any]).map(Node.init) }
        func list(_ field: String) -> [Node] { (fields[field] as? [[String: Any]] ?? []).map(Node.init) }

        /// This node and all below it, in the order of the source.
        var all: [Node] {
            [self]
                + fields.keys.sorted().flatMap { key -> [Node] in
                    // The compiler prints an initialiser twice.
                    if key == "processed_init" { return [] }
                    if let child = self[key] { return child.all }
                    return list(key).flatMap(\.all)
                }
        }

        /// All names that an expression refers to: `lock` for `Output(.lock)`, `Pin.lock` and `lock`.
        var references: Set<String> {
            let kinds: Set = ["unresolved_decl_ref_expr", "unresolved_member_expr", "unresolved_dot_expr"]
            return Set(all.filter { kinds.contains($0.kind) }.compactMap { $0.name ?? $0.fields["field"] as? String })
        }
    }

    let items: [Node]
    let source: [UInt8]

    /// - Throws: `Failure` when the compiler cannot read the file.
    init(_ file: URL) throws {
        guard let data = try? Data(contentsOf: file) else {
            throw Failure(
                .environment, "\(file.path) cannot be read", about: "\(file.path)",
                advice: "Check that the board's folder is complete")
        }
        source = [UInt8](data)
        let result = try Tool("swiftc", package: nil).run(
            ["-frontend", "-dump-parse", "-dump-ast-format", "json"]
                + (file.lastPathComponent == "main.swift" ? [] : ["-parse-as-library"]) + [file.path])
        // The one type that it looks up while it parses is a value generic's, `<let capacity: Int>`, and it has no library here.
        let errors = result.errors.split(separator: "\n")
            .filter { $0.contains("error:") && !$0.hasSuffix("cannot find type 'Int' in scope") }
        guard errors.isEmpty, let tree = try? JSONSerialization.jsonObject(with: Data(result.output.utf8)) as? [String: Any]
        else {
            let first = errors.first.map(String.init)
            throw Failure(.environment, "\(first ?? "the compiler cannot parse \(file.path)")", advice: "Correct that file")
        }
        items = Node(fields: tree).list("items")
    }

    /// The text of a range, to the end of its last token's line.
    func restOfLine(from offset: Int) -> String {
        guard source.indices.contains(offset) else { return "" }
        let end = source[offset...].firstIndex(of: UInt8(ascii: "\n")) ?? source.endIndex
        return String(decoding: source[offset..<end], as: UTF8.self)
    }

    func text(_ node: Node) -> String {
        guard let range = node.range, range.start <= range.end, range.end < source.count else { return "" }
        return String(decoding: source[range.start...range.end], as: UTF8.self)
    }

    /// Counted from 1.
    func line(of offset: Int) -> Int { source.prefix(offset).count { $0 == UInt8(ascii: "\n") } + 1 }
}
