// What happens at a production line, one thing at a time: for people's lines and for programs' JSON alike.
import Foundation
import NodeProtocol
import Records
import Reporting

/// An event of a line. No secret is in it.
public struct LineEvent: Codable, Sendable {
    /// What an event tells.
    public enum Kind: String, Codable, Sendable {
        /// A node was found.
        case started
        /// It goes on; `message` says with what.
        case progress
        /// It is done, its label out, its record committed.
        case done
        /// It has its keys and waits for its sheet of labels to be full.
        case waiting
        /// It was not provisioned; `message` says why.
        case failed
        /// It is done already, by this very run: what it lacked was only its label.
        case skipped
        /// An earlier run began it, and it must be connected again.
        case toBeRedone = "to-be-redone"
        /// Nothing more is taken; those under way are finished.
        case stopping
        /// The end.
        case finished
    }

    /// What happened.
    public let event: Kind
    /// When, by the computer's own clock.
    public let time: Date
    /// Where the node is.
    public var connection: String?
    /// What the factory says of the node; with `done` alone.
    public var record: ProvisioningRecord?
    /// Batch and serial number of a node that is not done.
    public var node: String?
    /// For people: the progress, or what went wrong.
    public var message: String?
    /// What to do after `failed`.
    public var remedy: Remedy?
    /// The remedy in the words of the program that shows the event.
    public var advice: String?
    /// The kind of the failure (`Failure.Kind`) after `failed`, for programs.
    public var reason: String?
    /// Seconds from the first question to the proof; with `done` alone.
    public var seconds: Double?
    /// Those of `seconds` in which the station waited for the node; with `done` alone.
    public var nodeSeconds: Double?
    /// True if an earlier, interrupted attempt was completed; with `done` alone.
    public var isResumed: Bool?
    /// Counts of this run, after this event.
    public var summary: Summary?

    init(_ event: Kind, _ connection: String? = nil, message: String? = nil) {
        self.event = event
        self.connection = connection
        self.message = message
        time = Date()
    }

    /// Counts of a run.
    public struct Summary: Codable, Hashable, Sendable {
        /// Provisioned, the label out, the record committed.
        public var done = 0
        /// Not provisioned, for whatever reason.
        public var failed = 0
        /// Has keys, waits for its label.
        public var waiting = 0
        /// Taken and neither done nor failed, those with a label under way included.
        public var underWay = 0
        /// Nodes of earlier runs that must be connected again.
        public var toBeRedone = 0
        /// How many are wanted; nil: any number.
        public var wanted: Int?
        /// Since the start.
        public var seconds = 0.0

        /// Nothing has happened.
        public init() {}

        /// Nodes an hour.
        public var rate: Double { seconds > 0 ? Double(done) * 3600 / seconds : 0 }
        /// Seconds until as many are done as are wanted, at this rate.
        public var secondsLeft: Double? {
            guard let wanted, done > 0 else { return nil }
            return Double(max(0, wanted - done)) * seconds / Double(done)
        }
    }
}

extension Duration {
    /// As a number of seconds.
    public var seconds: Double { Double(components.seconds) + Double(components.attoseconds) * 1e-18 }
}
