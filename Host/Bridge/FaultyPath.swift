// One direction of a bridge: messages go in, and come out late, twice, in another order, or not at all.
import Synchronization
import Transport

/// Applies a `FaultPlan` in real time.
public final class FaultyPath: Sendable {
    private let plan: Mutex<FaultPlan>
    private let deliver: @Sendable ([UInt8]) async -> Void

    /// - Parameters:
    ///   - direction: 1 towards the node, 2 back: the two meet different faults.
    ///   - deliver: takes what comes out.
    public init(_ faults: Faults, direction: UInt64, deliver: @escaping @Sendable ([UInt8]) async -> Void) {
        plan = Mutex(FaultPlan(faults, direction: direction))
        self.deliver = deliver
    }

    /// What happened so far.
    public var counts: FaultCounts { plan.withLock(\.counts) }

    /// Takes one message in.
    public func push(_ message: [UInt8]) {
        let (steps, isHeld) = plan.withLock { ($0.steps(for: message), $0.isHolding) }
        for step in steps { send(step) }
        guard isHeld else { return }
        Task {
            try? await Task.sleep(for: FaultPlan.patience)
            if let step = plan.withLock({ $0.release() }) { send(step) }
        }
    }

    private func send(_ step: FaultPlan.Step) {
        Task {
            if step.delay > .zero { try? await Task.sleep(for: step.delay) }
            await deliver(step.bytes)
        }
    }
}
