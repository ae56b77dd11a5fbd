// What a piece of work that takes a while is at, for whoever shows it.

/// A step of work, and how far it is.
public struct WorkStep: Equatable, Sendable {
    /// What is being done, to what: "building light-node for microbit".
    public var what: String
    /// Parts that are done, of `total`; nil while nobody knows.
    public var done: Int?
    /// Parts of the step.
    public var total: Int?
    /// What was done last; empty when there is nothing to say.
    public var detail = ""

    /// - Parameter what: what is being done, to what.
    public init(_ what: String, done: Int? = nil, of total: Int? = nil) {
        (self.what, self.done, self.total) = (what, done, total)
    }

    /// "building light-node for microbit: 12 of 45"
    public var text: String {
        guard let done, let total else { return what }
        return "\(what): \(done) of \(total)"
    }

    /// Takes steps as they come, from any thread; nil: the step is over.
    public typealias Report = @Sendable (WorkStep?) -> Void
}
