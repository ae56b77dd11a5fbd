// The virtual host controller: schedules transfers, one transaction at a time, and keeps the list of violations.
import Foundation

/// A host controller with one port. Strict: what a device does against USB 2.0 is listed in `violations`, even where a real host would not
/// notice. Thread-safe; the device is called from the controller's own thread.
public final class VirtualHostController: @unchecked Sendable {
    enum Command {
        case connectionChanged(Bool)
        case reset(@Sendable (Bool) -> Void)
        case suspend, resume
        case unplug, plug
    }

    let device: any VirtualUSBDevice
    let condition = NSCondition()
    // All below is protected by `condition`, except what the bus's thread alone uses (see Transactions.swift).
    var queues: [UInt8: [Transfer]] = [:]
    /// Endpoints (low bits and direction; control as 0) that answered NAK and have not been ready since.
    var parked: Set<UInt8> = []
    /// Endpoints that became ready since their last token.
    var ready: Set<UInt8> = []
    var commands: [Command] = []
    var cancelled: Set<Int> = []
    var armed: [ArmedFault] = []
    var found: [Violation] = []
    var current: DeviceDescription?
    var lastID = 0
    var isClosed = false
    private static let threadName = "virtual-usb"
    private let ended = DispatchSemaphore(value: 0)
    var isSuspended = false
    var isPlugged = false
    var isPullUpOn = false
    var transactionCount = 0
    var transferCount = 0
    var listener: (@Sendable (DeviceDescription?) -> Void)?
    var alternates: [UInt8: UInt8] = [:]
    // The bus's thread alone:
    var pipes: [UInt8: BusPipe] = [:]
    var address: UInt8 = 0
    var roundRobin: UInt8 = 0
    /// Seconds after which enumeration gives up waiting for a device that answered NAK.
    let patience: Double

    /// Plugs `device` in; it is enumerated as soon as it switches its pull-up on.
    public init(_ device: any VirtualUSBDevice, patience: Double = 30, plugged: Bool = true) {
        self.device = device
        self.patience = patience
        let thread = Thread { [weak self, ended] in
            while let step = self?.nextStep() { step() }
            ended.signal()
        }
        thread.name = Self.threadName
        thread.stackSize = 1 << 20
        thread.start()
        if plugged { plug() }
    }

    /// Pulls the cable and ends the controller's thread. When it returns another controller may take the device.
    public func close() {
        guard beginClosing(), Thread.current.name != Self.threadName else { return }
        _ = ended.wait(timeout: .now() + 5)
    }

    /// False when it was closed already.
    private func beginClosing() -> Bool {
        condition.withLock {
            defer { isClosed = true }
            condition.broadcast()
            return !isClosed
        }
    }

    deinit { _ = beginClosing() }

    // MARK: State

    /// What the device did against the specification so far.
    public var violations: [Violation] { condition.withLock { found } }
    /// The device as it was enumerated; nil while there is none.
    public var description: DeviceDescription? { condition.withLock { current } }
    /// Transactions since the controller was made.
    public var transactions: Int { condition.withLock { transactionCount } }
    /// Transfers submitted since the controller was made, enumeration included.
    public var transfers: Int { condition.withLock { transferCount } }

    /// The alternate setting of each interface that has another than 0.
    var alternateSettings: [UInt8: UInt8] { condition.withLock { alternates } }

    /// Called from the controller's thread when a device has been enumerated (with it) and when it is gone (with nil).
    public func onChange(_ listener: @escaping @Sendable (DeviceDescription?) -> Void) {
        condition.withLock { self.listener = listener }
    }

    /// Waits until a device is enumerated; nil after `timeout` seconds.
    public func waitForDevice(timeout: Double = 30) -> DeviceDescription? { wait(timeout) { $0.current } }

    /// Waits until no device is there.
    public func waitForDeparture(timeout: Double = 30) -> Bool { wait(timeout) { $0.current == nil ? true : nil } ?? false }

    private func wait<Found>(_ timeout: Double, _ find: (VirtualHostController) -> Found?) -> Found? {
        let limit = Date().addingTimeInterval(timeout)
        return condition.withLock {
            while true {
                if let found = find(self) { return found }
                guard condition.wait(until: limit) else { return find(self) }
            }
        }
    }

    // MARK: What a user of the bus does

    /// Lets `fault` happen once; several may wait at the same time.
    public func inject(_ fault: BusFault) { condition.withLock { armed.append(ArmedFault(fault)) } }

    /// Takes back faults that have not happened.
    public func withdrawFaults() { condition.withLock { armed.removeAll() } }

    /// Plugs the cable in (again).
    public func plug() { command(.plug) }
    /// Pulls the cable: every transfer under way fails.
    public func unplug() { command(.unplug) }
    /// Stops talking, so that the device suspends (section 7.1.7.6).
    public func suspend() { command(.suspend) }
    /// Ends a suspension, as the host does (section 7.1.7.7); nothing when the device is not suspended.
    public func resume() { command(.resume) }

    /// Resets the port, and enumerates and configures the device anew, as a host does for its user.
    /// - Parameter completion: gets false when the device is not what it was, or gone: it then counts as a new one.
    public func reset(_ completion: @escaping @Sendable (Bool) -> Void) { command(.reset(completion)) }

    private func command(_ command: Command) {
        condition.withLock {
            commands.append(command)
            condition.broadcast()
        }
    }

    /// Submits a control transfer to endpoint 0.
    /// - Returns: a number for `cancel`.
    @discardableResult
    public func submit(
        control setup: SetupPacket, data: [UInt8] = [], completion: @escaping @Sendable (TransferResult) -> Void
    ) -> Int {
        submit { Transfer(id: $0, control: setup, data: data, completion: completion) }
    }

    /// Submits a bulk or interrupt IN transfer that ends after `length` bytes or with a short packet.
    @discardableResult
    public func submit(in endpoint: UInt8, length: Int, completion: @escaping @Sendable (TransferResult) -> Void) -> Int {
        submit { Transfer(id: $0, in: endpoint, length: length, completion: completion) }
    }

    /// Submits a bulk or interrupt OUT transfer; with no data it is one empty packet.
    @discardableResult
    public func submit(out endpoint: UInt8, data: [UInt8], completion: @escaping @Sendable (TransferResult) -> Void) -> Int {
        submit { Transfer(id: $0, out: endpoint, data: data, completion: completion) }
    }

    private func submit(_ make: (Int) -> Transfer) -> Int {
        let (transfer, isThere) = condition.withLock { () -> (Transfer, Bool) in
            lastID += 1
            transferCount += 1
            let transfer = make(lastID)
            let isThere = current != nil && !isClosed
            if isThere {
                queues[transfer.endpoint, default: []].append(transfer)
                condition.broadcast()
            }
            return (transfer, isThere)
        }
        if !isThere { transfer.end(.ioError) }
        return transfer.id
    }

    /// Ends a transfer before its time; its completion gets `.cancelled`, unless it has ended already.
    public func cancel(_ id: Int) {
        condition.withLock {
            guard queues.values.contains(where: { $0.contains { $0.id == id } }) else { return }
            cancelled.insert(id)
            condition.broadcast()
        }
    }

    // MARK: Events from the device

    func receive(_ event: DeviceEvent) {
        condition.withLock {
            switch event {
            case .ready(let endpoint):
                let key = endpoint & 15 == 0 ? 0 : endpoint
                ready.insert(key)
                parked.remove(key)
            case .connected(let isOn): commands.append(.connectionChanged(isOn))
            case .remoteWakeup: if isSuspended { commands.append(.resume) }
            }
            condition.broadcast()
        }
    }

    func complain(_ text: String, endpoint: UInt8) {
        condition.withLock { found.append(Violation(transaction: transactionCount, endpoint: endpoint, text: text)) }
    }

    // MARK: The bus's thread

    /// The next thing to do, waiting for it; nil when the controller is closed.
    private func nextStep() -> (() -> Void)? {
        condition.lock()
        defer { condition.unlock() }
        let limit = Date().addingTimeInterval(1)  // so that a forgotten controller ends
        while true {
            if isClosed {
                let wasPlugged = isPlugged
                return wasPlugged ? { [self] in pull() } : nil
            }
            if !commands.isEmpty {
                let command = commands.removeFirst()
                return { [self] in run(command) }
            }
            if !cancelled.isEmpty {
                let id = cancelled.removeFirst()
                if let transfer = take(id) { return { [self] in finish(transfer, .cancelled) } }
                continue
            }
            if let transfer = runnable() { return { [self] in advance(transfer) } }
            if !condition.wait(until: limit) { return {} }
        }
    }

    /// The first transfer of the next endpoint that can make progress.
    private func runnable() -> Transfer? {
        guard !isSuspended, current != nil else { return nil }
        let endpoints = queues.keys.filter { !parked.contains($0) && queues[$0]?.isEmpty == false }.sorted()
        guard let next = endpoints.first(where: { $0 > roundRobin }) ?? endpoints.first else { return nil }
        roundRobin = next
        return queues[next]?.first
    }

    private func take(_ id: Int) -> Transfer? {
        for (endpoint, queue) in queues {
            guard let at = queue.firstIndex(where: { $0.id == id }) else { continue }
            return queues[endpoint]?.remove(at: at)
        }
        return nil
    }

    private func advance(_ transfer: Transfer) {
        guard let status = step(transfer) else { return }
        condition.withLock { queues[transfer.endpoint]?.removeAll { $0 === transfer } }
        finish(transfer, status)
    }

    private func finish(_ transfer: Transfer, _ status: TransferStatus) {
        if status == .cancelled, transfer.stage == .bulkIn, !transfer.incoming.isEmpty {
            complain(
                "sent \(transfer.incoming.count) bytes in full packets and then nothing: a transfer that is a multiple of the "
                    + "packet size ends with a zero-length packet (5.8.3)", endpoint: transfer.endpoint)
        }
        if status == .success, let setup = transfer.setup { notice(setup) }
        transfer.end(status)
    }

    private func run(_ command: Command) {
        switch command {
        case .plug:
            guard
                condition.withLock({
                    if isPlugged { return false }; isPlugged = true; return true
                })
            else { return }
            device.attach { [weak self] in self?.receive($0) }
        case .unplug: pull()
        case .connectionChanged(let isOn):
            guard
                condition.withLock({
                    defer { isPullUpOn = isOn }; return isPlugged && isPullUpOn != isOn
                })
            else { return }
            if isOn { arrive() } else { depart() }
        case .reset(let completion): completion(resetPort())
        case .suspend:
            condition.withLock { isSuspended = true }
            device.suspend()
        case .resume:
            guard
                condition.withLock({
                    defer { isSuspended = false }; return isSuspended
                })
            else { return }
            device.resume()
        }
    }

    private func arrive() {
        guard let description = enumerate() else { return }
        let listener = condition.withLock { () -> (@Sendable (DeviceDescription?) -> Void)? in
            current = description
            condition.broadcast()
            return self.listener
        }
        listener?(description)
    }

    /// The device is gone: ends what is under way.
    func depart() {
        let (transfers, listener, wasThere) = condition.withLock {
            () -> ([Transfer], (@Sendable (DeviceDescription?) -> Void)?, Bool) in
            defer {
                queues = [:]
                current = nil
                parked = []
                ready = []
                isSuspended = false
                condition.broadcast()
            }
            return (queues.values.flatMap { $0 }.sorted { $0.id < $1.id }, self.listener, current != nil)
        }
        pipes = [:]
        for transfer in transfers { transfer.end(.ioError) }
        if wasThere { listener?(nil) }
    }

    /// Pulls the cable, from the bus's thread.
    func pull() {
        guard
            condition.withLock({
                defer { isPlugged = false; isPullUpOn = false }; return isPlugged
            })
        else { return }
        device.detach()
        depart()
    }

    private func resetPort() -> Bool {
        guard let before = description else { return false }
        let transfers = condition.withLock { () -> [Transfer] in
            defer { queues = [:] }
            return queues.values.flatMap { $0 }.sorted { $0.id < $1.id }
        }
        for transfer in transfers { finish(transfer, .cancelled) }
        let after = enumerate()
        if let after, after.device == before.device, after.configuration == before.configuration {
            condition.withLock { current = after }
            return true
        }
        depart()
        guard let after else { return false }
        let listener = condition.withLock { () -> (@Sendable (DeviceDescription?) -> Void)? in
            current = after
            condition.broadcast()
            return self.listener
        }
        listener?(after)
        return false
    }
}
