// What a board says goes out when what it is about is in the flash file, not before: a receipt that was printed outlives the emulator.
import Reporting

/// Saves a running board's flash before anything that the board has sent goes on. Used by the supervisor's queue alone.
final class FlashGate: @unchecked Sendable {
    private let emulated: EmulatedBoard
    private let report: (String) -> Void
    /// Why it cannot be saved; nil while it can.
    private var trouble: String?

    /// - Parameter report: is told once when the flash cannot be saved, and once when it can be again.
    init(_ emulated: EmulatedBoard, report: @escaping (String) -> Void = { StandardError.write(Quoted.terminal($0) + "\n") }) {
        self.emulated = emulated
        self.report = report
    }

    /// Saves the store, and tells what becomes of that which the board has sent up to now.
    func passage() -> SharedLine.Passage {
        do {
            try emulated.saveStore()
            if trouble != nil { report("the flash is saved again") }
            trouble = nil
            return .pass
        } catch {
            // The emulator has ended: what it stored last is gone, and what it said of that goes nowhere.
            guard emulated.isRunning else { return .drop }
            let failure = Failure(.environment, catching: error)
            if trouble != failure.what { report("\(failure)") }
            trouble = failure.what
            return .refuse(failure.what)
        }
    }
}
