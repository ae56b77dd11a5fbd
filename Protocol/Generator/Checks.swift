// What the table must fulfil, beyond its form, so that what is made of it is right.

extension Table {
    /// - Throws: `TableError`, which names the row.
    func check() throws {
        try unique("cwtClaims", cwtClaims.map(\.name), cwtClaims.map(\.key), 1...15)
        try unique("nodeClaims", nodeClaims.map(\.name), nodeClaims.map(\.key), 0...63)
        // The low nibble of a log entry's origin.
        try unique("messages", messages.map(\.name), messages.map(\.number), 0...31)
        try unique("refusals", refusals.map(\.name), refusals.map(\.code), 1...255)
        try unique("outcomes", outcomes.map(\.name), outcomes.map(\.code), 0...255)
        // The host has their names as lists.
        try unique("resetReasons", resetReasons.map(\.name), resetReasons.map(\.code), 0...resetReasons.count - 1)
        try unique("conditions", conditions.map(\.name), conditions.map(\.code), 0...conditions.count - 1)
        try unique("contentFormats", contentFormats.map(\.name), contentFormats.map(\.number), 0...65535)
        try unique("flags", flags.map(\.name), flags.map(\.bit), 0...31)
        try unique("valueKinds", logEntry.valueKinds.map(\.name), logEntry.valueKinds.map(\.code), 0...255)
        for map in maps { try unique(map.name, map.fields.map(\.name), map.fields.map(\.key), 0...255) }
        try unique("resources", resources.map(\.path), Array(resources.indices), 0...63)
        try unique("records", records.map(\.name), records.map(\.key), 1...255)
        try checkMessages()
        try checkRanges()
        try layout("logEntry", logEntry.fields, logEntry.size)
        try layout("imageHeader", imageHeader.fields, imageHeader.size)
        try checkResources()
    }

    /// Names and numbers without repetition, in rising order, within bounds.
    private func unique(_ place: String, _ names: [String], _ numbers: [Int], _ bounds: ClosedRange<Int>) throws {
        var seen: Set<String> = []
        for name in names where !seen.insert(name).inserted { throw TableError("\(place): “\(name)” is there twice") }
        for (name, number) in zip(names, numbers) where !bounds.contains(number) {
            throw TableError("\(place): the number of “\(name)”, \(number), is outside of \(bounds)")
        }
        for (index, (a, b)) in zip(numbers, numbers.dropFirst()).enumerated() where a >= b {
            throw TableError("\(place): the number of “\(names[index + 1])”, \(b), is not above \(a) of the row before")
        }
    }

    private func checkMessages() throws {
        for (index, message) in messages.enumerated() {
            let lists =
                [message.cwt, message.cwtOptional].map { $0 ?? [] } + [message.node, message.nodeOptional].map { $0 ?? [] }
            for (list, known) in zip(lists, [cwtClaims, cwtClaims, nodeClaims, nodeClaims]) {
                for name in list where !known.contains(where: { $0.name == name }) {
                    throw TableError("messages: “\(message.name)” carries the claim “\(name)”, which is not in the table")
                }
            }
            for (must, may) in [(lists[0], lists[1]), (lists[2], lists[3])] where !Set(must).isDisjoint(with: may) {
                throw TableError("messages: a claim of “\(message.name)” is both demanded and optional")
            }
            for name in (message.cddl ?? [:]).keys where !(lists[2] + lists[3]).contains(name) {
                throw TableError("messages: “\(message.name)” has a form for “\(name)”, which it does not carry")
            }
            // Resources are looked up by the number of the message that they take.
            if message.isRequest && message.number != index {
                throw TableError("messages: requests come first, numbered from 0 on; “\(message.name)” is not")
            }
            if (message.rule == nil) != (message.cwt == nil) {
                throw TableError("messages: “\(message.name)” needs both a rule and claims, or neither")
            }
            // What the log keeps has four bits.
            if (message.isRequest || message.raisesEpoch ?? false) && message.number > 15 {
                throw TableError("messages: the log has no room for the number of “\(message.name)”")
            }
        }
    }

    private func checkRanges() throws {
        for (a, b) in zip(signers, signers.dropFirst()) where a.number + a.count > b.number {
            throw TableError("signers: “\(a.name)” reaches into “\(b.name)”")
        }
        guard let last = signers.last, last.number + last.count <= 16 else { throw TableError("signers: more than four bits") }
        for (a, b) in zip(records, records.dropFirst()) where a.key + (a.count ?? 1) > b.key {
            throw TableError("records: “\(a.name)” reaches into “\(b.name)”")
        }
        guard records.count <= 16 else { throw TableError("records: more than the bits of a set") }
        guard imageHeader.version.count == 3, imageHeader.version.allSatisfy({ 0...255 ~= $0 }) else {
            throw TableError("imageHeader: the version has three numbers of a byte")
        }
        guard imageHeader.magic.utf8.count == 4 else { throw TableError("imageHeader: the magic has 4 bytes") }
    }

    /// Fields side by side, from 0 to the end.
    private func layout(_ place: String, _ fields: [Field], _ size: Int) throws {
        var offset = 0
        for field in fields {
            guard field.offset == offset, field.size > 0 else {
                throw TableError("\(place): “\(field.name)” begins at \(field.offset), the field before ends at \(offset)")
            }
            offset += field.size
        }
        guard offset == size else { throw TableError("\(place): its fields have \(offset) bytes of \(size)") }
    }

    private func check(_ refusal: Refusal) throws {
        _ = try responseCode(refusal.coap)
        guard refusal.then == nil || refusal.or == nil else {
            throw TableError("refusals: “\(refusal.name)” has remedies after its advice and remedies beside it")
        }
        // What is typed is the command line's own affair: it makes that of remedies, and tests it.
        guard !refusal.advice.contains("lightnode "), !refusal.advice.contains("--"), !refusal.advice.contains("`") else {
            throw TableError("refusals: the advice of “\(refusal.name)” names a command: name a remedy")
        }
    }

    private func checkResources() throws {
        let known = Set(contentFormats.map(\.name))
        for resource in resources {
            guard known.contains(resource.format), known.contains(resource.requestFormat ?? resource.format) else {
                throw TableError("resources: “\(resource.path)” has a format that is not in the table")
            }
            guard ["GET", "POST"].contains(resource.method), (resource.requestFormat == nil) == (resource.method == "GET") else {
                throw TableError("resources: “\(resource.path)”: a POST has a request format, a GET none")
            }
            _ = try responseCode(resource.success)
            if resource.isPattern, !["<type>", "devices/<name>"].contains(resource.path) {
                throw TableError("resources: nothing knows the pattern “\(resource.path)”")
            }
        }
        for refusal in refusals { try check(refusal) }
        let statements = messages.filter(\.isRequest).map(\.name)
        for resource in resources where statements.contains(resource.path) {
            throw TableError("resources: “\(resource.path)” is the path of a message")
        }
    }
}

/// "4.03" as the byte of a CoAP message (RFC 7252, section 3).
func responseCode(_ text: String) throws -> Int {
    let parts = text.split(separator: ".").compactMap { Int($0) }
    guard parts.count == 2, (2...5).contains(parts[0]), (0...31).contains(parts[1]) else {
        throw TableError("“\(text)” is no response code")
    }
    return parts[0] << 5 | parts[1]
}
