// Tokens: transfers and new ones.

extension Execution {
    mutating func transfer(_ amount: UInt64, of token: Hash32?, from sender: Hash32, to recipient: Hash32) throws -> Effect {
        guard amount > 0 else { throw LedgerRefusal.malformed("a transfer moves something") }
        if let token, try work.get(.token(token)) == nil { throw LedgerRefusal.unknown("token \(token)") }
        try take(amount, of: token, from: sender)
        try give(amount, of: token, to: recipient)
        return Effect(subject: recipient, amount: amount)
    }

    mutating func createToken(_ symbol: String, supply: UInt64, by sender: Hash32, id: Hash32) throws -> Effect {
        guard (1...Genesis.largestSupply).contains(supply) else {
            throw LedgerRefusal.malformed("a token has between 1 and \(Genesis.largestSupply) units")
        }
        work.set(.token(id), Token(issuer: sender, symbol: symbol, supply: supply))
        work.set(.holding(of: id, by: sender), Holding(amount: supply))
        return Effect(subject: id, amount: supply)
    }

    /// Takes tokens out of an account; they must be put somewhere else.
    mutating func take(_ amount: UInt64, of token: Hash32?, from key: Hash32) throws {
        if let token {
            let there = try work.get(.holding(of: token, by: key))?.amount ?? 0
            guard amount <= there else { throw LedgerRefusal.insufficientFunds(needed: amount, there: there) }
            work.set(.holding(of: token, by: key), amount == there ? nil : Holding(amount: there - amount))
        } else {
            var account = try account(key)
            try account.pay(amount)
            work.set(.account(key), account)
        }
    }

    /// Puts tokens into an account that were taken from somewhere else: no sum exceeds the supply.
    mutating func give(_ amount: UInt64, of token: Hash32?, to key: Hash32) throws {
        if amount == 0 { return }
        if let token {
            let there = try work.get(.holding(of: token, by: key))?.amount ?? 0
            work.set(.holding(of: token, by: key), Holding(amount: there + amount))
        } else {
            var account = try account(key)
            account.balance += amount
            work.set(.account(key), account)
        }
    }
}
