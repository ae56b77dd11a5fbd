// Transfers for callers that wait: tests and small tools.
import Foundation

extension VirtualHostController {
    /// A control transfer; `.timeout` when it has not ended after `timeout` seconds.
    public func control(_ setup: SetupPacket, data: [UInt8] = [], timeout: Double = 30) -> TransferResult {
        wait(timeout) { submit(control: setup, data: data, completion: $0) }
    }

    /// A bulk or interrupt IN transfer of at most `length` bytes.
    public func read(_ endpoint: UInt8, length: Int, timeout: Double = 30) -> TransferResult {
        wait(timeout) { submit(in: endpoint, length: length, completion: $0) }
    }

    /// A bulk or interrupt OUT transfer.
    public func write(_ endpoint: UInt8, _ data: [UInt8], timeout: Double = 30) -> TransferResult {
        wait(timeout) { submit(out: endpoint, data: data, completion: $0) }
    }

    /// Resets the port; false when the device is another one afterwards, or gone.
    public func reset(timeout: Double = 30) -> Bool {
        let done = DispatchSemaphore(value: 0)
        let same = Holder(false)
        reset {
            same.value = $0
            done.signal()
        }
        return done.wait(timeout: .now() + timeout) == .success && same.value
    }

    private func wait(_ timeout: Double, _ submit: (@escaping @Sendable (TransferResult) -> Void) -> Int) -> TransferResult {
        let done = DispatchSemaphore(value: 0)
        let result = Holder(TransferResult(status: .timeout, data: [], count: 0))
        let id = submit {
            result.value = $0
            done.signal()
        }
        if done.wait(timeout: .now() + timeout) == .success { return result.value }
        cancel(id)
        guard done.wait(timeout: .now() + timeout) == .success, result.value.status != .success else { return result.value }
        return TransferResult(status: .timeout, data: result.value.data, count: result.value.count)
    }
}

/// A value that the bus's thread hands to a waiting one; the semaphore orders them.
private final class Holder<Value>: @unchecked Sendable {
    var value: Value
    init(_ value: Value) { self.value = value }
}
