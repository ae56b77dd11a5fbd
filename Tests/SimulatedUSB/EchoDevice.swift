// A small device that sends back what it gets, and that can be told to break the specification: it shows what the virtual host controller sees.
import VirtualUSB

/// Interface 0: vendor class, bulk OUT 0x01 and IN 0x81, echo. Vendor request 1 stores or returns up to 4096 bytes.
public final class EchoDevice: RequestDevice, @unchecked Sendable {
    /// What it does wrong.
    public enum Fault: Hashable, Sendable {
        /// Sends DATA0 for ever on this endpoint.
        case toggleStuck(UInt8)
        /// Ends transfers on 0x81, and data stages shorter than wLength, without the zero-length packet.
        case noZeroLengthPacket
        /// Makes the packets of this endpoint a byte too long.
        case longPackets(UInt8)
        /// Takes a packet for received although the host's handshake did not come.
        case forgetsUnacknowledged
        /// Answers SETUP with NAK.
        case refusesSetup
        /// Sends data in the status stage.
        case talkativeStatus
        /// Answers GET_DESCRIPTOR(configuration) with all there is, whatever wLength says.
        case ignoresLength
        /// Does not answer tokens of this endpoint at all.
        case silent(UInt8)
        /// After CLEAR_FEATURE(ENDPOINT_HALT) goes on with the toggle it had.
        case keepsToggleOnClearHalt
        /// Is configured already after reset.
        case configuredFromReset
    }

    public var faults: Set<Fault> = []
    /// Takes no OUT packets while false.
    public var isAccepting = true { didSet { if isAccepting { makeReady(0x01) } } }
    /// All that came in on endpoint 1.
    public private(set) var heard: [UInt8] = []
    public private(set) var stored: [UInt8] = []
    private var echoes: [UInt8] = []
    private var oldToggle = 0 as UInt8
    private var flips: UInt8 = 0
    private var answersWhole = false

    public static let descriptors = DescriptorSet(
        device: DescriptorSet.device(usb: 0x0201, vendor: 0x1209, product: 0x0002),
        configuration: DescriptorSet.configuration(
            interfaceCount: 1,
            DescriptorSet.interface(0, endpoints: 2, class: 0xFF, subclass: 0, protocol: 0, string: 4)
                + DescriptorSet.endpoint(0x01) + DescriptorSet.endpoint(0x81)),
        strings: [1: "lightnode", 2: "Echo", 3: "E0001", 4: "Bytes in, bytes out — ünïcode 🔑"],
        bos: [5, 15, 12, 0, 1, 7, 16, 2, 0, 0, 0, 0])

    public init(faults: Set<Fault> = []) {
        self.faults = faults
        super.init(Self.descriptors)
    }

    public override func handle(_ setup: SetupPacket, _ data: [UInt8]) -> Reply {
        switch (setup.requestType, setup.request) {
        case (0x40, 1):
            stored = data
            return .accept
        case (0xC0, 1): return .data(stored)
        default: return .stall
        }
    }

    public override func received(_ endpoint: UInt8, _ packet: [UInt8]) -> Bool {
        guard isAccepting else { return false }
        heard += packet
        echoes += packet
        // A transfer ends with a short packet: its echo too.
        if packet.count < 64 {
            send(0x81, echoes)
            echoes = []
        }
        return true
    }

    public override func wasReset() {
        echoes = []
        flips = 0
    }

    // MARK: Breaking the specification

    public override func handleSetup(_ packet: [UInt8]) -> DeviceAnswer {
        if faults.contains(.refusesSetup) { return .nak }
        if faults.contains(.ignoresLength), packet[1] == 6, packet[3] == 2 { answersWhole = true }
        if faults.contains(.keepsToggleOnClearHalt), packet[0] == 2, packet[1] == 1 { flips ^= oldToggle }
        var packet = packet
        if faults.contains(.noZeroLengthPacket) || answersWhole { asked = Int(word(packet)) }
        if answersWhole { packet[6] = 0xFF }
        return super.handleSetup(packet)
    }

    private var asked = 0
    private func word(_ packet: [UInt8]) -> UInt16 { UInt16(packet[6]) | UInt16(packet[7]) << 8 }

    public override func handleIn(endpoint: UInt8) -> DeviceAnswer {
        if faults.contains(.silent(endpoint)) { return .silence }
        let answer = super.handleIn(endpoint: endpoint)
        guard case .data(var toggle, var data) = answer else { return answer }
        if faults.contains(.toggleStuck(endpoint)) { toggle = 0 }
        if endpoint == 0x81 {
            oldToggle = toggle ^ 1
            toggle ^= flips
        }
        if faults.contains(.noZeroLengthPacket), data.isEmpty, endpoint == 0x81 {
            super.handleAck(endpoint: endpoint)
            return super.handleIn(endpoint: endpoint)
        }
        if faults.contains(.longPackets(endpoint)) { data += [UInt8](repeating: 0xAA, count: 65 - data.count) }
        if faults.contains(.talkativeStatus), endpoint == 0x80, data.isEmpty { data = [1] }
        if faults.contains(.forgetsUnacknowledged), endpoint == 0x81 { super.handleAck(endpoint: endpoint) }
        return .data(toggle: toggle, data)
    }

    public override func handleOut(endpoint: UInt8, toggle: UInt8, data: [UInt8]) -> DeviceAnswer {
        if faults.contains(.silent(endpoint)) { return .silence }
        return super.handleOut(endpoint: endpoint, toggle: toggle, data: data)
    }

    public override func handleAck(endpoint: UInt8) {
        if faults.contains(.forgetsUnacknowledged), endpoint == 0x81 { return }
        super.handleAck(endpoint: endpoint)
        if endpoint & 15 == 0 { answersWhole = false }
    }
}
