// A byte pipe to a node on USB that outlives the node's leaving the bus for a moment: a reset, a new serial number, a loose cable.
import Foundation
import Reporting
import Synchronization

/// A `BytePipe` over the node's bulk endpoints. Every wait has a limit.
public final class USBPipe: BytePipe {
    /// Goes on when the node comes back to the bus, without a mark; what was on its way then is lost.
    public let incoming: AsyncThrowingStream<[UInt8], any Error>
    private let continuation: AsyncThrowingStream<[UInt8], any Error>.Continuation
    private let context: USBContext
    private let sendLimit: Duration
    private let returnLimit: Duration

    private enum Connection: Sendable {
        case open(USBTransfers)
        /// The node has left the bus; it may come back.
        case away(USBNode)
        case over(Failure?)
    }
    private let connection: Mutex<Connection>

    /// Opens the node of that serial number (or port), waiting for it at most `presenceLimit`: it may be about to come back under a new name.
    /// - Parameters:
    ///   - sendLimit: how long the node may take no bytes.
    ///   - returnLimit: how long it may be away from the bus.
    /// - Throws: `Failure`: `unreachable` when it is not there or in use, `environment` when it may not be opened.
    static func open(
        _ name: String, presenceLimit: Duration = .seconds(3), sendLimit: Duration = .seconds(5),
        returnLimit: Duration = .seconds(2)
    ) async throws -> USBPipe {
        let context = try USBContext.shared()
        guard let (handle, node) = try await find(within: presenceLimit, context, { try $0.open(called: name) }) else {
            throw Failure(
                .unreachable, "no light node usb:\(name) is plugged in", remedy: .listNodes)
        }
        return try USBPipe(context, handle.value, node, sendLimit: sendLimit, returnLimit: returnLimit)
    }

    private init(_ context: USBContext, _ handle: OpaquePointer, _ node: USBNode, sendLimit: Duration, returnLimit: Duration)
        throws
    {
        self.context = context
        self.sendLimit = sendLimit
        self.returnLimit = returnLimit
        (incoming, continuation) = AsyncThrowingStream<[UInt8], any Error>.makeStream()
        connection = Mutex(.away(node))
        try connect(handle, node)
    }

    /// A libusb handle on its way from one task to another.
    struct Handle: @unchecked Sendable { let value: OpaquePointer }

    private static func find(
        within limit: Duration, _ context: USBContext,
        _ open: @Sendable (USBContext) throws -> (handle: OpaquePointer, node: USBNode)?
    ) async throws -> (Handle, USBNode)? {
        let end = ContinuousClock.now + limit
        while true {
            let seen = context.changeCount
            var refusal: Failure?
            do {
                if let found = try open(context) { return (Handle(value: found.handle), found.node) }
            } catch let failure as Failure where failure.kind != .usage {
                // Gone between listing and opening; or the permission comes a moment after the node does.
                refusal = failure
            }
            guard ContinuousClock.now < end else {
                if let refusal { throw refusal }
                return nil
            }
            try await context.waitForChange(since: seen, limit: .milliseconds(250))
        }
    }

    private func connect(_ handle: OpaquePointer, _ node: USBNode) throws {
        let transfers = try USBTransfers(handle, node, received: { [continuation] in continuation.yield($0) }) {
            [weak self] end in
            self?.ended(end, node)
        }
        let isWanted = connection.withLock { connection -> Bool in
            if case .over = connection { return false }
            connection = .open(transfers)
            return true
        }
        if !isWanted { transfers.close() }
    }

    /// The transfers have ended: by themselves, or because they were told to.
    private func ended(_ end: USBTransfers.End, _ node: USBNode) {
        let isOver = connection.withLock { connection -> Bool in
            if case .over = connection { return true }
            connection = .away(node)
            return false
        }
        switch end {
        case _ where isOver, .closed: continuation.finish()
        case .failed(let failure): finish(failure)
        case .unplugged: Task { await self.awaitReturn(of: node) }
        }
    }

    private func awaitReturn(of node: USBNode) async {
        let gone = Failure(
            .unreachable, "\(node.locator) was unplugged", about: "\(node.locator)",
            advice: "Plug it in again, then repeat the command")
        do {
            guard
                let (handle, back) = try await Self.find(within: returnLimit, context, { try $0.open { $0.isReturn(of: node) } })
            else {
                return finish(gone)
            }
            do { try connect(handle.value, back) } catch let failure as Failure { finish(failure) }
        } catch let failure as Failure where failure.kind == .environment {
            finish(failure)
        } catch {
            // What a node on its way out says when it is opened is no news.
            finish(gone)
        }
    }

    private func finish(_ failure: Failure) {
        connection.withLock { $0 = .over(failure) }
        continuation.finish(throwing: failure)
    }

    /// Waits for the node to come back when it is away, for the return limit and the send limit together.
    /// - Throws: `Failure` of kind `unreachable` when it did not come back, takes no bytes, or the line was closed; some bytes
    ///   may have gone.
    public func send(_ bytes: [UInt8]) async throws {
        let end = ContinuousClock.now + returnLimit + sendLimit
        while true {
            switch connection.withLock({ $0 }) {
            case .open(let transfers):
                // Bytes on their way when the node left are lost, as on any line: the protocol above sends them again.
                if try await transfers.write(bytes, limit: sendLimit) != nil { return }
                guard ContinuousClock.now < end else {
                    throw Failure(
                        .unreachable, "the node at the other end of the USB line takes no more bytes",
                        advice: "Unplug it and plug it in again, then repeat the command")
                }
                try await Task.sleep(for: .milliseconds(10))
            case .away(let node):
                guard ContinuousClock.now < end else {
                    throw Failure(
                        .unreachable, "\(node.locator) was unplugged", about: "\(node.locator)",
                        advice: "Plug it in again, then repeat the command")
                }
                try await Task.sleep(for: .milliseconds(20))
            case .over(let failure):
                throw failure ?? Failure(.unreachable, "the USB line was closed", advice: "Connect again")
            }
        }
    }

    /// From any thread; does not wait for transfers under way.
    public func close() {
        let former = connection.withLock { connection -> Connection in
            defer { connection = .over(nil) }
            return connection
        }
        switch former {
        case .open(let transfers): transfers.close()
        case .away: continuation.finish()
        case .over(let failure): connection.withLock { $0 = .over(failure) }
        }
    }

    deinit { close() }
}

extension USBNode {
    /// True for the same node after it left the bus: of the same serial number, or in the same place and provisioned meanwhile (before
    /// that its serial number is the chip's, or none).
    func isReturn(of node: USBNode) -> Bool {
        if let serialNumber, serialNumber == node.serialNumber { return true }
        let wasProvisioned = node.serialNumber?.lowercased().hasPrefix("node1") == true
        return port == node.port && vendor == node.vendor && product == node.product && !wasProvisioned
    }
}
