// A bridge that may replace whatever it passes on, and so all that the node has not signed. Its faults are options.
import CoAP
import Foundation
import HostedNode
import Synchronization
import Transport

@testable import HostCrypto
@testable import NodeProtocol

/// Text that a terminal would obey: escape sequences in seven and in eight bits, delete, a bell, a return, marks of direction.
let terminalText = "a\u{1B}]0;x\u{7}\u{1B}[2J\u{9B}31m\u{7F}\r\u{0}\u{202E}\u{2066}b\n\tc"

/// What is on the way between the program and one node.
final class HostileBridge: Sendable {
    /// What it does to an exchange.
    enum Fault: Hashable, Sendable {
        /// The node gets the request, and no answer comes, nor to repetitions.
        case drop
        /// The node does not get the request.
        case lose
        /// The request is acknowledged, and no answer follows.
        case acknowledge
        /// Half of the answer.
        case truncate
        /// The answer to the request before.
        case swap
        /// What this resource answered long ago; the node does not get the request.
        case replay
        /// Another node of the same owner answers.
        case otherNode
        /// A problem, which nobody has signed.
        case refuse(RefusalReason, delivers: Bool)
        /// “2.04”, with an old receipt if there is one; the node does not get the request.
        case claimDone
        /// Each number in the answer is this one.
        case numbers(UInt64)
        /// Each text in the answer is `terminalText`.
        case texts
        /// A problem whose title and detail are `terminalText`, and so an unknown one.
        case problem
        /// Bytes that mean nothing.
        case garbage
        /// One block, and always another to come.
        case blocks

        /// All, with each refusal of the protocol unsigned, both ways.
        static let all: [Fault] =
            [
                .drop, .lose, .acknowledge, .truncate, .swap, .replay, .otherNode, .claimDone, .numbers(.max),
                .numbers(1 << 32 - 2),
                .numbers(0), .texts, .problem, .garbage, .blocks,
            ]
            + RefusalReason.allCases.flatMap { [.refuse($0, delivers: true), .refuse($0, delivers: false)] }
    }

    /// Which exchanges it meets, counted from 0; repetitions of a request are part of the first.
    enum Place: Hashable, Sendable {
        case nowhere
        case only(Int)
        case from(Int)

        func holds(_ number: Int) -> Bool {
            switch self {
            case .nowhere: false
            case .only(let place): number == place
            case .from(let place): number >= place
            }
        }
    }

    private struct State {
        var exchanges: [UInt16: [[UInt8]]] = [:]
        var first: [String: Message] = [:]
        var last: Message?
    }

    private let fault: Fault
    private let place: Place
    private let old: [String: Message]
    private let other: HostedNode?
    private let state = Mutex(State())

    /// - Parameters:
    ///   - old: first answers of resources, as a bridge remembers them.
    ///   - other: the node that answers in this one's name.
    init(_ fault: Fault = .drop, at place: Place = .nowhere, old: [String: Message] = [:], other: HostedNode? = nil) {
        (self.fault, self.place, self.old, self.other) = (fault, place, old, other)
    }

    /// How many exchanges there were.
    var count: Int { state.withLock { $0.exchanges.count } }
    /// The first answer of each resource.
    var firstAnswers: [String: Message] { state.withLock { $0.first } }

    /// What comes back for a request.
    func pass(_ request: [UInt8], _ node: ([UInt8]) -> [UInt8]) -> [[UInt8]] {
        guard let message = try? Message(request), message.type == .confirmable, message.code != .empty else {
            _ = node(request)
            return []
        }
        return state.withLock { state in
            if let answers = state.exchanges[message.id] { return answers }
            let isMet = place.holds(state.exchanges.count)
            let answers = isMet ? replaced(message, request, node, state.last) : Self.honest(request, node)
            state.exchanges[message.id] = answers
            if let answer = answers.first.flatMap({ try? Message($0) }) {
                state.last = answer
                let path = Self.path(message)
                if state.first[path] == nil { state.first[path] = answer }
            }
            return answers
        }
    }

    private static func path(_ message: Message) -> String {
        message.all(CoAPOptionNumber.uriPath).map(\.text).joined(separator: "/")
    }

    private static func honest(_ request: [UInt8], _ node: ([UInt8]) -> [UInt8]) -> [[UInt8]] {
        let answer = node(request)
        return answer.isEmpty ? [] : [answer]
    }

    private func replaced(_ message: Message, _ request: [UInt8], _ node: ([UInt8]) -> [UInt8], _ last: Message?) -> [[UInt8]] {
        func answer(_ code: CoAPCode, _ payload: [UInt8], _ options: [Message.Option] = []) -> [[UInt8]] {
            let answer = Message(
                .acknowledgement, code, id: message.id, token: message.token, options: payload.isEmpty ? [] : options,
                payload: payload)
            return (try? answer.encoded()).map { [$0] } ?? []
        }
        func changed(_ change: (Message) -> [UInt8]) -> [[UInt8]] {
            guard let honest = try? Message(node(request)) else { return [] }
            return answer(honest.code, change(honest), honest.options)
        }
        switch fault {
        case .drop:
            _ = node(request)
            return []
        case .lose: return []
        case .acknowledge:
            _ = node(request)
            return (try? Message.empty(.acknowledgement, id: message.id).encoded()).map { [$0] } ?? []
        case .truncate: return changed { Array($0.payload.prefix($0.payload.count / 2)) }
        case .swap:
            _ = node(request)
            return answer(last?.code ?? .content, last?.payload ?? [], last?.options ?? [])
        case .replay:
            guard let old = old[Self.path(message)] else { return Self.honest(request, node) }
            return answer(old.code, old.payload, old.options)
        case .otherNode: return Self.honest(request) { other?.ask($0) ?? [] }
        case .refuse(let reason, let delivers):
            if delivers { _ = node(request) }
            return answer(
                CoAPCode(rawValue: reason.responseCode), Self.problem(reason.rawValue),
                [.init(CoAPOptionNumber.contentFormat, uint: UInt32(CoAPContentFormat.problemDetails))])
        case .claimDone: return answer(.changed, old["command"]?.payload ?? [], old["command"]?.options ?? [])
        case .numbers(let number):
            return changed { Self.rewritten($0.payload) { if case .uint = $0 { .uint(number) } else { $0 } } }
        case .texts: return changed { Self.rewritten($0.payload) { if case .text = $0 { .text(terminalText) } else { $0 } } }
        case .problem:
            _ = node(request)
            return answer(CoAPCode(rawValue: RefusalReason.forbidden.responseCode), Self.problem(terminalText))
        case .garbage: return changed { $0.payload.map { $0 ^ 0xA5 } }
        case .blocks:
            let block = CoAPBlock(number: message.block2?.number ?? 0, more: true, sizeExponent: 6)
            return answer(
                .content, Array(repeating: 0x61, count: 1024), [.init(CoAPOptionNumber.block2, uint: block.optionValue)])
        }
    }

    private static func problem(_ title: String) -> [UInt8] {
        CBORItem.map([.negative(-1): .text(title), .negative(-2): .text(terminalText)]).encoded
    }

    /// The items of `bytes` with each leaf changed; the keys stay.
    static func rewritten(_ bytes: [UInt8], _ change: (CBORItem) -> CBORItem) -> [UInt8] {
        guard let items = try? CBORItem.sequence(bytes) else { return bytes }
        return items.flatMap { bytes in (try? CBORItem(bytes)).map { $0.changed(change).encoded } ?? bytes }
    }
}

extension CBORItem {
    /// The same with each leaf changed, those within a signed object's bytes too; keys of maps stay.
    func changed(_ change: (CBORItem) -> CBORItem) -> CBORItem {
        switch self {
        case .array(let items): .array(items.map { $0.changed(change) })
        case .map(let items): .map(items.mapValues { $0.changed(change) })
        case .tag(let number, let item): .tag(number, item.changed(change))
        case .bytes(let bytes):
            if case .map(let items)? = try? CBORItem(bytes) {
                .bytes(CBORItem.map(items).changed(change).encoded)
            } else {
                self
            }
        default: change(self)
        }
    }
}
