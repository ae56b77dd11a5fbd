// A base for device models: endpoint 0, toggles and halts are done here, a subclass answers requests and moves bytes.
import Foundation

/// The descriptors of a device model, as they go over the wire.
public struct DescriptorSet: Sendable {
    /// 18 bytes.
    public var device: [UInt8]
    /// The only configuration, with all that belongs to it; `wTotalLength` must be right.
    public var configuration: [UInt8]
    /// By index, from 1.
    public var strings: [UInt8: String]
    /// Asked for when bcdUSB is 2.01 or more.
    public var bos: [UInt8]

    /// Nothing is checked here: a model may be wrong on purpose.
    /// - Parameters:
    ///   - device: 18 bytes.
    ///   - configuration: as `configuration(interfaceCount:_:)` makes it.
    ///   - strings: by index, from 1; shown in US English (0x0409).
    ///   - bos: empty: a request for it is answered with STALL.
    public init(device: [UInt8], configuration: [UInt8], strings: [UInt8: String] = [:], bos: [UInt8] = []) {
        self.device = device
        self.configuration = configuration
        self.strings = strings
        self.bos = bos
    }

    /// A device descriptor (USB 2.0, section 9.6.1) of a device whose class is in its interfaces; strings 1, 2 and 3 name manufacturer, product and serial number.
    public static func device(
        usb: UInt16 = 0x0200, vendor: UInt16, product: UInt16, release: UInt16 = 0x0100, maxPacketSize0: UInt8 = 64
    ) -> [UInt8] {
        [
            18, DescriptorType.device, low(usb), high(usb), 0, 0, 0, maxPacketSize0, low(vendor), high(vendor), low(product),
            high(product),
        ]
            + [low(release), high(release), 1, 2, 3, 1]
    }

    /// A configuration of value 1, bus-powered, 100 mA, around the descriptors of its interfaces (sections 9.6.3 to 9.6.6).
    public static func configuration(interfaceCount: UInt8, _ rest: [UInt8]) -> [UInt8] {
        let total = UInt16(9 + rest.count)
        return [9, DescriptorType.configuration, low(total), high(total), interfaceCount, 1, 0, 0x80, 50] + rest
    }

    /// An interface descriptor of 9 bytes (section 9.6.5).
    /// - Parameters:
    ///   - endpoints: how many descriptors of endpoints follow it.
    ///   - string: index of the text that names it; 0: none.
    public static func interface(
        _ number: UInt8, alternate: UInt8 = 0, endpoints: UInt8, class: UInt8, subclass: UInt8, protocol: UInt8, string: UInt8 = 0
    ) -> [UInt8] {
        [9, DescriptorType.interface, number, alternate, endpoints, `class`, subclass, `protocol`, string]
    }

    /// An endpoint descriptor of 7 bytes (section 9.6.6); a bulk endpoint of 64 bytes unless told otherwise.
    /// - Parameters:
    ///   - address: bit 7 is IN.
    ///   - attributes: the transfer type: 2 bulk, 3 interrupt.
    ///   - interval: frames of 1 ms, for an interrupt endpoint.
    public static func endpoint(_ address: UInt8, attributes: UInt8 = 2, maxPacketSize: UInt16 = 64, interval: UInt8 = 0)
        -> [UInt8]
    {
        [7, DescriptorType.endpoint, address, attributes, low(maxPacketSize), high(maxPacketSize), interval]
    }

    private static func low(_ value: UInt16) -> UInt8 { UInt8(value & 0xFF) }
    private static func high(_ value: UInt16) -> UInt8 { UInt8(value >> 8) }
}

/// A device model at the level of requests. Subclasses override the `open` members; they are called with the model's lock held.
open class RequestDevice: VirtualUSBDevice, @unchecked Sendable {
    /// What a request comes to.
    public enum Reply: Equatable, Sendable {
        /// The data stage of a device-to-host request; cut to wLength.
        case data([UInt8])
        /// Done, nothing to send.
        case accept
        /// The request is refused: STALL in the next stage.
        case stall
    }

    private enum Stage {
        case idle
        case dataIn([UInt8], offset: Int, toggle: UInt8)
        case dataOut([UInt8], toggle: UInt8)
        case statusIn, statusOut, stalled
    }

    /// Protects the model; recursive, so that an `open` member, which is called with it held, may call `send` and the like.
    public let lock = NSRecursiveLock()
    /// May be changed while disconnected: the device then comes back as another one.
    public var descriptors: DescriptorSet
    /// What SET_CONFIGURATION has set; 0 while not configured.
    public private(set) var configurationValue: UInt8 = 0
    /// What SET_ADDRESS has set, in force from the end of its status stage; 0 after a reset.
    public private(set) var address: UInt8 = 0
    private var setup = SetupPacket(requestType: 0, request: 0)
    private var stage = Stage.idle
    private var alternates: [UInt8: UInt8] = [:]
    private var toggles: [UInt8: UInt8] = [:]
    private var halted: Set<UInt8> = []
    private var outgoing: [UInt8: [[UInt8]]] = [:]
    private var hasRefused: Set<UInt8> = []
    private var report: (@Sendable (DeviceEvent) -> Void)?
    private var isPullUpOn = true

    /// A device with its pull-up on, not attached to a bus.
    public init(_ descriptors: DescriptorSet) { self.descriptors = descriptors }

    // MARK: For subclasses

    /// Answers a request of a class or vendor; `data` is what the host sent in the data stage.
    open func handle(_ setup: SetupPacket, _ data: [UInt8]) -> Reply { .stall }
    /// The status stage of a request that was accepted is over.
    open func completed(_ setup: SetupPacket) {}
    /// A packet came in on a bulk or interrupt endpoint; false: no room now (NAK), `makeReady` follows.
    open func received(_ endpoint: UInt8, _ packet: [UInt8]) -> Bool { true }
    /// The bus was reset, or the cable pulled.
    open func wasReset() {}

    /// Sends `bytes` on an IN endpoint, as packets that end with a short one.
    public func send(_ endpoint: UInt8, _ bytes: [UInt8]) {
        lock.withLock {
            let size = packetSize(endpoint)
            var packets = stride(from: 0, to: bytes.count, by: size).map { Array(bytes[$0..<min($0 + size, bytes.count)]) }
            if bytes.count % size == 0 { packets.append([]) }
            outgoing[endpoint, default: []] += packets
            makeReady(endpoint)
        }
    }

    /// Says that `endpoint`, which may have answered NAK, can make progress.
    public func makeReady(_ endpoint: UInt8) {
        lock.withLock {
            if hasRefused.remove(endpoint) != nil { report?(.ready(endpoint: endpoint)) }
        }
    }

    /// Switches the pull-up: the device leaves the bus, or comes back to it.
    public func setConnected(_ isOn: Bool) {
        lock.withLock {
            isPullUpOn = isOn
            report?(.connected(isOn))
        }
    }

    // MARK: Cable and bus

    /// Says at once, in the caller's thread and with the lock held, whether the pull-up is on.
    public func attach(_ report: @escaping @Sendable (DeviceEvent) -> Void) {
        lock.withLock {
            self.report = report
            report(.connected(isPullUpOn))
        }
    }

    /// Forgets the closure of `attach`, and all that a reset forgets.
    public func detach() {
        lock.withLock {
            report = nil
            clear()
        }
    }

    /// Forgets address, configuration, halts and what was to be sent, then calls `wasReset`.
    public func reset() { lock.withLock { clear() } }

    private func clear() {
        configurationValue = 0
        address = 0
        stage = .idle
        alternates = [:]
        toggles = [:]
        halted = []
        outgoing = [:]
        hasRefused = []
        wasReset()
    }

    /// Does nothing here; called without the lock.
    open func suspend() {}
    /// Does nothing here; called without the lock.
    open func resume() {}

    // MARK: Packets

    /// Begins a control transfer anew, whatever was under way. A request without data from the host is handled now,
    /// others after their data stage.
    open func handleSetup(_ packet: [UInt8]) -> DeviceAnswer {
        lock.withLock {
            guard let setup = SetupPacket(packet) else { return .silence }
            self.setup = setup
            if setup.isDeviceToHost || setup.length == 0 { answer([]) } else { stage = .dataOut([], toggle: 1) }
            return .ack
        }
    }

    private func answer(_ data: [UInt8]) {
        switch setup.requestType & 0x60 == 0 ? standard() : handle(setup, data) {
        case .stall: stage = .stalled
        case .accept: stage = .statusIn
        case .data(let bytes): stage = .dataIn(Array(bytes.prefix(Int(setup.length))), offset: 0, toggle: 1)
        }
    }

    /// On endpoint 0 by the stage of the control transfer; elsewhere the first packet of `send` that was not acknowledged, or
    /// NAK.
    open func handleIn(endpoint: UInt8) -> DeviceAnswer {
        lock.withLock {
            guard endpoint & 15 == 0 else {
                guard let known = self.endpoint(endpoint) else { return .silence }
                if halted.contains(known.address) { return .stall }
                guard let packet = outgoing[endpoint]?.first else {
                    hasRefused.insert(endpoint)
                    return .nak
                }
                return .data(toggle: toggles[endpoint, default: 0], packet)
            }
            switch stage {
            case .dataIn(let bytes, let offset, let toggle):
                return .data(toggle: toggle, Array(bytes[offset...].prefix(Int(descriptors.device[7]))))
            case .statusIn: return .data(toggle: 1, [])
            case .idle, .dataOut, .statusOut, .stalled: return .stall
            }
        }
    }

    /// Goes on to the next packet, or ends the status stage: `completed` is called then.
    open func handleAck(endpoint: UInt8) {
        lock.withLock {
            guard endpoint & 15 == 0 else {
                guard outgoing[endpoint]?.isEmpty == false else { return }
                outgoing[endpoint]?.removeFirst()
                toggles[endpoint, default: 0] ^= 1
                return
            }
            switch stage {
            case .dataIn(let bytes, let offset, let toggle):
                let count = min(bytes.count - offset, Int(descriptors.device[7]))
                let isLast = count < Int(descriptors.device[7]) || offset + count == Int(setup.length)
                stage = isLast ? .statusOut : .dataIn(bytes, offset: offset + count, toggle: toggle ^ 1)
            case .statusIn: finish()
            default: break
            }
        }
    }

    /// Hands data to `received`, or gathers that of a control transfer. A packet that comes twice is acknowledged and left out
    /// (8.6.4).
    open func handleOut(endpoint: UInt8, toggle: UInt8, data: [UInt8]) -> DeviceAnswer {
        lock.withLock {
            guard endpoint & 15 == 0 else {
                guard let known = self.endpoint(endpoint), !known.isIn else { return .silence }
                if halted.contains(endpoint) { return .stall }
                // A packet that was taken already, its handshake lost (8.6.4).
                guard toggle == toggles[endpoint, default: 0] else { return .ack }
                guard received(endpoint, data) else {
                    hasRefused.insert(endpoint)
                    return .nak
                }
                toggles[endpoint, default: 0] ^= 1
                return .ack
            }
            switch stage {
            case .dataOut(let bytes, let expected):
                guard toggle == expected else { return .ack }
                let all = bytes + data
                stage = .dataOut(all, toggle: expected ^ 1)
                if all.count >= Int(setup.length) || data.count < Int(descriptors.device[7]) { answer(all) }
                return .ack
            case .dataIn, .statusOut:
                finish()
                return .ack
            // The last packet of the data stage again, its handshake lost.
            case .statusIn: return .ack
            case .idle, .stalled: return .stall
            }
        }
    }

    private func finish() {
        stage = .idle
        if setup.requestType == 0, setup.request == StandardRequest.setAddress { address = UInt8(setup.value & 0x7F) }
        completed(setup)
    }

    // MARK: Standard requests (section 9.4)

    private func standard() -> Reply {
        let index = UInt8(truncatingIfNeeded: setup.index)
        switch (setup.requestType, setup.request) {
        case (0x00, StandardRequest.setAddress): return .accept
        case (0x80, StandardRequest.getDescriptor): return descriptor().map { .data($0) } ?? .stall
        case (0x80, StandardRequest.getConfiguration): return .data([configurationValue])
        case (0x00, StandardRequest.setConfiguration):
            guard [0, descriptors.configuration[5]].contains(UInt8(truncatingIfNeeded: setup.value)) else { return .stall }
            configurationValue = UInt8(setup.value)
            alternates = [:]
            toggles = [:]
            halted = []
            return .accept
        case (0x80, StandardRequest.getStatus): return .data([descriptors.configuration[7] >> 6 & 1, 0])
        case (0x81, StandardRequest.getStatus): return hasInterface(index) ? .data([0, 0]) : .stall
        case (0x82, StandardRequest.getStatus):
            return index & 15 == 0 || endpoint(index) != nil ? .data([halted.contains(index) ? 1 : 0, 0]) : .stall
        case (0x81, StandardRequest.getInterface): return hasInterface(index) ? .data([alternates[index, default: 0]]) : .stall
        case (0x01, StandardRequest.setInterface):
            guard hasInterface(index),
                parsed?.interfaces.contains(where: { $0.number == index && $0.alternate == setup.value }) == true
            else { return .stall }
            alternates[index] = UInt8(setup.value)
            for endpoint in parsed?.endpoints ?? [] where endpoint.interface == index { clear(endpoint.address) }
            return .accept
        case (0x02, StandardRequest.clearFeature) where setup.value == 0:
            guard index & 15 == 0 || endpoint(index) != nil else { return .stall }
            clear(index)
            return .accept
        case (0x02, StandardRequest.setFeature) where setup.value == 0:
            guard endpoint(index) != nil else { return .stall }
            halted.insert(index)
            return .accept
        default: return .stall
        }
    }

    private func clear(_ endpoint: UInt8) {
        halted.remove(endpoint)
        toggles[endpoint] = 0
    }

    private func descriptor() -> [UInt8]? {
        let index = UInt8(setup.value & 0xFF)
        switch UInt8(setup.value >> 8) {
        case DescriptorType.device: return descriptors.device
        case DescriptorType.configuration: return index == 0 ? descriptors.configuration : nil
        case DescriptorType.bos: return descriptors.bos.isEmpty ? nil : descriptors.bos
        case DescriptorType.string:
            if index == 0 { return [4, DescriptorType.string, 0x09, 0x04] }
            return descriptors.strings[index].map { text in
                let units = text.utf16.flatMap { [UInt8($0 & 0xFF), UInt8($0 >> 8)] }
                return [UInt8(units.count + 2), DescriptorType.string] + units
            }
        default: return nil
        }
    }

    private var parsed: DeviceDescription? {
        var reader = DescriptorReader()
        return reader.description(device: descriptors.device, configuration: descriptors.configuration)
    }

    private func hasInterface(_ number: UInt8) -> Bool {
        configurationValue != 0 && parsed?.interfaces.contains { $0.number == number } == true
    }

    private func endpoint(_ address: UInt8) -> DeviceDescription.Endpoint? {
        guard configurationValue != 0 else { return nil }
        return parsed?.activeEndpoints(alternates).first { $0.address == address }
    }

    private func packetSize(_ address: UInt8) -> Int { endpoint(address)?.maxPacketSize ?? 64 }
}
