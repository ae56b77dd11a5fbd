// The executor as a whole under fuzzing: a life of datagrams, signatures, power cuts and passing time, and what no life may do.
import CoAP
import CodecSupport
import LightNode
import SimulatedNOR
import Vocabulary

/// What happens to the device, one after the other: `[kind, length high, length low, bytes…]` each; an unfinished one ends the life.
///
/// | Kind (modulo 16) | Bytes |
/// |---|---|
/// | 0, 1 | a datagram, by the serial line or by USB |
/// | 2, 3 | message type, signer (1 to 15: the seed of 32 such bytes), claims: signed and posted |
/// | 4 | none: power off and on |
/// | 5 | after which flash operation the power fails; it comes back with the next reboot, or at the end |
/// | 6 | seconds that pass, times 16, as a number of up to two bytes |
/// | 7 | none: the reset button is held |
/// | 8, 9 | a letter (Letters.swift) |
/// | 10 | which of the messages that were posted before comes again |
/// | 11 | what is read, and how: see `read` |
/// | 12 | milliseconds that pass, times 16; what becomes of notifications: 0 acknowledged, 1 reset, 2 nothing |
/// | 13 | none: the button is pressed and let go |
/// | 14 | the flash is changed while the power is off: see `Device.edit` |
private struct Steps {
    private var rest: ArraySlice<UInt8>

    init(_ input: [UInt8]) { rest = input[...] }

    mutating func next() -> (kind: UInt8, bytes: [UInt8])? {
        guard rest.count >= 3 else { return nil }
        let kind = rest.removeFirst() & 15, high = Int(rest.removeFirst()), count = high << 8 | Int(rest.removeFirst())
        guard count <= rest.count else { return nil }
        defer { rest.removeFirst(count) }
        return (kind, Array(rest.prefix(count)))
    }
}

/// Whatever happens to a device: it answers with CoAP or not at all; nothing changes but by a message that the judge (Owner.swift) allows, by
/// its button, or by time, which moves devices to their safe state only; it forgets nothing over a power cut, and programs its flash by the
/// rules. After its flash was changed by hand only the first and the last hold.
@Sendable func checkExecutor(_ input: [UInt8]) throws {
    var steps = Steps(input), life = Life(input)
    for _ in 0..<40 {
        guard let (kind, bytes) = steps.next() else { break }
        try life.step(kind, bytes)
    }
    try life.end()
}

private struct Life: ~Copyable {
    private let input: [UInt8]
    private var device = Device()
    private var owner: Owner
    private var before = Shown()
    private var nextID: UInt16 = 0
    private var posted: [(path: String, payload: [UInt8])] = []
    private var lent: [[UInt8]] = []
    private var onNotice: UInt8 = 0
    /// False once somebody has changed the flash.
    private var isTrusted = true

    init(_ input: [UInt8]) {
        self.input = input
        device.provision()
        owner = Owner(address: device.address)
        before = device.shown
    }

    private func violation(_ what: String) -> Violation { Violation(what, input) }

    mutating func step(_ kind: UInt8, _ bytes: [UInt8]) throws {
        switch kind {
        case 0, 1: try receive(bytes, kind == 0 ? .serial : .usb)
        case 2, 3:
            guard bytes.count >= 2, let type = MessageType(rawValue: bytes[0] % 16), type.isRequest else { return }
            try post(type.path, Keys.signed(type.path, by: bytes[1] % Keys.count + 1, Array(bytes.dropFirst(2))))
        case 4: try reboot()
        case 5: device.flash.faults = .cut(at: device.flash.operations + Int(bytes.first ?? 0) % 32, torn: UInt64(bytes.count))
        case 6: try pass(microseconds: bytes.prefix(2).reduce(0) { $0 << 8 | UInt64($1) } * 16_000_000)
        case 7: try hold()
        case 8, 9: try send(Letter(bytes))
        case 10:
            guard !posted.isEmpty else { return }
            let (path, payload) = posted[Int(bytes.first ?? 0) % posted.count]
            try post(path, payload, isNew: false)
        case 11: try read(bytes)
        case 12:
            onNotice = bytes.count > 1 ? bytes[1] % 3 : 0
            try pass(microseconds: UInt64(bytes.first ?? 0) * 16_000)
        case 13:
            device.press()
            owner.pressed = device.outside.microseconds
        case 14: edit(bytes)
        default: break
        }
    }

    mutating func end() throws {
        try reboot()
        if let first = device.flash.violations.first { throw violation("the flash was misused: \(first)") }
    }

    // MARK: Steps

    private mutating func reboot() throws {
        restart()
        owner.reboot()
        try compare("after a reboot")
    }

    private mutating func pass(microseconds: UInt64) throws {
        for notice in device.pass(microseconds: microseconds) where !notice.isEmpty {
            guard let message = CoAPJudge(notice), message.type == 0, message.code == 0x45 else {
                throw violation("the notification \(hexString(notice)) is no message")
            }
            let id = [UInt8(message.id >> 8), UInt8(message.id & 255)]
            if onNotice < 2 { _ = device.receive([onNotice == 0 ? 0x60 : 0x70, 0] + id) }
        }
        owner.pass(microseconds: microseconds)
        if try restoresPower() { return }
        try compare("by itself", fallsOnly: true)
    }

    private mutating func hold() throws {
        let isAllowed = owner.condition == .owned || owner.condition == .unowned, forbids = owner.rights.forbidsReset
        device.button()
        let isCut = device.flash.isCut
        if isCut { restart() }
        guard isTrusted else { return }
        if isAllowed, !forbids, !isCut || device.shown.epoch != owner.epoch { owner.reset(at: device.outside.microseconds) }
        if isCut { owner.reboot() }
        try compare("by its button", mayLog: isAllowed && !forbids, fallsOnly: true)
    }

    private mutating func send(_ letter: Letter) throws {
        let token = letter.wantsToken ? try getToken(Keys.publicKey(letter.bearer(owner))) : nil
        let message = letter.message(owner, token: token, lent: &lent)
        if letter.isLate { return posted.append((letter.type.path, message)) }
        try post(letter.type.path, message)
    }

    private mutating func getToken(_ signer: [UInt8]) throws -> [UInt8]? {
        let answer = try receive(request(1, "token", query: "for=" + hexString(signer.prefix(8))))
        guard let message = CoAPJudge(answer), message.code == 0x45 else { return nil }
        return message.payload.count == 12 ? message.payload : nil
    }

    /// Byte 0: what; byte 1: bit 0 observed, 1 no longer observed, 2 by USB; byte 2: from which log entry.
    private mutating func read(_ bytes: [UInt8]) throws {
        let paths = [
            "status", "devices", "token", "history", "events", "devices/led", "devices/lock", ".well-known/core", "attest",
        ]
        let path = paths[Int(bytes.first ?? 0) % paths.count], how = bytes.count > 1 ? bytes[1] : 0
        let nonce = [0xa1, 0x0a, 0x50] + [UInt8](repeating: how, count: 16)
        let query = path == "history" ? "from=\(bytes.count > 2 ? bytes[2] : 0)" : path == "token" ? "for=0102030405060708" : nil
        let datagram = request(
            path == "attest" ? 2 : 1, path, query: query, observe: how & 1 == 1 ? 0 : how & 2 == 2 ? 1 : nil,
            payload: path == "attest" ? nonce : nil, format: 60)
        try receive(datagram, how & 4 == 0 ? .serial : .usb)
    }

    private mutating func edit(_ bytes: [UInt8]) {
        isTrusted = false
        device.edit(bytes)
        device.reboot()
    }

    // MARK: Datagrams

    private mutating func request(
        _ code: UInt8, _ path: String, query: String? = nil, observe: UInt8? = nil, payload: [UInt8]? = nil, format: UInt8 = 18
    ) -> [UInt8] {
        nextID &+= 1
        var datagram: [UInt8] = [0x41, code, UInt8(nextID >> 8), UInt8(nextID & 255), 1], last = 0
        func option(_ number: Int, _ value: [UInt8]) {
            let length: [UInt8] = value.count < 13 ? [] : [UInt8(value.count - 13)]
            datagram += [UInt8(number - last) << 4 | (length.isEmpty ? UInt8(value.count) : 13)] + length + value
            last = number
        }
        if let observe { option(6, observe == 0 ? [] : [observe]) }
        for part in path.split(separator: "/") { option(11, Array(part.utf8)) }
        if payload != nil { option(12, [format]) }
        if let query { option(15, Array(query.utf8)) }
        return datagram + (payload.map { [0xff] + $0 } ?? [])
    }

    private mutating func post(_ path: String, _ payload: [UInt8], isNew: Bool = true) throws {
        if isNew { posted.append((path, payload)) }
        try receive(request(2, path, payload: payload))
    }

    /// Hands the device a datagram, and holds what comes of it against the judge.
    @discardableResult
    private mutating func receive(_ datagram: [UInt8], _ wire: WireNumber = .serial) throws -> [UInt8] {
        let uptime = device.outside.microseconds
        let answer = device.receive(datagram, wire)
        try checkAnswer(answer, to: datagram)
        guard isTrusted else {
            if device.flash.isCut { device.reboot() }
            return answer
        }
        note(token: answer, for: datagram, uptime)
        let isCut = device.flash.isCut
        if isCut { restart() }
        let after = device.shown
        guard after != before || isCut else { return answer }
        try judge(datagram, answer, after, isCut: isCut, uptime)
        return answer
    }

    private mutating func judge(_ datagram: [UInt8], _ answer: [UInt8], _ after: Shown, isCut: Bool, _ uptime: UInt64) throws {
        let message = CoAPJudge(datagram)
        let path = message?.options.filter { $0.number == 11 }.map { String(decoding: $0.value, as: UTF8.self) }.joined(
            separator: "/")
        let type = MessageType.allCases.first { $0.isRequest && $0.path == path }
        guard let type, message?.code == 2, let statement = message.flatMap({ Statement($0.payload) }) else {
            if isCut { owner.reboot() }
            return try compare("by what is no signed message")
        }
        if let objection = owner.objection(type, statement, at: uptime) {
            if isCut { owner.reboot() }
            return try compare("by a message that it must refuse (\(objection))")
        }
        let moved = Set(before.levels.keys).union(after.levels.keys).filter { before.levels[$0] != after.levels[$0] }
        if !isCut, after.log > before.log {
            if type == .command || type == .state, let device = moved.first {
                if let restraint = owner.restraint(statement) { throw violation("a pin moved \(restraint)") }
                let asked = statement.call.map { String(decoding: $0.device, as: UTF8.self) }
                if moved.count > 1 || asked != device {
                    throw violation("pin of \(device) moved by a call of \(asked ?? "nothing")")
                }
            }
            let outcome = CoAPJudge(answer).flatMap { Statement($0.payload) }?.outcome
            owner.accept(type, statement, outcome: outcome, at: uptime)
        }
        if isCut { settle(type, statement, after, uptime) }
        try compare(
            "by \(type)", mayLog: true, fallsOnly: type != .command && type != .state, isCall: type == .command || type == .state)
    }

    /// The power failed while a message was at work: what is in force is one of two.
    private mutating func settle(_ type: MessageType, _ statement: Statement, _ after: Shown, _ uptime: UInt64) {
        var accepted = owner
        accepted.accept(type, statement, outcome: nil, at: uptime)
        if type == .tick { owner.note(paid: statement) }
        let isInForce = accepted.epoch == after.epoch && accepted.rights == after.rights
        if isInForce, accepted.epoch != owner.epoch || accepted.rights != owner.rights { owner = accepted }
        owner.reboot()
    }

    private mutating func restart() {
        device.reboot()
        // Off is what pins are after power-on.
        before.levels = [:]
    }

    private mutating func restoresPower() throws -> Bool {
        guard device.flash.isCut else { return false }
        restart()
        owner.reboot()
        try compare("after a power cut")
        return true
    }

    // MARK: What must hold

    /// What the device shows is what the judge expects of it. The log may have grown only where `mayLog`, and pins have moved only where `isCall`, or to
    /// low where `fallsOnly`.
    private mutating func compare(_ cause: String, mayLog: Bool = false, fallsOnly: Bool = false, isCall: Bool = false) throws {
        guard isTrusted else { return }
        let after = device.shown, before = self.before
        self.before = after
        if after.condition != owner.condition {
            throw violation("\(cause) the device became \(after.condition) from \(before.condition)")
        }
        if after.epoch != owner.epoch { throw violation("\(cause) the epoch became \(after.epoch) from \(before.epoch)") }
        if after.rights != owner.rights {
            throw violation("\(cause) the owner's rights became \(after.rights) from \(before.rights)")
        }
        if after.log < before.log { throw violation("\(cause) the log shrank from \(before.log) to \(after.log)") }
        if !mayLog, after.log != before.log { throw violation("\(cause) the log grew from \(before.log) to \(after.log)") }
        if after.epoch == before.epoch, after.highWater < before.highWater {
            throw violation("\(cause) the high-water mark fell")
        }
        if !mayLog, after.epoch == before.epoch, after.highWater != before.highWater { throw violation("\(cause) the mark rose") }
        for (pin, level) in after.levels where level && before.levels[pin] != true && !isCall {
            throw violation("\(cause) \(pin) rose")
        }
        for (pin, level) in before.levels where level && after.levels[pin] == false && !isCall && !fallsOnly {
            throw violation("\(cause) \(pin) fell")
        }
    }

    private mutating func note(token answer: [UInt8], for datagram: [UInt8], _ uptime: UInt64) {
        guard let message = CoAPJudge(answer), message.payload.count == 12, let asked = CoAPJudge(datagram), asked.code == 1
        else { return }
        for option in asked.options where option.number == 15 && option.value.count == 20 {
            let signer = hex(String(decoding: option.value.dropFirst(4), as: UTF8.self).filter(\.isHexDigit))
            owner.tokens[message.payload] = Owner.Token(signer: signer, issued: uptime)
        }
    }

    /// An answer is a message, and one to this request.
    private func checkAnswer(_ answer: [UInt8], to request: [UInt8]) throws {
        guard !answer.isEmpty else { return }
        guard let message = CoAPJudge(answer) else { throw violation("the answer \(hexString(answer)) is no message") }
        guard let asked = CoAPJudge(request), asked.code >> 5 == 0, asked.code != 0, message.code != 0 else { return }
        if message.token != asked.token { throw violation("another token in the answer") }
    }
}
