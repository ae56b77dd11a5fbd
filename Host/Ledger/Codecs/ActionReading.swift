// Actions from the wire: hostile bytes until every field was held against docs/chain.cddl. Written apart from the writing.
import CBOR
import Reporting

extension Action {
    /// Reads the array `[number, …]`.
    @_lifetime(reader: copy reader)
    init(reading reader: inout CBORReader) throws(CBORError) {
        let count = try reader.array()
        guard count > 0 else { throw .outOfRange }
        let number = try reader.uint(), fields = count - 1
        func expect(_ expected: Int) throws(CBORError) { if fields != expected { throw .outOfRange } }
        switch number {
        case 0:
            try expect(3)
            self = .transfer(to: try reader.hash(), amount: try reader.uint(), token: try reader.hashOrNull())
        case 1:
            try expect(1)
            var choices: [Choice] = []
            for _ in 0..<(try reader.array(atMost: Self.mostChoices)) {
                try reader.array(count: 2)
                choices.append(Choice(try reader.hash(), try reader.uint()))
            }
            self = .vote(choices)
        case 2:
            try expect(2)
            self = .register(deposit: try reader.uint(), commitment: try reader.hash())
        case 3:
            try expect(0)
            self = .resign
        case 4:
            try expect(1)
            var candidates: [Hash32] = []
            for _ in 0..<(try reader.array(atMost: Self.mostChoices)) { candidates.append(try reader.hash()) }
            self = .object(to: candidates)
        case 5:
            try expect(3)
            self = .evidence(first: try reader.message(), second: try reader.message(), voter: try reader.hashOrNull())
        case 6:
            try expect(2)
            self = .state(node: try reader.node(), message: try reader.message())
        case 7:
            try expect(2)
            self = .command(node: try reader.node(), message: try reader.message())
        case 8:
            try expect(4)
            self = .publish(
                node: try reader.hash(), count: try reader.uint(), chain: try reader.hash(), root: try reader.hash())
        case 9:
            try expect(5)
            self = .createContract(try Offer(readingFieldsOf: &reader))
        case 10:
            try expect(3)
            self = .call(
                contract: try ContractAddress(reading: &reader), ticks: try reader.uint(), command: try reader.messageOrNull())
        case 11:
            try expect(4)
            self = .settle(
                call: try reader.hash(), amount: try reader.uint(), receipt: try reader.messageOrNull(),
                review: try reader.messageOrNull())
        case 12:
            try expect(3)
            self = .review(call: try reader.hash(), isGood: try reader.bool(), review: try reader.message())
        case 13:
            try expect(2)
            self = .createToken(symbol: try reader.name(), supply: try reader.uint())
        case 14:
            try expect(1)
            self = .endContract(try ContractAddress(reading: &reader))
        default: throw .outOfRange
        }
    }
}

extension ContractAddress {
    @_lifetime(reader: copy reader)
    init(reading reader: inout CBORReader) throws(CBORError) {
        try reader.array(count: 2)
        self.init(height: try reader.uint(), transaction: try reader.hash())
    }
}

extension Offer {
    /// As many devices as a grant's scope may name.
    private static let mostRights = 4
    /// Methods of one device.
    private static let mostMethods = 16

    /// Reads the five fields; prices and times are those of a valid offer.
    @_lifetime(reader: copy reader)
    init(readingFieldsOf reader: inout CBORReader) throws(CBORError) {
        let node = try reader.hash()
        var scope: [Right] = []
        for _ in 0..<(try reader.array(atMost: Self.mostRights)) {
            let count = try reader.array(atMost: 1 + Self.mostMethods)
            guard count > 0 else { throw .outOfRange }
            let device = try reader.name()
            var methods: [String] = []
            for _ in 1..<count { methods.append(try reader.name()) }
            scope.append(Right(device, methods))
        }
        guard !scope.isEmpty else { throw .outOfRange }
        let token = try reader.hashOrNull(), until = try reader.uint()
        let count = try reader.array()
        let terms: Terms
        switch count {
        case 2: terms = .fixed(price: try reader.uint(), seconds: try reader.uint())
        case 3: terms = .metered(price: try reader.uint(), tick: try reader.uint(), ticks: try reader.uint())
        default: throw .outOfRange
        }
        guard terms.isValid else { throw .outOfRange }
        self.init(node: node, scope: scope, token: token, until: until, terms: terms)
    }
}

extension CBORReader {
    @_lifetime(self: copy self)
    fileprivate mutating func message() throws(CBORError) -> [UInt8] { try bytes(atMost: Action.largestMessage) }

    @_lifetime(self: copy self)
    fileprivate mutating func messageOrNull() throws(CBORError) -> [UInt8]? {
        if try peek() == .bytes { return try message() }
        try null()
        return nil
    }

    @_lifetime(self: copy self)
    fileprivate mutating func node() throws(CBORError) -> [UInt8] {
        try bytes(count: Action.nodeSize).withUnsafeBytes { Array($0) }
    }

    /// A name as devices, methods and tokens have them: 1 to 16 letters, digits and hyphens of ASCII, so printable wherever it is shown.
    @_lifetime(self: copy self)
    mutating func name() throws(CBORError) -> String {
        let utf8 = try text().withUnsafeBytes { Array($0) }
        guard (1...16).contains(utf8.count), utf8.allSatisfy(Self.isOfName) else { throw .outOfRange }
        return String(decoding: utf8, as: UTF8.self)
    }

    private static func isOfName(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
            UInt8(ascii: "-"):
            true
        default: false
        }
    }
}
