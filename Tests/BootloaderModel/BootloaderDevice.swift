// The bootloader at the end of a virtual cable; before that, when asked for, the node that runs until it is told to detach.
import Foundation
import VirtualUSB

/// An `STM32Bootloader` on the virtual bus.
public final class BootloaderDevice: RequestDevice, @unchecked Sendable {
    public let model: STM32Bootloader
    private var isRunning: Bool
    /// How long the host was told to wait, and when.
    private var told: (microseconds: UInt64, at: UInt64)?

    /// - Parameter nodeSerial: the serial number of the node that runs at first; nil starts with the bootloader.
    public init(_ model: STM32Bootloader, nodeSerial: String? = nil) {
        self.model = model
        isRunning = nodeSerial != nil
        super.init(nodeSerial.map { .node(serial: $0) } ?? .bootloader(serial: model.serial))
    }

    public override func handle(_ setup: SetupPacket, _ data: [UInt8]) -> Reply {
        guard setup.requestType & 0x7F == 0x21 else { return .stall }
        if isRunning { return setup.request == 0 && setup.index == 1 ? .accept : .stall }
        // The host's own speed does not count; the wait that the device told it to make does, as far as it made it.
        if let told {
            model.pass(min(told.microseconds, (DispatchTime.now().uptimeNanoseconds - told.at) / 1000))
            self.told = nil
        }
        let length = setup.isDeviceToHost ? Int(setup.length) : 0
        switch model.request(setup.request, value: setup.value, length: length, data: data) {
        case .data(let bytes):
            if setup.request == 3, bytes.count == 6 {
                let poll = UInt64(bytes[1]) | UInt64(bytes[2]) << 8 | UInt64(bytes[3]) << 16
                if poll > 0 { told = (poll * 1000, DispatchTime.now().uptimeNanoseconds) }
            }
            return .data(bytes)
        case .acknowledged: return .accept
        case .stall: return .stall
        case .gone, .silence:
            if model.isGone { setConnected(false) }
            return .stall
        }
    }

    public override func completed(_ setup: SetupPacket) {
        if isRunning, setup.requestType == 0x21, setup.request == 0 {
            // The node leaves the bus and comes back as its chip's bootloader.
            isRunning = false
            setConnected(false)
            descriptors = .bootloader(serial: model.serial)
            DispatchQueue.global().asyncAfter(deadline: .now() + 0.05) { self.setConnected(true) }
        } else if model.isGone {
            setConnected(false)
        }
    }

    // Whoever is unplugged answers nothing.
    public override func handleSetup(_ packet: [UInt8]) -> DeviceAnswer {
        guard isAway else { return super.handleSetup(packet) }
        // The transfer that it left by may have been cut off before its end: its pull-up went with it all the same.
        setConnected(false)
        return .silence
    }
    public override func handleIn(endpoint: UInt8) -> DeviceAnswer {
        model.isGone && !model.hasLeft ? .silence : super.handleIn(endpoint: endpoint)
    }
    private var isAway: Bool { !isRunning && model.isGone }

    /// Plugged in again with BOOT0 high.
    public func replug() {
        lock.withLock {
            model.replug()
            told = nil
            setConnected(true)
        }
    }
}
