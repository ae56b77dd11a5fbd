// The usbredir server: a socket that QEMU's usb-redir device, or any other usbredir client, plugs the virtual device in from.
import Foundation
import Reporting

/// Exports the device of a virtual host controller on a Unix socket, to one client at a time.
public final class RedirectionServer: @unchecked Sendable {
    /// Where the socket is; removed by `close`.
    public let path: String
    private let controller: VirtualHostController
    private let listener: Int32
    private let lock = NSLock()
    private var connection: RedirectionConnection?
    private var isClosed = false

    /// Listens at `path`, replacing a socket that is there.
    /// - Throws: `Failure` of kind `environment`.
    public init(path: String, controller: VirtualHostController) throws {
        self.path = path
        self.controller = controller
        let listener = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        self.listener = listener
        let bound = try withUnixAddress(path, advice: "Use a folder with a shorter name") {
            unlink(path)
            return bind(listener, $0, $1)
        }
        guard bound == 0, listen(listener, 4) == 0 else {
            throw Failure(
                .environment, "the socket \(path) cannot be made: \(String(cString: strerror(errno)))",
                advice: "Name a place that you may write to")
        }
        controller.onChange { [weak self] in self?.deviceChanged($0) }
        let thread = Thread { [weak self, listener] in
            while true {
                let client = accept(listener, nil, nil)
                if client < 0 && errno == EINTR { continue }
                guard client >= 0, let self else {
                    if client >= 0 { Foundation.close(client) }
                    return
                }
                self.serve(client)
            }
        }
        thread.name = "usbredir"
        thread.start()
    }

    /// Hangs up and removes the socket. The device stays plugged into the controller.
    public func close() {
        let connection = lock.withLock { () -> RedirectionConnection? in
            guard !isClosed else { return nil }
            isClosed = true
            shutdown(listener, Int32(SHUT_RDWR))
            Foundation.close(listener)
            unlink(path)
            return self.connection
        }
        connection?.hangUp()
    }

    deinit { close() }

    /// Serves one client to its end; the next waits.
    private func serve(_ client: Int32) {
        let connection = RedirectionConnection(client, controller)
        let isWelcome = lock.withLock { () -> Bool in
            guard !isClosed else { return false }
            self.connection = connection
            return true
        }
        if isWelcome { connection.run() }
        let mayReset = lock.withLock { () -> Bool in
            self.connection = nil
            return isWelcome && !isClosed
        }
        Foundation.close(client)
        // The next client is another host: the device starts anew for it.
        if mayReset { _ = controller.reset(timeout: 60) }
    }

    private func deviceChanged(_ description: DeviceDescription?) {
        lock.withLock { connection }?.deviceChanged(description)
    }
}

/// One client.
final class RedirectionConnection: @unchecked Sendable {
    private let descriptor: Int32
    private let controller: VirtualHostController
    private let lock = NSRecursiveLock()
    private var stream = RedirectionStream()
    private var capabilities: RedirectionCapabilities?
    private var isAnnounced = false
    /// The controller's numbers of the transfers under way, by the client's.
    private var underWay: [UInt64: Int] = [:]
    /// The endpoints that are read on and on.
    private var interrupts: [UInt8: Int] = [:]
    private var interruptCount: UInt64 = 0
    private var isOver = false

    init(_ descriptor: Int32, _ controller: VirtualHostController) {
        self.descriptor = descriptor
        self.controller = controller
        var limit = timeval(tv_sec: 10, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    }

    func hangUp() { shutdown(descriptor, Int32(SHUT_RDWR)) }

    /// Talks until the client hangs up or says something that is no usbredir.
    func run() {
        var hello = Array("lightnode virtual USB".utf8)
        hello += [UInt8](repeating: 0, count: 64 - hello.count)
        hello.put(RedirectionCapabilities.ours.rawValue)
        write(.hello, id: 0, hello)
        var bytes = [UInt8](repeating: 0, count: 65536)
        read: while true {
            let count = recv(descriptor, &bytes, bytes.count, 0)
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { break }
            stream.push(bytes[..<count])
            do {
                while let message = try stream.next() { try handle(message) }
            } catch { break read }
        }
        let transfers = lock.withLock { () -> [Int] in
            isOver = true
            defer {
                underWay = [:]
                interrupts = [:]
            }
            return Array(underWay.values) + interrupts.values
        }
        for transfer in transfers { controller.cancel(transfer) }
    }

    // MARK: What the client sends

    private func handle(_ message: RedirectionMessage) throws(MalformedRedirection) {
        var fields = FieldReader(message.body)
        guard let type = RedirectionType(rawValue: message.type) else { return }
        if type == .hello {
            try fields.skip(64)
            let theirs = RedirectionCapabilities(rawValue: message.body.count >= 68 ? try fields.u32() : 0)
            lock.withLock { capabilities = theirs.intersection(.ours) }
            stream.hasWideIDs = theirs.contains(.wideIDs)
            announce(controller.description)
            return
        }
        guard capabilities != nil else { throw MalformedRedirection("a message came before the hello") }
        switch type {
        case .reset: controller.reset { _ in }
        case .disconnectAck: break
        case .setConfiguration: setConfiguration(try fields.u8(), message.id)
        case .getConfiguration:
            begin(message.id, .init(requestType: 0x80, request: StandardRequest.getConfiguration, length: 1), []) {
                [self] result in
                write(.configurationStatus, id: message.id, [result.status.rawValue, result.data.first ?? 0])
            }
        case .setAlternate: setAlternate(try fields.u8(), try fields.u8(), message.id)
        case .getAlternate:
            let interface = try fields.u8()
            let request = SetupPacket(
                requestType: 0x81, request: StandardRequest.getInterface, index: UInt16(interface), length: 1)
            begin(message.id, request, []) { [self] result in
                write(.alternateStatus, id: message.id, [result.status.rawValue, interface, result.data.first ?? 0])
            }
        case .startInterrupt:
            let endpoint = try fields.u8()
            write(.interruptStatus, id: message.id, [TransferStatus.success.rawValue, endpoint])
            receiveInterrupts(endpoint)
        case .stopInterrupt:
            let endpoint = try fields.u8()
            if let transfer = lock.withLock({ interrupts.removeValue(forKey: endpoint) }) { controller.cancel(transfer) }
            write(.interruptStatus, id: message.id, [TransferStatus.success.rawValue, endpoint])
        case .cancel: if let transfer = lock.withLock({ underWay[message.id] }) { controller.cancel(transfer) }
        case .control: try control(message.id, &fields)
        case .bulk: try bulk(message.id, &fields)
        case .interrupt: try interruptOut(message.id, &fields)
        default: break  // isochronous and bulk streams: no full-speed node has them
        }
    }

    private func control(_ id: UInt64, _ fields: inout FieldReader) throws(MalformedRedirection) {
        let endpoint = try fields.u8()
        let request = try fields.u8()
        let requestType = try fields.u8()
        try fields.skip(1)
        let setup = SetupPacket(
            requestType: requestType, request: request, value: try fields.u16(), index: try fields.u16(), length: try fields.u16()
        )
        let data = setup.isDeviceToHost ? [] : fields.rest
        guard setup.isDeviceToHost || data.count == Int(setup.length) else {
            throw MalformedRedirection("a control message has \(data.count) bytes of data, \(setup.length) announced")
        }
        begin(id, setup, data) { [self] result in
            var body: [UInt8] = [endpoint, request, requestType, result.status.rawValue]
            body.put(setup.value)
            body.put(setup.index)
            body.put(UInt16(result.count))
            write(.control, id: id, body + result.data)
        }
    }

    private func bulk(_ id: UInt64, _ fields: inout FieldReader) throws(MalformedRedirection) {
        let isLong = capabilities?.contains(.longBulk) == true
        let endpoint = try fields.u8()
        try fields.skip(1)
        var length = Int(try fields.u16())
        try fields.skip(4)
        if isLong { length |= Int(try fields.u16()) << 16 }
        let data = endpoint & 0x80 == 0 ? fields.rest : []
        guard endpoint & 0x80 != 0 || data.count == length, length <= RedirectionStream.largest else {
            throw MalformedRedirection("a bulk message has \(data.count) bytes of data, \(length) announced")
        }
        begin(id, endpoint, length, data) { [self] result in
            var body: [UInt8] = [endpoint, result.status.rawValue]
            body.put(UInt16(result.count & 0xFFFF))
            body.put(UInt32(0))
            if isLong { body.put(UInt16(result.count >> 16)) }
            write(.bulk, id: id, body + result.data)
        }
    }

    private func interruptOut(_ id: UInt64, _ fields: inout FieldReader) throws(MalformedRedirection) {
        let endpoint = try fields.u8()
        try fields.skip(3)
        guard endpoint & 0x80 == 0 else { throw MalformedRedirection("an interrupt message for an IN endpoint") }
        begin(id, endpoint, 0, fields.rest) { [self] result in
            var body: [UInt8] = [endpoint, result.status.rawValue]
            body.put(UInt16(result.count))
            write(.interrupt, id: id, body)
        }
    }

    private func setConfiguration(_ value: UInt8, _ id: UInt64) {
        begin(id, .setConfiguration(value), []) { [self] result in
            if result.status == .success { sendEndpoints(controller.description) }
            write(.configurationStatus, id: id, [result.status.rawValue, value])
        }
    }

    private func setAlternate(_ interface: UInt8, _ alternate: UInt8, _ id: UInt64) {
        let request = SetupPacket(
            requestType: 1, request: StandardRequest.setInterface, value: UInt16(alternate), index: UInt16(interface))
        begin(id, request, []) { [self] result in
            if result.status == .success { sendEndpoints(controller.description) }
            write(.alternateStatus, id: id, [result.status.rawValue, interface, alternate])
        }
    }

    // MARK: Transfers

    private func begin(
        _ id: UInt64, _ setup: SetupPacket, _ data: [UInt8], _ answer: @escaping @Sendable (TransferResult) -> Void
    ) {
        // Held over submission: the answer must find the number.
        lock.withLock {
            underWay[id] = controller.submit(control: setup, data: data) { [weak self] in self?.ended(id, $0, answer) }
        }
    }

    private func begin(
        _ id: UInt64, _ endpoint: UInt8, _ length: Int, _ data: [UInt8], _ answer: @escaping @Sendable (TransferResult) -> Void
    ) {
        lock.withLock {
            underWay[id] =
                endpoint & 0x80 != 0
                ? controller.submit(in: endpoint, length: length) { [weak self] in self?.ended(id, $0, answer) }
                : controller.submit(out: endpoint, data: data) { [weak self] in self?.ended(id, $0, answer) }
        }
    }

    private func ended(_ id: UInt64, _ result: TransferResult, _ answer: (TransferResult) -> Void) {
        let isWanted = lock.withLock { () -> Bool in
            underWay[id] = nil
            return !isOver
        }
        if isWanted { answer(result) }
    }

    private func receiveInterrupts(_ endpoint: UInt8) {
        let size = controller.description?.endpoints.first { $0.address == endpoint }?.maxPacketSize ?? 64
        lock.withLock {
            guard !isOver else { return }
            interrupts[endpoint] = controller.submit(in: endpoint, length: size) { [weak self] result in
                guard let self, lock.withLock({ self.interrupts[endpoint] != nil && !self.isOver }) else { return }
                interruptCount += 1
                var body: [UInt8] = [endpoint, result.status.rawValue]
                body.put(UInt16(result.count))
                write(.interrupt, id: interruptCount, body + result.data)
                if result.status == .success { receiveInterrupts(endpoint) }
            }
        }
    }

    // MARK: What the client is told

    /// What the client is told is said in the order in which it happened: the lock is held until it is sent.
    func deviceChanged(_ description: DeviceDescription?) {
        guard description == nil else { return announce(description) }
        lock.withLock {
            if isAnnounced { write(.deviceDisconnect, id: 0, []) }
            isAnnounced = false
            underWay = [:]
            interrupts = [:]
        }
    }

    private func announce(_ description: DeviceDescription?) {
        lock.withLock {
            guard let description, !isAnnounced, capabilities != nil else { return }
            isAnnounced = true
            sendEndpoints(description)
            var body: [UInt8] = [1, description.device[4], description.device[5], description.device[6]]
            body.put(description.vendorID)
            body.put(description.productID)
            if capabilities?.contains(.connectDeviceVersion) == true { body.put(description.release) }
            write(.deviceConnect, id: 0, body)
        }
    }

    private func sendEndpoints(_ description: DeviceDescription?) {
        guard let description else { return }
        let interfaces = description.interfaces.filter { $0.alternate == 0 }.prefix(32)
        var body: [UInt8] = []
        body.put(UInt32(interfaces.count))
        func column(_ value: (DeviceDescription.Interface) -> UInt8) -> [UInt8] {
            interfaces.map(value) + [UInt8](repeating: 0, count: 32 - interfaces.count)
        }
        body += column(\.number) + column(\.class) + column(\.subclass) + column(\.protocol)
        write(.interfaceInfo, id: 0, body)

        var types = [UInt8](repeating: 255, count: 32)
        var intervals = [UInt8](repeating: 0, count: 32)
        var owners = [UInt8](repeating: 0, count: 32)
        var sizes = [UInt16](repeating: 0, count: 32)
        for control in [0, 16] {
            types[control] = 0
            sizes[control] = UInt16(description.device[7])
        }
        for endpoint in description.activeEndpoints(controller.alternateSettings) {
            let index = Int(endpoint.address & 0x80) >> 3 | Int(endpoint.address & 15)
            types[index] = endpoint.type
            intervals[index] = endpoint.interval
            owners[index] = endpoint.interface
            sizes[index] = UInt16(endpoint.maxPacketSize)
        }
        body = types + intervals + owners
        if capabilities?.contains(.maxPacketSize) == true { for size in sizes { body.put(size) } }
        write(.endpointInfo, id: 0, body)
    }

    private func write(_ type: RedirectionType, id: UInt64, _ body: [UInt8]) {
        lock.withLock {
            guard !isOver else { return }
            var bytes: [UInt8] = []
            bytes.put(type.rawValue)
            bytes.put(UInt32(body.count))
            if type != .hello, capabilities?.contains(.wideIDs) == true {
                bytes.put(id)
            } else {
                bytes.put(UInt32(truncatingIfNeeded: id))
            }
            bytes += body
            var sent = 0
            while sent < bytes.count {
                let count = bytes.withUnsafeBytes {
                    send(descriptor, $0.baseAddress! + sent, $0.count - sent, Int32(MSG_NOSIGNAL))
                }
                if count < 0 && errno == EINTR { continue }
                guard count > 0 else {
                    isOver = true
                    hangUp()
                    return
                }
                sent += count
            }
        }
    }
}
