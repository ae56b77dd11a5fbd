// The standard requests (USB 2.0, 9.4): what each does in each state.

import HAL

extension USBDevice where Controller: ~Copyable, Functions: ~Copyable {
    private var isAddressed: Bool { state == .address || state == .configured }

    /// - Returns: false for a request error.
    @inline(never)
    mutating func standard(_ setup: USBSetup) -> Bool {
        let recipient = setup.requestType & ~RequestType.toHost
        let isToHost = setup.requestType & RequestType.toHost != 0
        switch (setup.request, isToHost) {
        case (StandardRequest.getStatus.rawValue, true): return getStatus(setup, recipient)
        case (StandardRequest.clearFeature.rawValue, false): return changeFeature(setup, recipient, isSet: false)
        case (StandardRequest.setFeature.rawValue, false): return changeFeature(setup, recipient, isSet: true)
        case (StandardRequest.getInterface.rawValue, true): return getInterface(setup, recipient)
        case (StandardRequest.setInterface.rawValue, false): return setInterface(setup, recipient)
        default: break
        }
        guard recipient == Recipient.device.rawValue else { return false }
        switch (setup.request, isToHost) {
        case (StandardRequest.setAddress.rawValue, false): return setAddress(setup)
        case (StandardRequest.getDescriptor.rawValue, true):
            return functions.describe(
                UInt8(truncatingIfNeeded: setup.value >> 8), UInt8(truncatingIfNeeded: setup.value), language: setup.index,
                to: &answer)
        case (StandardRequest.getConfiguration.rawValue, true):
            guard isAddressed else { return false }
            answer.append(state == .configured ? 1 : 0 as UInt8)
            return true
        case (StandardRequest.setConfiguration.rawValue, false): return setConfiguration(setup)
        default: return false
        }
    }

    /// 9.4.6. The address changes after the status stage: the state in `finish`, the controller by its own.
    private mutating func setAddress(_ setup: USBSetup) -> Bool {
        guard setup.value <= 127, setup.index == 0, state == .default || state == .address else { return false }
        controller.setAddress(UInt8(truncatingIfNeeded: setup.value))
        return true
    }

    /// 9.4.7. Setting the configuration anew resets toggles and halts.
    private mutating func setConfiguration(_ setup: USBSetup) -> Bool {
        guard isAddressed, setup.value <= 1, setup.index == 0 else { return false }
        closeEndpoints()
        let isConfigured = setup.value == 1
        if isConfigured || state == .configured { functions.configurationChanged(isConfigured: isConfigured) }
        state = isConfigured ? .configured : .address
        if isConfigured { openEndpoints(of: nil) }
        return true
    }

    /// 9.4.5.
    private mutating func getStatus(_ setup: USBSetup, _ recipient: UInt8) -> Bool {
        guard isAddressed else { return false }
        var status: UInt16 = 0
        switch recipient {
        case Recipient.device.rawValue:
            guard setup.index == 0 else { return false }
            status = mayWakeHost ? 1 << 1 : 0  // bit 0: self-powered, which no board here is
        case Recipient.interface.rawValue:
            guard hasInterface(setup.index) else { return false }
        case Recipient.endpoint.rawValue:
            if setup.index & 0x7F != 0 {
                guard state == .configured, let endpoint = endpoint(setup.index) else { return false }
                status = halted & Self.bit(endpoint.address) != 0 ? 1 : 0
            } else if setup.index > 0x80 {
                return false
            }
        default: return false
        }
        answer.append(status)
        return true
    }

    /// 9.4.1 and 9.4.9. Endpoint 0 has no halt of its own: clearing it succeeds, setting it does not.
    private mutating func changeFeature(_ setup: USBSetup, _ recipient: UInt8, isSet: Bool) -> Bool {
        guard isAddressed else { return false }
        switch (recipient, setup.value) {
        case (Recipient.device.rawValue, Feature.deviceRemoteWakeup):
            guard setup.index == 0 else { return false }
            mayWakeHost = isSet
            return true
        case (Recipient.endpoint.rawValue, Feature.endpointHalt):
            if setup.index == 0 || setup.index == 0x80 { return !isSet }
            guard state == .configured, let endpoint = endpoint(setup.index) else { return false }
            isSet ? halt(endpoint) : open(endpoint)
            return true
        default: return false
        }
    }

    /// 9.4.4.
    private mutating func getInterface(_ setup: USBSetup, _ recipient: UInt8) -> Bool {
        guard recipient == Recipient.interface.rawValue, hasInterface(setup.index) else { return false }
        answer.append(0 as UInt8)
        return true
    }

    /// 9.4.10. There is setting 0 alone; choosing it resets the interface's endpoints all the same (9.1.1.5).
    private mutating func setInterface(_ setup: USBSetup, _ recipient: UInt8) -> Bool {
        guard recipient == Recipient.interface.rawValue, setup.value == 0, hasInterface(setup.index) else { return false }
        openEndpoints(of: UInt8(truncatingIfNeeded: setup.index))
        return true
    }

    private func hasInterface(_ index: UInt16) -> Bool { state == .configured && index < UInt16(Functions.interfaceCount) }
}
