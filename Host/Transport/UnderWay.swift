// One request under way: what has come for it, and who waits for that.
import Reporting

/// What may come of a request.
enum ExchangeEvent: Sendable {
    case acknowledged
    case response(Message)
    case reset
    case failed(Failure)
}

/// The state of one request under way. Touched only by the actor that sent it.
///
/// Beginning a wait and waiting are two steps, between which the actor may do something else: what comes there must not be lost, an event no
/// more than the end of the time.
final class Exchange {
    /// The Message ID of the request.
    let id: UInt16
    private var events: [ExchangeEvent] = []
    private var waiter: CheckedContinuation<ExchangeEvent?, Never>?
    private var wait = 0
    private var givenUp = 0

    init(id: UInt16) { self.id = id }

    /// Begins a wait.
    /// - Returns: its number, for `giveUp` and `resume`.
    func begin() -> Int {
        wait += 1
        return wait
    }

    /// Has `continuation` resumed by the next event, by nil when this wait is given up, at once if either has happened.
    func resume(_ continuation: CheckedContinuation<ExchangeEvent?, Never>, in wait: Int) {
        if !events.isEmpty {
            continuation.resume(returning: events.removeFirst())
        } else if givenUp == wait {
            continuation.resume(returning: nil)
        } else {
            waiter = continuation
        }
    }

    func deliver(_ event: ExchangeEvent) {
        guard let waiter else { return events.append(event) }
        self.waiter = nil
        waiter.resume(returning: event)
    }

    /// The time of a wait is over, or its task cancelled. Nothing happens when another wait has begun since.
    func giveUp(_ wait: Int) {
        guard self.wait == wait else { return }
        givenUp = wait
        waiter?.resume(returning: nil)
        waiter = nil
    }
}
