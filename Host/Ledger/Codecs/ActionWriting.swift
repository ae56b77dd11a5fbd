// Actions as the wire has them (docs/chain.cddl). Written apart from the reading.
import CBOR

extension Action {
    /// Writes the array `[number, …]`.
    func write(to writer: inout CBORWriter) {
        switch self {
        case .transfer(let to, let amount, let token):
            writer.action(number, fields: 3)
            writer.hash(to)
            writer.uint(amount)
            writer.hashOrNull(token)
        case .vote(let choices):
            writer.action(number, fields: 1)
            writer.array(choices.count)
            for choice in choices {
                writer.array(2)
                writer.hash(choice.candidate)
                writer.uint(choice.amount)
            }
        case .register(let deposit, let commitment):
            writer.action(number, fields: 2)
            writer.uint(deposit)
            writer.hash(commitment)
        case .resign: writer.action(number, fields: 0)
        case .object(let candidates):
            writer.action(number, fields: 1)
            writer.array(candidates.count)
            for candidate in candidates { writer.hash(candidate) }
        case .evidence(let first, let second, let voter):
            writer.action(number, fields: 3)
            writer.bytes(first)
            writer.bytes(second)
            writer.hashOrNull(voter)
        case .state(let node, let message), .command(let node, let message):
            writer.action(number, fields: 2)
            writer.bytes(node)
            writer.bytes(message)
        case .publish(let node, let count, let chain, let root):
            writer.action(number, fields: 4)
            writer.hash(node)
            writer.uint(count)
            writer.hash(chain)
            writer.hash(root)
        case .createContract(let offer):
            writer.action(number, fields: 5)
            offer.writeFields(to: &writer)
        case .call(let contract, let ticks, let command):
            writer.action(number, fields: 3)
            contract.write(to: &writer)
            writer.uint(ticks)
            writer.bytesOrNull(command)
        case .settle(let call, let amount, let receipt, let review):
            writer.action(number, fields: 4)
            writer.hash(call)
            writer.uint(amount)
            writer.bytesOrNull(receipt)
            writer.bytesOrNull(review)
        case .review(let call, let isGood, let review):
            writer.action(number, fields: 3)
            writer.hash(call)
            writer.bool(isGood)
            writer.bytes(review)
        case .createToken(let symbol, let supply):
            writer.action(number, fields: 2)
            writer.text(symbol)
            writer.uint(supply)
        case .endContract(let contract):
            writer.action(number, fields: 1)
            contract.write(to: &writer)
        }
    }
}

extension ContractAddress {
    func write(to writer: inout CBORWriter) {
        writer.array(2)
        writer.uint(height)
        writer.hash(transaction)
    }
}

extension Offer {
    /// The five fields, in a contract's transaction and in its record.
    func writeFields(to writer: inout CBORWriter) {
        writer.hash(node)
        writer.array(scope.count)
        for right in scope {
            writer.array(1 + right.methods.count)
            writer.text(right.device)
            for method in right.methods { writer.text(method) }
        }
        writer.hashOrNull(token)
        writer.uint(until)
        switch terms {
        case .fixed(let price, let seconds):
            writer.array(2)
            writer.uint(price)
            writer.uint(seconds)
        case .metered(let price, let tick, let ticks):
            writer.array(3)
            writer.uint(price)
            writer.uint(tick)
            writer.uint(ticks)
        }
    }
}

extension CBORWriter {
    @_lifetime(self: copy self)
    fileprivate mutating func action(_ number: UInt64, fields: Int) {
        array(1 + fields)
        uint(number)
    }

    /// A byte string, or null.
    @_lifetime(self: copy self)
    mutating func bytesOrNull(_ content: [UInt8]?) {
        if let content { bytes(content) } else { null() }
    }
}
