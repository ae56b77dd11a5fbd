// The bulk transfers of one opened interface. libusb's callbacks come on its event thread.
import CLibUSB
import Foundation
import Reporting

/// An opened and claimed interface: it reads without pause, and writes what it is given.
final class USBTransfers: @unchecked Sendable {
    /// Why it ended.
    enum End: Sendable {
        case closed
        case unplugged
        case failed(Failure)
    }

    private struct State {
        /// Transfers that libusb has not given back, or that will be tried again: the node is not closed before they are dropped.
        var underWay: Set<UnsafeMutablePointer<libusb_transfer>> = []
        var end: End?
        var isReleased = false
        var errorsInARow = 0
    }

    private static let readSize = 512
    private static let readers = 4
    private static let toleratedErrors = 3
    /// Until a transfer that failed is tried again: the hub takes up to a quarter of a second to tell that the node is gone.
    private static let pause = Duration.milliseconds(150)

    let node: USBNode
    private let handle: OpaquePointer
    private let lock = NSLock()
    private var guarded = State()
    private let received: @Sendable ([UInt8]) -> Void
    private let ended: @Sendable (End) -> Void
    private let queue = DispatchQueue(label: "lightnode-usb-close")

    /// Claims the interface and begins to read.
    /// - Parameter ended: called once, after the last transfer; the node is then closed.
    init(
        _ handle: OpaquePointer, _ node: USBNode, received: @escaping @Sendable ([UInt8]) -> Void,
        ended: @escaping @Sendable (End) -> Void
    ) throws {
        self.handle = handle
        self.node = node
        self.received = received
        self.ended = ended
        libusb_set_auto_detach_kernel_driver(handle, 1)
        let code = libusb_claim_interface(handle, Int32(node.interface))
        guard code == 0 else {
            libusb_close(handle)
            throw USBError.failure(code, node.locator.description)
        }
        for _ in 0..<Self.readers { beginReading() }
    }

    private func withState<R>(_ body: (inout State) -> R) -> R { lock.withLock { body(&guarded) } }

    // MARK: Reading

    private func beginReading() {
        guard let transfer = libusb_alloc_transfer(0) else {
            return finish(.failed(USBError.failure(Int32(LIBUSB_ERROR_NO_MEM.rawValue), name)))
        }
        let buffer = UnsafeMutablePointer<UInt8>.allocate(capacity: Self.readSize)
        // No time limit: a node speaks when it has something to say. A request that waits for an answer has one.
        libusb_fill_bulk_transfer(
            transfer, handle, node.bulkIn, buffer, Int32(Self.readSize),
            { transfer in
                guard let transfer, let user = transfer.pointee.user_data else { return }
                Unmanaged<USBTransfers>.fromOpaque(user).takeUnretainedValue().read(transfer)
            }, Unmanaged.passRetained(self).toOpaque(), 0)
        submit(transfer)
    }

    private func submit(_ transfer: UnsafeMutablePointer<libusb_transfer>) {
        let code = withState { state -> Int32 in
            guard state.end == nil else { return LIBUSB_ERROR_INTERRUPTED.rawValue }
            let code = libusb_submit_transfer(transfer)
            if code == 0 { state.underWay.insert(transfer) }
            return code
        }
        if code == 0 { return }
        drop(transfer)
        finish(code == LIBUSB_ERROR_NO_DEVICE.rawValue ? .unplugged : .failed(USBError.failure(code, name)))
    }

    /// On libusb's thread.
    private func read(_ transfer: UnsafeMutablePointer<libusb_transfer>) {
        let errors = withState { state -> Int in
            state.errorsInARow = transfer.pointee.status == LIBUSB_TRANSFER_COMPLETED ? 0 : state.errorsInARow + 1
            return state.errorsInARow
        }
        if transfer.pointee.actual_length > 0 {
            received(Array(UnsafeBufferPointer(start: transfer.pointee.buffer, count: Int(transfer.pointee.actual_length))))
        }
        switch transfer.pointee.status {
        case LIBUSB_TRANSFER_COMPLETED: submit(transfer)
        case LIBUSB_TRANSFER_CANCELLED: drop(transfer)
        case LIBUSB_TRANSFER_NO_DEVICE:
            drop(transfer)
            finish(.unplugged)
        case LIBUSB_TRANSFER_STALL where errors <= Self.toleratedErrors * Self.readers:
            // Not from libusb's own thread: clearing a halt waits for the node.
            nonisolated(unsafe) let stalled = transfer
            queue.async { [self] in
                libusb_clear_halt(handle, node.bulkIn)
                submit(stalled)
            }
        case _ where errors <= Self.toleratedErrors * Self.readers:
            nonisolated(unsafe) let failed = transfer
            queue.asyncAfter(deadline: .now() + Self.pause / .seconds(1)) { [self] in submit(failed) }
        default:
            drop(transfer)
            finish(.failed(USBError.failure(Int32(LIBUSB_ERROR_IO.rawValue), name)))
        }
    }

    /// Gives a transfer back that libusb has given back.
    private func drop(_ transfer: UnsafeMutablePointer<libusb_transfer>) {
        _ = withState { $0.underWay.remove(transfer) }
        transfer.pointee.buffer?.deallocate()
        let user = transfer.pointee.user_data
        libusb_free_transfer(transfer)
        if let user { Unmanaged<USBTransfers>.fromOpaque(user).release() }
        releaseWhenQuiet()
    }

    // MARK: Writing

    private final class Write: Sendable {
        let owner: USBTransfers
        let continuation: CheckedContinuation<(Int32, Int), Never>
        init(_ owner: USBTransfers, _ continuation: CheckedContinuation<(Int32, Int), Never>) {
            self.owner = owner
            self.continuation = continuation
        }
    }

    /// Sends all of `bytes`.
    /// - Returns: nil when the node left meanwhile.
    /// - Throws: `Failure` when the node takes no bytes within `limit`.
    func write(_ bytes: [UInt8], limit: Duration) async throws -> Void? {
        var attempts = 0
        var sent = 0
        repeat {
            let (status, count) = await submit(Array(bytes[sent...]), limit)
            sent += count
            attempts += 1
            switch UInt32(bitPattern: status) {
            case LIBUSB_TRANSFER_COMPLETED.rawValue: break
            case LIBUSB_TRANSFER_STALL.rawValue where attempts <= Self.toleratedErrors:
                await withCheckedContinuation { done in
                    queue.async { [self] in
                        libusb_clear_halt(handle, node.bulkOut)
                        done.resume()
                    }
                }
            case LIBUSB_TRANSFER_ERROR.rawValue where attempts <= Self.toleratedErrors:
                try await Task.sleep(for: Self.pause)
                if withState({ $0.end != nil }) { return nil }
            case LIBUSB_TRANSFER_TIMED_OUT.rawValue:
                throw Failure(
                    .unreachable, "\(name) takes no more bytes", about: "\(name)",
                    advice: "Unplug the node, plug it in again, then repeat the command")
            case LIBUSB_TRANSFER_NO_DEVICE.rawValue, LIBUSB_TRANSFER_CANCELLED.rawValue: return nil
            default: throw USBError.failure(Int32(LIBUSB_ERROR_IO.rawValue), name)
            }
        } while sent < bytes.count
        return ()
    }

    private func submit(_ bytes: [UInt8], _ limit: Duration) async -> (Int32, Int) {
        await withCheckedContinuation { continuation in
            let gone = (Int32(bitPattern: LIBUSB_TRANSFER_NO_DEVICE.rawValue), 0)
            guard let transfer = libusb_alloc_transfer(0) else { return continuation.resume(returning: gone) }
            let buffer = UnsafeMutablePointer<UInt8>.allocate(capacity: max(bytes.count, 1))
            buffer.initialize(from: bytes, count: bytes.count)
            let milliseconds = UInt32(max(1, limit / .milliseconds(1)))
            libusb_fill_bulk_transfer(
                transfer, handle, node.bulkOut, buffer, Int32(bytes.count),
                { transfer in
                    guard let transfer, let user = transfer.pointee.user_data else { return }
                    let write = Unmanaged<Write>.fromOpaque(user).takeRetainedValue()
                    let result = (Int32(bitPattern: transfer.pointee.status.rawValue), Int(transfer.pointee.actual_length))
                    transfer.pointee.buffer.deallocate()
                    _ = write.owner.withState { $0.underWay.remove(transfer) }
                    libusb_free_transfer(transfer)
                    write.owner.releaseWhenQuiet()
                    write.continuation.resume(returning: result)
                }, Unmanaged.passRetained(Write(self, continuation)).toOpaque(), milliseconds)
            let code = withState { state -> Int32 in
                guard state.end == nil else { return LIBUSB_ERROR_NO_DEVICE.rawValue }
                let code = libusb_submit_transfer(transfer)
                if code == 0 { state.underWay.insert(transfer) }
                return code
            }
            if code != 0 {
                if let user = transfer.pointee.user_data { Unmanaged<Write>.fromOpaque(user).release() }
                buffer.deallocate()
                libusb_free_transfer(transfer)
                continuation.resume(returning: gone)
            }
        }
    }

    // MARK: The end

    private var name: String { node.locator.description }

    /// Gives the interface back. Reading ends; closing twice is harmless.
    func close() { finish(.closed) }

    private func finish(_ end: End) {
        withState { state in
            guard state.end == nil else { return }
            state.end = end
            for transfer in state.underWay { libusb_cancel_transfer(transfer) }
        }
        releaseWhenQuiet()
    }

    /// Closes the node once libusb has given all transfers back: closing it earlier would pull their memory away.
    private func releaseWhenQuiet() {
        let end = withState { state -> End? in
            guard let end = state.end, state.underWay.isEmpty, !state.isReleased else { return nil }
            state.isReleased = true
            return end
        }
        guard let end else { return }
        queue.async { [self] in
            libusb_release_interface(handle, Int32(node.interface))
            libusb_close(handle)
            ended(end)
        }
    }
}
