// The name of a station: given, or the one that its records know.
import Synchronization

/// What a station is called: as it was told to be, or as its records know it.
final class StationName: Sendable {
    private let state: Mutex<String>
    private let isGiven: Bool

    init(_ name: String, isGiven: Bool) {
        state = Mutex(name)
        self.isGiven = isGiven
    }

    func get() -> String { state.withLock { $0 } }

    /// The records know the station's key by `known`.
    func settle(_ known: String?) { if let known, !isGiven { state.withLock { $0 = known } } }
}
