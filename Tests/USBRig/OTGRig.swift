// The driver of the STM32F411's controller on its register model.

import HAL
import RegisterModels
import STM32F4
import USBDevice

public final class OTGRig: SimulatedBus {
    public let model = OTGModel()
    public var usb: USBDevice<OTGDevice<ModelBlock>, NodeFunctions>
    public let hasStarted: Bool
    /// The device's interrupt is late: several things may have happened before it runs.
    public var isBusy = false

    public init(_ faults: OTGFaults = OTGFaults()) {
        model.faults = faults
        usb = USBDevice(OTGDevice(model.block), NodeFunctions())
        usb.functions.identify(board: "test-board", version: (1, 2, 3))
        hasStarted = usb.controller.start()
    }

    /// Runs the interrupt until its line is low.
    public func step() {
        if isBusy { return }
        usb.service()
        var turns = 0
        while model.isInterrupting && turns < 100 {
            usb.service()
            turns += 1
        }
        if turns == 100 { model.violations.append("the interrupt line stays high") }
    }

    private func stepped<T>(_ answer: T) -> T {
        step()
        return answer
    }

    public var isConnected: Bool { model.isConnected }
    public func reset() {
        model.beginReset()
        step()
        model.endReset()
        step()
    }
    public func suspend() {
        model.suspend()
        step()
    }
    public func resume() {
        model.resume()
        step()
    }
    /// The board cannot see that: the bus is idle.
    public func unplug() { suspend() }

    /// A host repeats a SETUP packet twice at most before it gives up or goes on; the core counts on that.
    public func setup(_ bytes: [UInt8]) -> Handshake {
        if !model.expectsSetup { _ = self.in(0x80, acknowledges: false) }
        return stepped(model.hostSetup(bytes))
    }
    /// Again after a NAK on endpoint 0, as a host does: the core answers so to the first token after a SETUP packet.
    public func out(_ endpoint: UInt8, toggle: UInt8, _ bytes: [UInt8]) -> Handshake {
        let isFirst = endpoint == 0 && model.isSetupStage
        let answer = stepped(model.hostOut(endpoint, toggle: toggle, bytes))
        return isFirst && answer == .nak ? stepped(model.hostOut(endpoint, toggle: toggle, bytes)) : answer
    }
    public func `in`(_ endpoint: UInt8, acknowledges: Bool) -> InAnswer {
        let isFirst = endpoint == 0x80 && model.isSetupStage
        let answer = stepped(model.hostIn(endpoint, acknowledges: acknowledges))
        return isFirst && answer == .handshake(.nak) ? stepped(model.hostIn(endpoint, acknowledges: acknowledges)) : answer
    }
    public var address: UInt8 { model.address }
    public var wakeups: Int { model.wakeups }
    public var violations: [String] { model.violations }

    public func withPipe<Result>(_ body: (inout USBPipe) -> Result) -> Result { body(&usb.functions.pipe) }
    public func settle() { step() }
    public var state: String { "\(usb.state)" }
    public var isSuspended: Bool { usb.isSuspended }
}
