// A full-speed USB 2.0 device: the states and standard requests of chapter 9, over any controller, in front of any functions.
//
// Everything runs in the controller's interrupt, so that a host never waits for the main loop: chapter 9 gives a device 50 ms for most
// requests (9.2.6.4), and a signature takes longer. Functions hand bytes to and from the main loop through rings.
//
// Refused, because a full-speed device need not have it: SET_DESCRIPTOR, SYNCH_FRAME, TEST_MODE, the DEVICE_QUALIFIER and
// OTHER_SPEED_CONFIGURATION descriptors, and class or vendor requests that bring data. Whatever the specification leaves open is
// refused as well.

import HAL

/// A device that is off the bus until its functions want to be attached. Everything but `init` happens in the controller's
/// interrupt.
public struct USBDevice<Controller: USBDeviceController & ~Copyable, Functions: USBFunctions & ~Copyable>: ~Copyable {
    private let inMemory = InMemory()
    /// The chip's part. Start it before the first `service`; from then on this device tells it what to do.
    public var controller: Controller
    /// What the device does, once configured.
    public var functions: Functions

    /// Device states (9.1.1). Being suspended comes on top: see `isSuspended`.
    public enum State: UInt8, Sendable {
        /// Not on the bus, or not reset yet.
        case powered
        /// Reset by the host; answers at address 0.
        case `default`
        /// Has an address of its own, and only endpoint 0.
        case address
        /// The functions' endpoints are open.
        case configured
    }
    public internal(set) var state = State.powered
    /// The bus has been idle for 3 ms (7.1.7.6). Comes on top of any state, and leaves it as it is.
    public internal(set) var isSuspended = false
    /// The host allowed remote wakeup.
    public internal(set) var mayWakeHost = false
    var isWaking = false
    private var isConnected = false
    /// Halted endpoints: bit n for OUT endpoint n, bit 16 + n for IN endpoint n.
    var halted: UInt32 = 0

    /// Where the control transfer on endpoint 0 stands (8.5.3).
    enum Stage: UInt8 {
        case idle
        /// Data go to the host; it may end the stage early.
        case dataIn
        /// The host's empty packet is awaited.
        case statusOut
        /// The device's empty packet is on its way.
        case statusIn
    }
    var stage = Stage.idle
    var setup = USBSetup(requestType: 0, request: 0, value: 0, index: 0, length: 0)
    var answer = USBAnswer()
    /// Bytes of the answer that are loaded or sent.
    var answered = 0
    /// The answer ends with an empty packet.
    var needsEmptyPacket = false
    var packet = InlineArray<64, UInt8>(repeating: 0)

    /// Takes over the parts and touches nothing: the first `service` connects, if the functions want it.
    public init(_ controller: consuming Controller, _ functions: consuming Functions) {
        self.controller = controller
        self.functions = functions
    }

    /// Does all that can be done now. Called in the controller's interrupt, which the main loop requests when it has something for the host.
    public mutating func service() {
        if functions.wantsAttachment != isConnected { isConnected ? disconnect() : connect() }
        progress()
        while let event = controller.nextEvent() {
            handle(event)
            progress()
        }
    }

    @inline(never)
    private mutating func progress() {
        guard state == .configured else { return }
        if isSuspended {
            if mayWakeHost && !isWaking && functions.wantsHost {
                isWaking = true
                controller.wakeHost()
            }
        } else {
            functions.service(&controller)
        }
    }

    private mutating func connect() {
        isConnected = true
        controller.connect()
    }

    private mutating func disconnect() {
        isConnected = false
        controller.disconnect()
        reset(to: .powered)
    }

    @inline(never)
    private mutating func handle(_ event: USBEvent) {
        switch event {
        case .reset: reset(to: .default)
        case .detached: reset(to: .powered)
        case .suspended: isSuspended = true
        case .resumed: awake()
        case .setup(let setup):
            awake()
            begin(setup)
        case .received(0): statusReceived()
        case .received(let address): functions.received(address, &controller)
        case .sent(0x80): controlPacketSent()
        case .sent(let address): functions.sent(address)
        }
    }

    private mutating func awake() {
        isSuspended = false
        isWaking = false
    }

    @inline(never)
    private mutating func reset(to state: State) {
        closeEndpoints()
        if self.state == .configured { functions.configurationChanged(isConfigured: false) }
        self.state = state
        stage = .idle
        mayWakeHost = false
        awake()
    }

    // MARK: Endpoints

    /// The endpoint of this address, if the functions have it.
    @inline(never)
    func endpoint(_ address: UInt16) -> USBEndpoint? {
        var index = 0
        while let entry = Functions.endpoint(index) {
            if UInt16(entry.endpoint.address) == address { return entry.endpoint }
            index &+= 1
        }
        return nil
    }

    /// Opens the endpoints of one interface, or of all, as after a reset.
    @inline(never)
    mutating func openEndpoints(of interface: UInt8?) {
        var index = 0
        while let entry = Functions.endpoint(index) {
            if interface == nil || entry.interface == interface { open(entry.endpoint) }
            index &+= 1
        }
    }

    mutating func open(_ endpoint: USBEndpoint) {
        halted &= ~Self.bit(endpoint.address)
        controller.open(endpoint)
        functions.endpointChanged(endpoint.address, isOpen: true)
    }

    mutating func halt(_ endpoint: USBEndpoint) {
        halted |= Self.bit(endpoint.address)
        controller.stall(endpoint.address)
        functions.endpointChanged(endpoint.address, isOpen: false)
    }

    @inline(never)
    mutating func closeEndpoints() {
        var index = 0
        while let entry = Functions.endpoint(index) {
            if state == .configured { controller.close(entry.endpoint.address) }
            functions.endpointChanged(entry.endpoint.address, isOpen: false)
            index &+= 1
        }
        halted = 0
    }

    static func bit(_ address: UInt8) -> UInt32 { 1 << (UInt32(address & 0xF) | UInt32(address & 0x80) >> 3) }
}
